import { alertRules } from '../metrics/alert-rules.ts';
import { SCHEMA_VERSION } from '../report/document.ts';
import { EXIT_NOTHING, type Context } from './context.ts';
import { show } from './show.ts';
import type { AlertsReport } from '../report/alerts.ts';

/** `memtool alerts` */
export function alerts(context: Context): Promise<number> {
  return show<AlertsReport>(
    {
      collect: () =>
        Promise.resolve({
          schemaVersion: SCHEMA_VERSION,
          command: 'alerts',
          processes: [],
          groups: [{ name: 'memtool', rules: alertRules() }],
        }),
      load: async () => (await import('../render/alerts.ts')).renderAlerts,
      exitCode: () => EXIT_NOTHING,
    },
    context,
  );
}
