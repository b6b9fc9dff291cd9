import { grafanaDashboard } from '../metrics/dashboard.ts';
import type { DashboardReport } from '../report/dashboard.ts';
import { SCHEMA_VERSION } from '../report/document.ts';
import { EXIT_NOTHING, type Context } from './context.ts';
import { show } from './show.ts';

/** `memtool dashboard` */
export function dashboard(context: Context): Promise<number> {
  return show<DashboardReport>(
    {
      collect: () =>
        Promise.resolve({
          schemaVersion: SCHEMA_VERSION,
          command: 'dashboard',
          processes: [],
          dashboard: grafanaDashboard(),
        }),
      load: async () => (await import('../render/dashboard.ts')).renderDashboard,
      exitCode: () => EXIT_NOTHING,
    },
    context,
  );
}
