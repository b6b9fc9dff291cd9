import {
  LABEL_TAG_MASK,
  PLACE_LOST,
  RECORD_GENERATION,
  RECORD_LABEL,
  RECORD_PLACE,
  RECORD_SCOPE,
} from '../ledger/layout.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { recordRange } from '../ledger/scan.ts';
import type { EndedScope, OrphanedMemory } from './ended-scope.ts';
import type { MemoryScope } from './scope.ts';

export interface OrphanedEvent {
  scope: EndedScope;
  /** What it still holds, by tag, largest first. */
  memory: OrphanedMemory[];
}

/** Looking through the records takes 3 ms a million: not for every scope that ends, but for all that did in a while. */
const SCAN_INTERVAL_SECONDS = 1;

/** Marks what ended scopes still hold as orphaned, and tells of it. */
export class Orphans {
  private readonly ledger: Ledger;
  private readonly tell: (event: OrphanedEvent) => void;
  private readonly pending = new Map<MemoryScope, EndedScope>();
  private isScheduled = false;
  private scannedAt = -Infinity;

  constructor(ledger: Ledger, tell: (event: OrphanedEvent) => void) {
    this.ledger = ledger;
    this.tell = tell;
  }

  /** A scope has ended and still holds something. */
  add(scope: MemoryScope, ended: EndedScope): void {
    this.pending.set(scope, ended);
    if (this.isScheduled || this.ledger.clock.readSeconds() < this.scannedAt + SCAN_INTERVAL_SECONDS) return;
    this.isScheduled = true;
    setImmediate(() => this.scan()).unref();
  }

  /** Marks and tells what is pending: at once, before a report, or with the next tick. */
  scan(): void {
    this.isScheduled = false;
    if (this.pending.size === 0) return;
    this.scannedAt = this.ledger.clock.readSeconds();
    // What was given back meanwhile is no orphan, and the row of its scope may be another's by now.
    const scopes = [...this.pending].filter(([scope]) => this.ledger.scopes?.atRow(scope.row) === scope);
    this.pending.clear();
    if (scopes.length === 0) return;
    const byRow = new Map(scopes.map(([scope]) => [scope.row, new Map<number, OrphanedMemory>()]));
    const { ledger } = this;
    const [first, end] = recordRange(ledger);
    for (let record = first; record < end; record += 1) {
      const at = record << 3;
      const row = ledger.word(at + RECORD_SCOPE);
      if (row === 0 || (ledger.word(at + RECORD_GENERATION) & 1) === 0) continue;
      const tags = byRow.get(row);
      if (tags === undefined || (ledger.word(at + RECORD_PLACE) & PLACE_LOST) !== 0) continue;
      ledger.markOrphaned(record);
      this.count(tags, record);
    }
    for (const [scope, ended] of scopes) {
      const memory = [...(byRow.get(scope.row)?.values() ?? [])].toSorted((a, b) => b.bytes - a.bytes);
      if (memory.length > 0) this.tell({ scope: ended, memory });
    }
  }

  private count(tags: Map<number, OrphanedMemory>, record: number): void {
    const tag = this.ledger.word((record << 3) + RECORD_LABEL) & LABEL_TAG_MASK;
    let memory = tags.get(tag);
    if (memory === undefined) {
      memory = { tag: this.ledger.tagText(tag), count: 0, bytes: 0, oldestAgeSeconds: 0 };
      tags.set(tag, memory);
    }
    memory.count += 1;
    memory.bytes += this.ledger.double(record << 2);
    memory.oldestAgeSeconds = Math.max(memory.oldestAgeSeconds, this.ledger.ageSeconds(record));
  }
}
