import type { DashboardReport } from '../report/dashboard.ts';

/** As Grafana imports it. */
export function renderDashboard({ dashboard }: DashboardReport): string {
  return JSON.stringify(dashboard, undefined, 2);
}
