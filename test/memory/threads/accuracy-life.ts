import type { MemoryAllocation } from '../../../src/memory/allocation.ts';
import type { Clock } from '../../../src/memory/clock.ts';
import type { MemoryManager } from '../../../src/memory/manager.ts';
import type { MemoryReservation } from '../../../src/memory/reservation.ts';
import type { MemoryScope } from '../../../src/memory/scope/scope.ts';
import type { SharedMemory } from '../../../src/memory/threads/shared-memory.ts';
import type { TransferredMemory } from '../../../src/memory/threads/transfers.ts';
import { Mortal } from './accuracy-mortal.ts';
import { KIB } from './accuracy-plan.ts';

/** What a thread has, and what another has sent it. */
export interface Life {
  thread: Mortal;
  memory: MemoryManager;
  reservation: MemoryReservation;
  allocation: MemoryAllocation;
  query: MemoryScope;
  inQuery: MemoryReservation;
  sent: TransferredMemory;
  /** A thread that has died already. */
  dead: Mortal;
}

/** Things that a thread does. */
export const WORK: Record<string, (life: Life) => void> = {
  reserve: ({ memory }) => void memory.pool('query').reserve(100, { tag: 'new' }),
  'reserve more than is drawn in advance': ({ memory }) => void memory.pool('query').reserve(300 * KIB),
  'reserve in a scope': ({ memory, query }) => void memory.pool('cache').reserve(5000, { scope: query, tag: 'new' }),
  'be refused': ({ memory }) => void memory.pool('temp').reserve(520 * KIB),
  'be refused by the manager': ({ memory }) => void memory.pool('open').reserve(8192 * KIB),
  allocate: ({ memory }) => void memory.pool('cache').allocate(100),
  'allocate in a scope': ({ memory, query }) => void memory.pool('cache').allocate(9000, { scope: query }),
  free: ({ reservation }) => reservation.free(),
  'free in a scope': ({ inQuery }) => inQuery.free(),
  'free an allocation': ({ allocation }) => allocation.free(),
  grow: ({ reservation }) => void reservation.tryGrow(90 * KIB),
  'grow in a scope': ({ inQuery }) => void inQuery.tryGrow(90 * KIB),
  shrink: ({ reservation }) => reservation.shrink(190 * KIB),
  'shrink in a scope': ({ inQuery }) => inQuery.shrink(140 * KIB),
  'move to another pool': ({ memory, reservation }) => void reservation.transferTo(memory.pool('open')),
  'send a reservation': ({ reservation }) => void reservation.transfer(),
  'send from a scope': ({ inQuery }) => void inQuery.transfer(),
  'send an allocation': ({ allocation }) => void allocation.transfer(),
  receive: ({ memory, sent }) => void memory.receive(sent),
  'receive in a scope': ({ memory, sent, query }) => query.run(() => void memory.receive(sent)),
  'open a user': ({ memory }) => void memory.openUser('ben', { limit: 300 * KIB }),
  'open a query': ({ memory }) => void memory.openQuery('q-2', { user: 'eva', transaction: 'of eva' }),
  'end a query that holds something': ({ query }) => query.close(),
  'end a query that holds nothing': ({ inQuery, query }) => {
    inQuery.free();
    query.close();
  },
  'lower a limit': ({ memory }) => void memory.setLimit(memory.pool('query'), 100 * KIB).catch(ignore),
  'raise a limit': ({ memory }) => void memory.setLimit(memory.pool('query'), 4096 * KIB).catch(ignore),
  "lower the manager's limit": ({ memory }) => void memory.setLimit(memory, 100 * KIB).catch(ignore),
  'end its turn': ({ thread, memory }) => {
    memory.pool('query').reserve(10);
    memory.pool('cache').reserve(10)?.free();
    thread.endTurn();
  },
  'take over another': ({ memory, dead }) => {
    dead.bury();
    memory.inherit();
  },
  'close the manager': ({ memory, reservation, allocation, inQuery, query }) => {
    for (const held of [reservation, allocation, inQuery]) held.free();
    query.close();
    memory.close();
  },
};

/** A thread that has something of everything, and another one. @param sent to it */
export function makeLife(shared: SharedMemory, clock: Clock, sent: TransferredMemory): Life {
  const dead = new Mortal(shared, clock);
  fill(dead.memory).reservation.transfer();
  const thread = new Mortal(shared, clock);
  return { thread, dead, sent, ...fill(thread.memory) };
}

function fill(memory: MemoryManager): Omit<Life, 'thread' | 'dead' | 'sent'> {
  const query = memory.openQuery('q-1', { user: 'ana', transaction: 'of ana' });
  return {
    memory,
    query,
    reservation: granted(memory.pool('query').reserve(200 * KIB, { tag: 'rows' })),
    allocation: granted(memory.pool('cache').allocate(5000, { tag: 'pages' })),
    inQuery: granted(memory.pool('cache').reserve(150 * KIB, { scope: query, tag: 'rows' })),
  };
}

export function granted<Handle>(handle: Handle | undefined): Handle {
  if (handle === undefined) throw new Error('refused');
  return handle;
}

export function ignore(): void {}

/** Until not a byte of the pool is to be had. */
export function takeAll(memory: MemoryManager, pool: string): void {
  for (let bytes = 4096 * KIB; bytes >= 1; bytes = Math.floor(bytes / 2))
    while (memory.pool(pool).reserve(bytes) !== undefined);
}

/** Long works write much of the same: up to here it is done to every write, then to one of so many. */
const EVERY_STEP = 60;
const STRIDE = 7;

export function nextStep(step: number): number {
  return step + (step < EVERY_STEP ? 1 : STRIDE);
}
