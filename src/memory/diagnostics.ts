/**
 * What happens in this thread, for whoever subscribes through `node:diagnostics_channel`: tracing and logging of an
 * application, without a reference to its managers. Every thread has channels of its own.
 *
 * Nothing is built while nobody subscribes: to ask takes 1 to 3 ns. A subscriber is called at once, in the async context of
 * the code that asked for memory. One that throws takes nothing from that code: Node.js catches it, and throws it again with
 * the next tick, where it is an uncaught exception as in any other listener. It is left at that, as silence would hide a bug.
 */
import { channel, type Channel } from 'node:diagnostics_channel';
import type { Level } from '../report/level.ts';
import type { LeakScope } from '../report/scopes.ts';
import type { Account } from './account.ts';
import { finiteOrNull } from './describable.ts';
import type { CleanupEvent, PressureEvent } from './manager-events.ts';
import type { OrphanedEvent } from './scope/orphans.ts';
import type { MemoryScope } from './scope/scope.ts';

/** An account by its facts: what is told does not keep it. */
export interface DiagnosedAccount {
  kind: Account['kind'];
  name: string;
  usedBytes: number;
  /** `null` without a limit. */
  limitBytes: number | null;
}

/** `memtool:refusal`: a request was refused, and is about to return `undefined` or to throw. */
export interface RefusalMessage {
  manager: string;
  pool: string;
  /** Whose limit stood in the way; where that leaves room enough, the system had no memory. */
  account: DiagnosedAccount;
  askedBytes: number;
  availableBytes: number;
  /** Whom it was asked for; `null` outside of all scopes. */
  scope: LeakScope | null;
}

/** `memtool:pressure`: an account has reached or left a level; as the event `pressure`. */
export interface PressureMessage {
  manager: string;
  account: DiagnosedAccount;
  level: Level;
  previous: Level;
  usedPercent: number;
}

/** `memtool:orphaned`: a scope has ended that still holds something; as the event `orphaned`. */
export interface OrphanedMessage extends OrphanedEvent {
  manager: string;
}

/** `memtool:cleanup`: a cleanup is done; as the event `cleanup`. */
export interface CleanupMessage extends CleanupEvent {
  manager: string;
}

/** The messages by the names of their channels. */
export interface DiagnosticsMessages {
  'memtool:refusal': RefusalMessage;
  'memtool:pressure': PressureMessage;
  'memtool:orphaned': OrphanedMessage;
  'memtool:cleanup': CleanupMessage;
}

// Held here: a channel that nobody holds loses its subscribers to the garbage collector on Node 20.
/** @internal */
export const REFUSAL: Channel = channel('memtool:refusal');
const PRESSURE = channel('memtool:pressure');
const ORPHANED = channel('memtool:orphaned');
const CLEANUP = channel('memtool:cleanup');

let isTellingRefusal = false;

/** To be called only while `REFUSAL` has subscribers, when nothing of the request is charged any more. */
export function tellRefusal(
  manager: string,
  pool: string,
  account: Account,
  askedBytes: number,
  scope: MemoryScope | undefined,
): void {
  // A subscriber that takes memory itself is refused likewise: to tell it of that would never end.
  if (isTellingRefusal) return;
  isTellingRefusal = true;
  try {
    const { usedBytes, limitBytes } = account;
    REFUSAL.publish({
      manager,
      pool,
      account: factsOf(account),
      askedBytes,
      availableBytes: Math.max(0, Math.min(limitBytes, Number.MAX_SAFE_INTEGER) - usedBytes),
      scope: scope === undefined ? null : describe(scope),
    } satisfies RefusalMessage);
  } finally {
    isTellingRefusal = false;
  }
}

export function tellPressure(manager: string, event: PressureEvent): void {
  if (!PRESSURE.hasSubscribers) return;
  const { account, level, previous, usedPercent } = event;
  PRESSURE.publish({ manager, account: factsOf(account), level, previous, usedPercent } satisfies PressureMessage);
}

export function tellOrphaned(manager: string, event: OrphanedEvent): void {
  if (ORPHANED.hasSubscribers) ORPHANED.publish({ manager, ...event } satisfies OrphanedMessage);
}

export function tellCleanup(manager: string, event: CleanupEvent): void {
  if (CLEANUP.hasSubscribers) CLEANUP.publish({ manager, ...event } satisfies CleanupMessage);
}

function factsOf({ kind, name, usedBytes, limitBytes }: Account): DiagnosedAccount {
  return { kind, name, usedBytes, limitBytes: finiteOrNull(limitBytes) };
}

function describe({ kind, name, user, transaction }: MemoryScope): LeakScope {
  return { kind, name, user: user?.name ?? null, transaction: transaction?.name ?? null };
}
