import { isFailure } from '../report/document.ts';
import type { ProcessesReport, ProcessListing } from '../report/processes.ts';
import { blocks, failureLines } from './process.ts';
import type { Style } from './style.ts';
import { table, type Cell, type Column } from './table.ts';
import { bytesOrNone, hanging, percentOrNone, printable, secondsOrNone } from './text.ts';

/** A Node process without an agent, as the line to start it again with one. */
export interface Startable {
  pid: number;
  name: string;
  script: string | undefined;
  rssBytes: number | null;
  uptimeSeconds: number;
}

const STARTABLE_SHOWN_MAX = 10;
const NOTE_INDENT = '        ';

export function renderProcesses(report: ProcessesReport, style: Style): string {
  const listings = report.processes.filter((found): found is ProcessListing => !isFailure(found));
  const failures = report.processes.filter(isFailure).map((failure) => failureLines(failure, style));
  if (listings.length === 0 && failures.length === 0) return renderNothing([], style);
  return blocks([...(listings.length > 0 ? [listingLines(listings, style)] : []), ...failures]);
}

function listingLines(listings: ProcessListing[], style: Style): string[] {
  const columns: Column[] = [
    { head: 'PID', align: 'right' },
    { head: 'NAME', shrinkTo: 16 },
    { head: 'AGENT' },
    { head: 'POOLS', align: 'right', drop: 3 },
    { head: 'CPU', align: 'right', drop: 2 },
    { head: 'RSS', align: 'right', drop: 1 },
    { head: 'UP', align: 'right', drop: 4 },
  ];
  const sorted = listings.toSorted(
    (a, b) => Number(b.agent) - Number(a.agent) || (b.rssBytes ?? 0) - (a.rssBytes ?? 0),
  );
  const rows = sorted.map((listing): Cell[] => [
    String(listing.pid),
    listing.name,
    listing.agent ? { text: 'yes', paint: style.theme.good } : 'no',
    listing.agent ? String(listing.pools) : '-',
    percentOrNone(listing.cpuPercent),
    bytesOrNone(listing.rssBytes),
    secondsOrNone(listing.uptimeSeconds),
  ]);
  const drawn = table(columns, rows, style);
  return [drawn.head, ...sorted.flatMap((listing, index) => [drawn.rows[index] ?? '', ...reasonLines(listing, style)])];
}

function reasonLines({ reason }: ProcessListing, style: Style): string[] {
  return reason === undefined
    ? []
    : hanging(NOTE_INDENT, printable(reason), style.width).map((line) => style.theme.faint(line));
}

/** What to type next when no process has an agent. */
export function renderNothing(startable: Startable[], style: Style): string {
  const shown = startable.toSorted((a, b) => (b.rssBytes ?? 0) - (a.rssBytes ?? 0)).slice(0, STARTABLE_SHOWN_MAX);
  const columns: Column[] = [
    { head: 'PID', align: 'right' },
    { head: 'NAME', shrinkTo: 16 },
    { head: 'RSS', align: 'right', drop: 1 },
    { head: 'UP', align: 'right', drop: 2 },
  ];
  const rows = shown.map((found): Cell[] => [
    String(found.pid),
    found.name,
    bytesOrNone(found.rssBytes),
    secondsOrNone(found.uptimeSeconds),
  ]);
  const drawn = table(columns, rows, style);
  const [first] = shown;
  return [
    'No process with a memtool agent is running.',
    '',
    ...(shown.length > 0 ? ['These Node.js processes of yours have none:', drawn.head, ...drawn.rows, ''] : []),
    ...(first === undefined
      ? ['Start a program with the agent, then look at it:', '  memtool run app.js', '  memtool stats']
      : ['Look at one by its pid; that starts an agent in it, without a restart:', `  memtool stats ${first.pid}`]),
    '',
    'Or see memtool at work on an example: memtool demo',
  ].join('\n');
}
