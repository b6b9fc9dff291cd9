import type { ProcessLast } from '../report/last.ts';
import { formatBytes, formatChange, formatSeconds } from '../units.ts';
import { stackLines } from './stack.ts';
import type { Style } from './style.ts';
import { hanging, printable } from './text.ts';

/** Below this much in the time that is known by the second nothing is said to have grown. */
const GROWTH_BYTES_MIN: number = 4 * 1024 * 1024;

interface Growth {
  kind: 'heap' | 'buffers' | 'pool' | 'native';
  name: string;
  bytes: number;
}

/** What to look at, and what to type, before it happens again. */
export function adviceLines(found: ProcessLast, style: Style): string[] {
  return adviceFor(found).flatMap((text) => hanging('  ', text, style.width));
}

function adviceFor(found: ProcessLast): string[] {
  const { ending, name, heapLimitBytes } = found;
  const target = /^[\w.@-]+$/.test(name) ? name : '<pid>';
  const grown = largestGrowth(found);
  const growth = grown === undefined ? [] : [growthSentence(grown, found)];
  switch (ending.how) {
    case 'running':
      return [`How it is now: \`memtool stats ${found.pid}\``];
    case 'heap-limit':
      return [
        ...growth,
        ...suspectSentence(found),
        `Next: run it again with an agent, and ask who holds the heap before it is full: \`memtool leaks ${target} --wait\`. If all of it is needed, give it more than ${formatBytes(heapLimitBytes ?? 0)}: \`node --max-old-space-size=<MiB>\`.`,
      ];
    case 'oom-kill':
      return [...growth, ...oomAdvice(found, grown, target)];
    case 'killed':
      return [
        ...growth,
        'Next: start it with `memtool run`, which sees the signal and notes it here; who sends one is seen in the logs of its supervisor or orchestrator.',
      ];
    case 'exit':
    case 'error':
      return ending.ofMemory
        ? [...growth, `Next: who holds it while it runs: \`memtool leaks ${target} --age 0\``]
        : growth;
    case 'signal':
      return ending.signal === 'SIGKILL'
        ? [
            ...growth,
            'Next: the logs of its supervisor, or orchestrator, say who sent that and why: often a time-out at its end.',
          ]
        : growth;
    case 'restart':
      return growth;
  }
}

function oomAdvice(found: ProcessLast, grown: Growth | undefined, target: string): string[] {
  const look =
    grown?.kind === 'native'
      ? `\`memtool stats ${target} --watch\` shows where RSS goes`
      : `\`memtool leaks ${target} --wait\` shows who holds it`;
  const { containerLimitBytes: container, heapLimitBytes: heap } = found;
  const loose =
    container !== null && heap !== null && heap > container && grown?.kind === 'heap'
      ? [
          `Its heap may grow to ${formatBytes(heap)} in a container of ${formatBytes(container)}: with \`--max-old-space-size\` below that, Node.js collects garbage before the kernel kills.`,
        ]
      : [];
  return [...loose, `Next: run it again with an agent: ${look}.`];
}

function suspectSentence({ sites }: ProcessLast): string[] {
  const suspect = sites.find(({ verdict }) => verdict === 'leak' || verdict === 'suspect');
  const [place] = suspect ? stackLines(suspect.stack) : [];
  return suspect && place !== undefined
    ? [`Look first ${place}: it had kept ${formatBytes(suspect.bytes)}, and more and more.`]
    : [];
}

function growthSentence({ kind, name, bytes }: Growth, { history: { seconds } }: ProcessLast): string {
  const what = kind === 'native' ? 'what is neither heap, buffers nor pools (native memory)' : printable(name);
  const spanMs = (seconds.at(-1)?.[0] ?? 0) - (seconds[0]?.[0] ?? 0);
  return `What grew most in the last ${formatSeconds(spanMs / 1000)}: ${what}, ${formatChange(bytes)}.`;
}

/** Of what adds up to RSS: the heap, buffers outside of it, and the rest. A pool's arena is in the buffers, or in the rest. */
function largestGrowth({ history }: ProcessLast): Growth | undefined {
  const change = (column: string): number => {
    const index = history.columns.indexOf(column);
    const values = index < 0 ? [] : history.seconds.map((row) => row[index] ?? null).filter((value) => value !== null);
    return (values.at(-1) ?? 0) - (values[0] ?? 0);
  };
  const heap = change('heapUsed');
  const buffers = Math.max(change('arrayBuffers'), change('external'));
  const pools = history.columns
    .filter((column) => column.startsWith('pool:'))
    .map((column): Growth => ({
      kind: 'pool',
      name: `the pool ${column.slice('pool:'.length, -'.used'.length)}`,
      bytes: change(column),
    }));
  const known =
    heap +
    Math.max(
      buffers,
      pools.reduce((sum, { bytes }) => sum + Math.max(0, bytes), 0),
    );
  const grown: Growth[] = [
    { kind: 'heap', name: 'the V8 heap', bytes: heap },
    ...pools,
    { kind: 'buffers', name: 'Buffers and ArrayBuffers', bytes: buffers },
    { kind: 'native', name: 'native', bytes: change('rss') - known },
  ];
  return grown.filter(({ bytes }) => bytes >= GROWTH_BYTES_MIN).toSorted((a, b) => b.bytes - a.bytes)[0];
}
