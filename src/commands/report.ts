import { readFile } from 'node:fs/promises';
import { MemtoolError } from '../errors.ts';
import { readRecording } from '../recording/reader.ts';
import { SCHEMA_VERSION } from '../report/document.ts';
import type * as Judge from '../trends/judge.ts';
import type { TrendReport } from '../trends/trend-report.ts';
import { EXIT_FINDINGS, EXIT_NOTHING, type Context } from './context.ts';
import { OutputFile } from './output-file.ts';
import { show } from './show.ts';

export interface ReportFlags {
  html?: string;
  force?: boolean;
}

/** `memtool report run.jsonl [other.jsonl]`: what grows; with two recordings, the second against the first. */
export async function report(files: string[], { html, force = false }: ReportFlags, context: Context): Promise<number> {
  if (files.length === 0 || files.length > 2) {
    throw new MemtoolError(
      'MEMTOOL_USAGE',
      `report takes one recording, or two to compare; it was given ${files.length}.`,
      {
        hint: 'For example: memtool report run.jsonl, or memtool report baseline.jsonl current.jsonl',
      },
    );
  }
  if (html !== undefined && (html === '' || html.startsWith('-'))) {
    throw new MemtoolError('MEMTOOL_USAGE', `--html is ${JSON.stringify(html)}, which is no name of a file.`, {
      hint: 'Give a file: --html report.html',
    });
  }
  const page = html === undefined ? undefined : new OutputFile(html, force);
  await page?.check();
  return show<TrendReport>(
    {
      collect: () => collect(files, html, page),
      load: async () => (await loadJudge()).renderTrends,
      exitCode,
      isWatched: true,
    },
    context,
  );
}

async function collect(files: string[], html: string | undefined, page: OutputFile | undefined): Promise<TrendReport> {
  const { judgeRecording, differencesOf, plotsOf, renderTrendPage } = await loadJudge();
  const judged = [];
  // One after the other: each may be large.
  for (const file of files) judged.push(judgeRecording(await readRecording(file), file));
  const [baseline, current] = judged;
  const found: TrendReport = {
    schemaVersion: SCHEMA_VERSION,
    command: 'report',
    processes: judged.map(({ report: one }) => one),
    ...(baseline && current ? { differences: differencesOf(baseline, current) } : {}),
    ...(html === undefined ? {} : { file: html }),
  };
  if (page) {
    const template = await readFile(new URL('./trends.html', import.meta.url), 'utf8');
    await page.write(Buffer.from(renderTrendPage(found, plotsOf(judged), template)));
  }
  return found;
}

/** Of two recordings the current one counts, and what it has more than the baseline. */
function exitCode({ processes, differences = [] }: TrendReport): number {
  const grows = processes.at(-1)?.series.some(({ verdict }) => verdict === 'growing') ?? false;
  const isMore = differences.some(({ verdict, isFaster }) => verdict === 'higher' || isFaster);
  return grows || isMore ? EXIT_FINDINGS : EXIT_NOTHING;
}

function loadJudge(): Promise<typeof Judge> {
  return import('../trends/judge.ts');
}
