import type { SCHEMA_VERSION } from './document.ts';

/** One alert rule, in the words of Prometheus. */
export interface AlertRule {
  alert: string;
  expr: string;
  for: string;
  labels: Record<string, string>;
  annotations: { summary: string; description: string };
}

/** What a rule file of Prometheus holds. */
export interface AlertsReport {
  schemaVersion: typeof SCHEMA_VERSION;
  command: 'alerts';
  processes: [];
  groups: { name: string; rules: AlertRule[] }[];
}
