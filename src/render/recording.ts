import type { ProcessRecording, RecordedSeries, RecordingEnd } from '../report/recording.ts';
import { formatBytes, formatChange, formatSeconds } from '../units.ts';
import type { Style } from './style.ts';
import { table, tableText, type Cell, type Column } from './table.ts';
import { count, hanging, NONE, printable } from './text.ts';

/** What of the process is shown, and how it is called there; pools come after. */
const SHOWN: Readonly<Record<string, string>> = {
  rss: 'RSS',
  pss: 'PSS',
  heapUsed: 'heap',
  workersHeapUsed: 'heaps of workers',
  external: 'external',
  arrayBuffers: 'array buffers',
  'scopes.used': 'scopes',
  'cgroup.current': 'container',
};
const POOLS_SHOWN_MAX = 20;

const COLUMNS: Column[] = [
  { head: 'WHAT', shrinkTo: 14 },
  { head: 'AT FIRST', align: 'right', drop: 1 },
  { head: 'AT LAST', align: 'right' },
  { head: 'CHANGE', align: 'right' },
  { head: 'HIGHEST', align: 'right' },
];

/** What is in the file now, how it went, and what to type next. */
export function renderRecording(found: ProcessRecording, style: Style): string {
  const rows = found.series.flatMap((series): Cell[][] => {
    const name = SHOWN[series.column];
    return name === undefined || series.highest === 0 ? [] : [row(name, series)];
  });
  const pools = found.series
    .flatMap((series) => {
      const name = /^pool:(.*)\.used$/s.exec(series.column)?.[1];
      return name === undefined ? [] : [{ name, series }];
    })
    .toSorted((a, b) => b.series.highest - a.series.highest)
    .slice(0, POOLS_SHOWN_MAX)
    .map(({ name, series }) => row(`pool ${name.replace(/^\//, '')}`, series));
  const lines = [
    style.theme.strong(headline(found)),
    ...notes(found).flatMap((note) => hanging('  ', note, style.width)),
    ...(rows.length === 0 ? [] : ['', ...tableText(table(COLUMNS, [...rows, ...pools], style))]),
    ...collections(found).flatMap((text) => ['', ...hanging('  ', text, style.width)]),
    '',
    ...hanging('', nextStep(found), style.width),
  ];
  return lines.join('\n');
}

function headline({ name, pid, samples, seconds, file, bytes }: ProcessRecording): string {
  return `Recorded ${printable(name)} (${pid}) for ${formatSeconds(seconds)}: ${count(samples, 'sample')} in ${printable(file)}, now ${formatBytes(bytes)}.`;
}

const ENDS: Readonly<Record<RecordingEnd, string>> = {
  duration: '',
  interrupted: '',
  gone: 'The process has ended, and the recording with it: a name instead of a pid would have been waited for.',
  exited: '',
};

function notes(found: ProcessRecording): string[] {
  const { error, exitCode, samples, samplesWithoutAgent } = found;
  const sentences = [
    error === undefined ? '' : printable(`Not all of it: ${error.message} ${error.hint ?? ''}`.trim()),
    ENDS[found.end],
    exitCode === undefined || exitCode === 0 ? '' : `The program ended with ${exitCode}.`,
    found.resumed ? 'It went on with what was in the file.' : '',
    found.restarts === 0 ? '' : `The process was started again ${times(found.restarts)}.`,
    found.gaps === 0 ? '' : `Nothing could be recorded for a while, ${times(found.gaps)}: the file says when.`,
    found.thinnings === 0
      ? ''
      : `To keep it below its bound, older samples were thinned out ${times(found.thinnings)}.`,
    found.columnsLeftOut === true
      ? 'There were more pools than there is room for: those that came last are missing.'
      : '',
    samplesWithoutAgent === 0
      ? ''
      : `${samplesWithoutAgent === samples ? 'All samples' : count(samplesWithoutAgent, 'sample')} without an agent: only what the system knows.`,
  ];
  return sentences.filter((sentence) => sentence !== '');
}

function times(number: number): string {
  return number === 1 ? 'once' : `${number} times`;
}

function row(name: string, { first, last, highest }: RecordedSeries): Cell[] {
  return [
    name,
    formatBytes(first),
    formatBytes(last),
    first === last ? NONE : formatChange(last - first),
    formatBytes(highest),
  ];
}

function collections({ series }: ProcessRecording): string[] {
  const counted = series.find(({ column }) => column === 'gcCount');
  const paused = series.find(({ column }) => column === 'gcPauseMs');
  if (counted === undefined || paused === undefined) return [];
  const collected = counted.last - counted.first;
  // Of a process that was started again, they count anew.
  if (collected <= 0) return [];
  const seconds = Math.max(0, paused.last - paused.first) / 1000;
  return [
    `${count(collected, 'garbage collection')} of the main thread, which took ${formatSeconds(seconds)} together.`,
  ];
}

function nextStep({ format, file, samples }: ProcessRecording): string {
  if (samples === 0) return 'Nothing was recorded: it ended too soon. A shorter --interval sees more.';
  if (format === 'csv') return 'Open it in a spreadsheet, or in a notebook: pandas.read_csv reads it as it is.';
  return `What grows in it: \`memtool report ${shellWord(printable(file))}\``;
}

function shellWord(text: string): string {
  return /^[\w./@%+=:,-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
