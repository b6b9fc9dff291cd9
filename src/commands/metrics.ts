import { askMetrics } from '../inspect/client.ts';
import { badAnswer } from '../inspect/answer.ts';
import { open, type Target } from '../inspect/open.ts';
import { describeProcess } from '../metrics/processes.ts';
import { parseText } from '../metrics/text.ts';
import { SCHEMA_VERSION } from '../report/document.ts';
import type { MetricsReport, ProcessMetrics } from '../report/metrics.ts';
import { collectEach, needsAgent } from './collect.ts';
import { EXIT_NOTHING, type Context } from './context.ts';
import { exitCodeOf, show } from './show.ts';

export interface MetricsFlags {
  listen?: string;
}

/** Prometheus gives up after ten seconds; a name may have to be asked for first. */
const SCRAPE_TIMEOUT_MS = 2500;

/** `memtool metrics [target] [--listen [host:]port]` */
export async function metrics(
  target: string | undefined,
  { listen, timeout }: MetricsFlags & { timeout?: string },
  context: Context,
): Promise<number> {
  if (listen !== undefined) {
    const { parseAddress, serveMetrics } = await import('./metrics-server.ts');
    const timeoutMs = timeout === undefined ? SCRAPE_TIMEOUT_MS : context.timeoutMs;
    return serveMetrics(target, parseAddress(listen), { ...context, timeoutMs });
  }
  return show<MetricsReport>(
    {
      collect: async () => {
        const targets = await open(target, context);
        const processes = await collectEach(targets, (one) => metricsOf(one, context.timeoutMs));
        return { schemaVersion: SCHEMA_VERSION, command: 'metrics', processes };
      },
      load: async () => (await import('../render/metrics.ts')).renderMetrics,
      exitCode: ({ processes }) => exitCodeOf(processes, EXIT_NOTHING),
    },
    context,
  );
}

export async function metricsOf(target: Target, timeoutMs: number): Promise<ProcessMetrics> {
  if (target.kind === 'bare') throw needsAgent(target, 'only an agent knows its metrics');
  const families = parseText(await askMetrics(target.agent, timeoutMs));
  if (families === undefined) throw badAnswer('it is not in the format of Prometheus');
  const { name, nodeVersion, uptimeSeconds } = describeProcess(families);
  return {
    pid: target.agent.pid,
    name: name ?? target.agent.name,
    nodeVersion,
    uptimeSeconds,
    sampledAt: new Date().toISOString(),
    metrics: families,
  };
}
