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

/** Completion for fish 3 and later. */
export function fishCompletion(verbs: readonly Verb[]): string {
  const withValue = verbs
    .flatMap(optionsOf)
    .filter((option) => shapeOf(option).value !== undefined && !shapeOf(option).isValueOptional)
    .flatMap((option) => shapeOf(option).names);
  const global = [...commonOptions(true), VERSION_OPTION];
  return `# fish completion for memtool; made from its own list of commands
function __memtool_verb
    set -l skip 0
    for word in (commandline -opc)[2..-1]
        if test $skip = 1
            set skip 0
        else if contains -- $word ${[...new Set(withValue)].join(' ')}
            set skip 1
        else if not string match -q -- '-*' $word
            echo $word
            return 0
        end
    end
    return 1
end

function __memtool_is
    test (__memtool_verb; or echo) = $argv[1]
end

function __memtool_live
    command memtool completion $argv 2>/dev/null </dev/null
end

complete -c memtool -f
complete -c memtool -s h -l help -d 'show what there is'
${global.map((option) => `complete -c memtool -n 'not __memtool_verb >/dev/null' ${specOf(option)}`).join('\n')}
${verbs.map(({ name, summary }) => `complete -c memtool -n 'not __memtool_verb >/dev/null' -a ${name} -d ${quote(summary)}`).join('\n')}
${verbs.map(linesOf).join('\n')}
`;
}

function linesOf(verb: Verb): string {
  const is = `complete -c memtool -n '__memtool_is ${verb.name}'`;
  const operand = argumentsOf(operandOf(verb));
  return [
    ...optionsOf(verb).map((option) => `${is} ${specOf(option)}`),
    ...(operand === undefined ? [] : [`${is} ${operand}`]),
    ...(operandOf(verb) === 'ended' ? [`${is} -F`] : []),
  ].join('\n');
}

function specOf(option: VerbOption): string {
  const { names, value, isValueOptional } = shapeOf(option);
  const flags = names.map((name) => (name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`));
  const takes = value === undefined || isValueOptional ? [] : ['-r', argumentsOf(valueOf(option)) ?? '-f'];
  return [...flags, ...takes, '-d', quote(option[1])].join(' ');
}

function argumentsOf(completes: Completes | undefined): string | undefined {
  if (completes === undefined) return undefined;
  if (typeof completes !== 'string') return `-f -a ${quote(completes.join(' '))}`;
  if (completes === 'file') return '-F';
  return `-f -a '(__memtool_live ${completes})'`;
}

function quote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
