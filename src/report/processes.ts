import type { Document, ProcessIdentity } from './document.ts';

export interface ProcessListing extends ProcessIdentity {
  agent: boolean;
  attachable: boolean;
  reason?: string;
  cpuPercent: number | null;
  rssBytes: number | null;
  pools: number;
}

export type ProcessesReport = Document<'ps', ProcessListing>;
