import type { SCHEMA_VERSION } from './document.ts';

/** What Grafana imports; without `--json` it is printed by itself. */
export interface DashboardReport {
  schemaVersion: typeof SCHEMA_VERSION;
  command: 'dashboard';
  processes: [];
  dashboard: object;
}
