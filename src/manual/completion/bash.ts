import {
  commonOptions,
  operandOf,
  optionsOf,
  shapeOf,
  valueOf,
  VERSION_OPTION,
  type Completes,
  type Verb,
} from '../verb.ts';

/**
 * Completion for bash 3.2 and later. Names of processes are somebody else's text: they are never given to `compgen -W`, which
 * would expand what is in them.
 */
export function bashCompletion(verbs: readonly Verb[]): string {
  return `# bash completion for memtool; made from its own list of commands
_memtool_add() {
  # Words, one a line with a description behind a tab, that begin with what is typed.
  local word _rest
  while IFS=$'\\t' read -r word _rest; do
    [[ -n $word && $word == "$cur"* ]] && COMPREPLY+=("$(printf '%q' "$word")")
  done
}

_memtool_live() {
  _memtool_add < <(command memtool completion "$@" 2>/dev/null </dev/null)
}

_memtool_files() {
  local file
  compopt -o filenames 2>/dev/null
  while IFS= read -r file; do COMPREPLY+=("$file"); done < <(compgen -f -- "$cur")
}

_memtool() {
  local cur prev verb= index word
  COMPREPLY=()
  cur=\${COMP_WORDS[COMP_CWORD]}
  prev=\${COMP_WORDS[COMP_CWORD-1]}
  # bash takes --format=pprof for three words.
  if [[ $cur == = ]]; then cur=; elif [[ $prev == = ]]; then prev=\${COMP_WORDS[COMP_CWORD-2]}; fi
  for ((index = 1; index < COMP_CWORD; index++)); do
    word=\${COMP_WORDS[index]}
    case $word in
      ${patternsOfValues(verbs)}) ((index++)) ;;
      -*) ;;
      *) verb=$word; break ;;
    esac
  done
  case "$verb $prev" in
${valueCases(verbs)}
  esac
  if [[ $cur == -* ]]; then
    case $verb in
${verbs.map((verb) => `      ${verb.name}) _memtool_add <<< $'${flags(verb)}' ;;`).join('\n')}
      '') _memtool_add <<< $'${[...commonOptions(true), VERSION_OPTION].flatMap((option) => shapeOf(option).names).join('\\n')}\\n--help' ;;
    esac
    return
  fi
  case $verb in
    '') _memtool_add <<< $'${verbs.map(({ name }) => name).join('\\n')}' ;;
${verbs
  .map((verb) => ({ verb, action: actionOf(operandOf(verb)) }))
  .filter(({ action }) => action !== undefined)
  .map(({ verb, action }) => `    ${verb.name}) ${action} ;;`)
  .join('\n')}
  esac
}

complete -F _memtool memtool
`;
}

function flags(verb: Verb): string {
  return [...optionsOf(verb).flatMap((option) => shapeOf(option).names), '--help'].join('\\n');
}

/** Options whose value is the next word, so that it is not taken for the verb. */
function patternsOfValues(verbs: readonly Verb[]): string {
  const names = new Set(
    verbs
      .flatMap(optionsOf)
      .filter((option) => shapeOf(option).value !== undefined && !shapeOf(option).isValueOptional)
      .flatMap((option) => shapeOf(option).names),
  );
  return [...names].join('|');
}

function valueCases(verbs: readonly Verb[]): string {
  return verbs
    .flatMap((verb) =>
      optionsOf(verb).flatMap((option) => {
        const { names, value, isValueOptional } = shapeOf(option);
        if (value === undefined || isValueOptional) return [];
        const action = actionOf(valueOf(option)) ?? '';
        return [
          `    ${names.map((name) => `'${verb.name} ${name}'`).join('|')}) ${action}${action === '' ? '' : '; '}return ;;`,
        ];
      }),
    )
    .join('\n');
}

function actionOf(completes: Completes | undefined): string | undefined {
  if (completes === undefined) return undefined;
  if (typeof completes !== 'string') return `_memtool_add <<< $'${completes.join('\\n')}'`;
  if (completes === 'file') return '_memtool_files';
  if (completes === 'ended') return '_memtool_live ended; _memtool_files';
  return `_memtool_live ${completes}`;
}
