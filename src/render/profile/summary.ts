import { isFailure } from '../../report/document.ts';
import type { ProcessExport, ProfileFormat, ProfileReport } from '../../report/profile.ts';
import { formatBytes, formatSeconds } from '../../units.ts';
import { blocks, failureLines, heading } from '../process.ts';
import type { Style } from '../style.ts';
import { count, hanging, printable } from '../text.ts';

/** What was written, how much it says, what it cost, and what reads it. */
export function renderProfile(report: ProfileReport, style: Style): string {
  return blocks(
    report.processes.map((found) =>
      isFailure(found)
        ? failureLines(found, style)
        : [
            heading(found, style),
            '',
            ...[written(found), shown(found), nextStep(found)].flatMap((text) => hanging('  ', text, style.width)),
          ],
    ),
  );
}

function written({ file, format, bytes, pauseMs }: ProcessExport): string {
  const where = file === '-' ? 'stdout' : printable(file);
  return `Wrote ${where}: ${NAMES[format]}, ${formatBytes(bytes)}. Reading it stopped the application for ${formatSeconds(pauseMs / 1000)}.`;
}

function shown({ liveBytes, samples, sampleBytes, watchedSeconds }: ProcessExport): string {
  const watched = `The heap has been watched for ${formatSeconds(watchedSeconds)}`;
  if (samples === 0) return `${watched}, and nothing that was sampled since is alive: look again later.`;
  const interval =
    sampleBytes === null ? 'by a sampler that is not memtool’s' : `one every ${formatBytes(sampleBytes)}`;
  return `It shows ${formatBytes(liveBytes)} that are alive, told from ${count(samples, 'sample')}, ${interval}. ${watched}: what was allocated before is not in it, nor are buffers.`;
}

function nextStep({ file, format }: ProcessExport): string {
  const name = file === '-' ? 'FILE' : shellWord(printable(file));
  return {
    heapprofile: 'Load it in Chrome DevTools (Memory, Load profile), or drop it on https://www.speedscope.app.',
    pprof: `Look at it with \`go tool pprof -http=: ${name}\`, or send it to Pyroscope.`,
    flamegraph: 'Open it in any browser; it needs no network.',
  }[format];
}

const NAMES: Readonly<Record<ProfileFormat, string>> = {
  heapprofile: 'a DevTools heap profile',
  pprof: 'a pprof profile',
  flamegraph: 'a flame graph',
};

function shellWord(text: string): string {
  return /^[\w./@%+=:,-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
