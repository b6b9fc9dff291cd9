import type { Document, ProcessIdentity } from './document.ts';

/** What `memtool attach` and `memtool detach` did. */
export interface ProcessAttachment extends ProcessIdentity {
  /** Whether it has an agent now. */
  agent: boolean;
  /** Whether that is new. */
  changed: boolean;
  /** Its inspector was open before, and is open still. */
  inspectorWasOpen: boolean;
  socket: string | null;
}

export type AttachReport = Document<'attach', ProcessAttachment>;

export type DetachReport = Document<'detach', ProcessAttachment>;
