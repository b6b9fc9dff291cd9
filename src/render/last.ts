import { isFailure } from '../report/document.ts';
import type { LastEnding, LastListing, LastReport, ProcessLast } from '../report/last.ts';
import { formatSeconds } from '../units.ts';
import { adviceLines } from './last-advice.ts';
import { detailLines } from './last-details.ts';
import { growthLines } from './last-growth.ts';
import { blocks, failureLines, unavailableLines } from './process.ts';
import type { Paint, Style, Theme } from './style.ts';
import { table, tableText, type Cell, type Column } from './table.ts';
import { bytesOrNone, cut, hanging, NONE, printable, secondsOrNone } from './text.ts';

export function renderLast(report: LastReport, style: Style): string {
  const [only] = report.processes;
  if (only && !isFailure(only) && 'history' in only) return blocks([processLines(only, style)]);
  const listings = report.processes.filter((found): found is LastListing => !isFailure(found));
  const failures = report.processes.filter(isFailure).map((failure) => failureLines(failure, style));
  if (listings.length === 0 && failures.length === 0)
    return [
      'No process has left its black box here: those with an agent exited cleanly, or still run.',
      '',
      'A process keeps one while it has an agent: `memtool run app.js`, or --import memtool/agent.',
    ].join('\n');
  return blocks([...(listings.length > 0 ? [listLines(listings, style)] : []), ...failures]);
}

function listLines(listings: LastListing[], style: Style): string[] {
  const columns: Column[] = [
    { head: 'PID', align: 'right' },
    { head: 'NAME', shrinkTo: 12 },
    { head: 'ENDED', align: 'right' },
    { head: 'HOW', shrinkTo: 12 },
    { head: 'RSS', align: 'right', drop: 2 },
    { head: 'HEAP', align: 'right', drop: 1 },
    { head: 'UP', align: 'right', drop: 3 },
  ];
  const rows = listings.map((found): Cell[] => [
    String(found.pid),
    found.name,
    found.ending.agoSeconds === null ? NONE : `${formatSeconds(found.ending.agoSeconds)} ago`,
    { text: howShort(found.ending), paint: paintOf(found.ending, style.theme) },
    bytesOrNone(found.rssBytes),
    bytesOrNone(found.heapUsedBytes),
    secondsOrNone(found.uptimeSeconds),
  ]);
  const [newest] = listings;
  return [
    ...tableText(table(columns, rows, style)),
    '',
    ...hanging('  ', `All of one, and what to do: \`memtool last ${newest?.pid ?? ''}\``, style.width),
  ];
}

function processLines(found: ProcessLast, style: Style): string[] {
  const { ending } = found;
  const { strong } = style.theme;
  const identity = [
    `pid ${found.pid}`,
    found.nodeVersion === null ? '' : `Node ${found.nodeVersion.replace(/^v/, '')}`,
    ending.how === 'running'
      ? `up ${formatSeconds(found.uptimeSeconds)}`
      : `ran for ${formatSeconds(found.uptimeSeconds)}`,
  ].filter((part) => part !== '');
  const unavailable = unavailableLines(found.unavailable, style);
  return [
    `${strong(printable(found.name))}  ${printable(identity.join('  '))}`,
    '',
    ...endingLines(found, style),
    ...section(growthLines(found, style)),
    ...section(detailLines(found, style)),
    ...section(adviceLines(found, style)),
    ...section(unavailable),
  ];
}

function section(lines: string[]): string[] {
  return lines.length === 0 ? [] : ['', ...lines];
}

function endingLines({ ending }: ProcessLast, style: Style): string[] {
  const paint = paintOf(ending, style.theme);
  const at = ending.at === null ? '' : `${ending.at.slice(0, 19).replace('T', ' ')} UTC`;
  const ago = ending.agoSeconds === null ? '' : `, ${formatSeconds(ending.agoSeconds)} ago`;
  const when = ending.how === 'running' ? `Last written at ${at}.` : `At ${at}${ago}.`;
  return [
    ...hanging('  ', howLong(ending), style.width).map((line) => paint(line)),
    ...(at === '' ? [] : hanging('  ', when, style.width)),
    ...ending.because.flatMap((sentence) => hanging('  ', printable(sentence), style.width)),
    ...(ending.kernelLine === null ? [] : hanging('    ', printable(ending.kernelLine), style.width)),
    ...(ending.error === null
      ? []
      : [ending.error.text, ...ending.error.stack.slice(0, 3).map((frame) => `  at ${frame}`)].map((line) =>
          cut(`    ${printable(line)}`, style.width),
        )),
  ];
}

function howLong(ending: LastEnding): string {
  const likely = ending.certainty === 'likely';
  switch (ending.how) {
    case 'running':
      return 'Still running';
    case 'exit':
      return `Exited with code ${ending.code ?? NONE}`;
    case 'error':
      return 'Ended by an error that nobody caught';
    case 'oom-kill':
      return likely ? 'Probably killed by the kernel for want of memory' : 'Killed by the kernel for want of memory';
    case 'heap-limit':
      return likely
        ? 'Probably out of heap: Node.js gave up at its limit'
        : 'Out of heap: Node.js gave up at its limit';
    case 'signal':
      return `Ended by ${ending.signal ?? 'a signal'}`;
    case 'killed':
      return 'Killed, it is not known by whom';
    case 'restart':
      return 'Probably gone with its machine';
  }
}

function howShort(ending: LastEnding): string {
  const perhaps = ending.certainty === 'likely' ? ', probably' : '';
  switch (ending.how) {
    case 'running':
      return 'still running';
    case 'exit':
      return `exit code ${ending.code ?? NONE}`;
    case 'error':
      return 'uncaught error';
    case 'oom-kill':
      return `OOM kill${perhaps}`;
    case 'heap-limit':
      return `heap limit${perhaps}`;
    case 'signal':
      return ending.signal ?? 'a signal';
    case 'killed':
      return 'killed';
    case 'restart':
      return `restart${perhaps}`;
  }
}

function paintOf({ how, ofMemory }: LastEnding, theme: Theme): Paint {
  if (ofMemory) return theme.critical;
  return how === 'running' ? theme.good : theme.warning;
}
