import { joinProcesses } from '../metrics/processes.ts';
import { renderText } from '../metrics/text.ts';
import { isFailure } from '../report/document.ts';
import type { MetricsReport } from '../report/metrics.ts';

/** As Prometheus reads it. */
export function renderMetrics({ processes }: Pick<MetricsReport, 'processes'>): string {
  const scraped = processes.map((found) => {
    const { pid, name } = found;
    return { pid, name, metrics: isFailure(found) ? undefined : found.metrics };
  });
  return renderText(joinProcesses(scraped)).trimEnd();
}
