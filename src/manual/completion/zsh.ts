import {
  commonOptions,
  operandOf,
  optionsOf,
  shapeOf,
  valueOf,
  VERSION_OPTION,
  type Completes,
  type Verb,
  type VerbOption,
} from '../verb.ts';

/** Completion for zsh, to be put into a file named \`_memtool\` on the fpath, or to be sourced after compinit. */
export function zshCompletion(verbs: readonly Verb[]): string {
  return `#compdef memtool
# zsh completion for memtool; made from its own list of commands
_memtool_live() {
  # Words, one a line with a description behind a tab.
  local -a found
  local line
  for line in "\${(@f)$(command memtool completion "$@" 2>/dev/null </dev/null)}"; do
    [[ -n $line ]] && found+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
  done
  _describe -t processes "\${1}" found
}

_memtool_verbs() {
  local -a verbs
  verbs=(
${verbs.map(({ name, summary }) => `    ${quote(`${name}:${summary}`)}`).join('\n')}
  )
  _describe -t commands 'memtool command' verbs
}

_memtool() {
  local curcontext=$curcontext state line
  typeset -A opt_args
  _arguments -C \\
${[...commonOptions(true), VERSION_OPTION].map((option) => `    ${specOf(option)} \\`).join('\n')}
    '(-h --help)'{-h,--help}'[show what there is]' \\
    '1: :_memtool_verbs' \\
    '*:: :->rest' && return
  [[ $state == rest ]] || return
  curcontext="\${curcontext%:*}-$line[1]:"
  case $line[1] in
${verbs.map(caseOf).join('\n')}
  esac
}

if [[ $funcstack[1] == _memtool ]]; then _memtool "$@"; else compdef _memtool memtool; fi
`;
}

function caseOf(verb: Verb): string {
  const operand = actionOf(operandOf(verb));
  const specs = [
    ...optionsOf(verb).map(specOf),
    "'(-h --help)'{-h,--help}'[show what there is]'",
    ...(verb.startsProgram === true ? ["'*:: :_normal'"] : operand === undefined ? [] : [quote(`*: :${operand}`)]),
  ];
  return `    ${verb.name})\n      _arguments \\\n${specs.map((spec) => `        ${spec}`).join(' \\\n')}\n      ;;`;
}

function specOf(option: VerbOption): string {
  const { names, value, isValueOptional } = shapeOf(option);
  const description = `[${escaped(option[1])}]`;
  // What may be given without a value takes the next word only if it can be one: here it takes none.
  const takes = value === undefined || isValueOptional ? '' : `:${escaped(value)}:${actionOf(valueOf(option)) ?? ' '}`;
  // Both --pool name and --pool=name; and -oname.
  const [only = '', second] = takes === '' ? names : names.map((name) => `${name}${name.startsWith('--') ? '=' : '+'}`);
  if (second === undefined) return quote(`${only}${description}${takes}`);
  return `${quote(`(${names.join(' ')})`)}{${only},${second}}${quote(`${description}${takes}`)}`;
}

function actionOf(completes: Completes | undefined): string | undefined {
  if (completes === undefined) return undefined;
  if (typeof completes !== 'string') return `(${completes.join(' ')})`;
  if (completes === 'file') return '_files';
  // Without braces, zsh would put arguments of its own before ours.
  return `{_memtool_live ${completes}}`;
}

/** What zsh would take for the end of it. */
function escaped(text: string): string {
  return text.replace(/([[\]:])/g, '\\$1');
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
