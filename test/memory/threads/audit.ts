import {
  ACCOUNT_BIGINT,
  ACCOUNT_DOUBLE,
  ACCOUNT_ROW_BYTES,
  ACCOUNT_WORD,
  ACCOUNTS_AT,
  HEADER,
  MANAGER_ACCOUNT,
  NAMED_ACCOUNTS,
  PLACE_POOL_MASK,
  PLACE_SPARE,
  PLACE_THREAD_MASK,
  PLACE_THREAD_SHIFT,
  PLACE_TRANSIT,
  POOL_ACCOUNTS,
  RECORD_GENERATION,
  RECORD_LINK,
  RECORD_PLACE,
  SCOPE_ROW_BYTES,
  SEGMENT_RECORDS,
  SCOPE_WORD,
  SCOPES_AT,
  TALLY_UNRECORDED,
  TALLY_USED,
  tallyAt,
} from '../../../src/memory/ledger/layout.ts';
import { recordRange } from '../../../src/memory/ledger/scan.ts';
import { sharedViews, type SharedViews } from '../../../src/memory/threads/shared-views.ts';
import type { MemoryManager } from '../../../src/memory/manager.ts';

const DRAWN_MASK = (1n << 48n) - 1n;
const USERS_MASK = 127n;

/** What the ledger says, of which one part must follow from another. */
export interface Books {
  problems: string[];
  /** Rows of threads that are taken. */
  threads: number[];
  /** Users and transactions that some thread uses. */
  named: number;
  /** By pool: what all have drawn, and what is used. */
  pools: { drawnBytes: number; usedBytes: number }[];
  managerDrawnBytes: number;
}

/**
 * Checks a ledger against itself, while no thread is at work: what is drawn is what the threads have drawn and what is on its way;
 * what is used is what the live records say; no record and no row of a scope is out of everybody's hands.
 *
 * @param sides every thread's side of the manager; without some, what they have free is not checked
 */
export function audit(sides: readonly MemoryManager[], isComplete = true): Books {
  const [memory] = sides;
  if (memory === undefined) throw new Error('no manager');
  const { ledger } = memory;
  const views = sharedViews(ledger.shared, ledger);
  const threads = Array.from({ length: views.threads.count }, (_, thread) => thread).filter((thread) =>
    views.threads.isTaken(thread),
  );
  const problems: string[] = [];
  const records = sumRecords(memory, threads, problems);
  const poolCount = ledger.word(HEADER.poolCount);
  const pools = Array.from({ length: poolCount }, (_, pool) => {
    const name = `pool ${memory.pools[pool]?.name}`;
    const account = readAccount(views, POOL_ACCOUNTS + pool, name, threads, problems);
    let usedBytes = account.transitBytes;
    let unrecorded = 0;
    for (const thread of threads) {
      const tally = tallyAt(thread, pool) >> 3;
      const used = views.doubles[tally + TALLY_USED] ?? 0;
      usedBytes += used;
      unrecorded += views.doubles[tally + TALLY_UNRECORDED] ?? 0;
      const drawn = account.cells.get(thread) ?? 0;
      if (used > drawn) problems.push(`${name}: thread ${thread} uses ${used} and has drawn ${drawn}`);
    }
    const recorded = records.get(pool) ?? 0;
    if (unrecorded === 0 && recorded !== usedBytes)
      problems.push(`${name}: ${usedBytes} used, ${recorded} in its records`);
    return { drawnBytes: account.drawnBytes, usedBytes };
  });
  const manager = readAccount(views, MANAGER_ACCOUNT, 'manager', threads, problems);
  for (const thread of threads) {
    const used = pools.reduce(
      (sum, _, pool) => sum + (views.doubles[(tallyAt(thread, pool) >> 3) + TALLY_USED] ?? 0),
      0,
    );
    const drawn = manager.cells.get(thread) ?? 0;
    if (used > drawn) problems.push(`manager: thread ${thread} uses ${used} and has drawn ${drawn}`);
  }
  let named = 0;
  for (let row = 0; row < ledger.word(HEADER.namedAccounts); row += 1)
    named += checkNamed(views, NAMED_ACCOUNTS + row, threads, problems);
  if (isComplete) checkRecordsOwned(sides, threads, problems);
  if (isComplete) checkScopeRowsOwned(sides, threads, problems);
  return { problems, threads, named, pools, managerDrawnBytes: manager.drawnBytes };
}

interface AccountBooks {
  drawnBytes: number;
  transitBytes: number;
  cells: Map<number, number>;
}

function readAccount(
  { bigints, doubles }: SharedViews,
  row: number,
  name: string,
  threads: number[],
  problems: string[],
): AccountBooks {
  const at = (ACCOUNTS_AT + row * ACCOUNT_ROW_BYTES) >> 3;
  const drawnBytes = Number((bigints[at + ACCOUNT_BIGINT.drawn] ?? 0n) & DRAWN_MASK);
  const transitBytes = Number(bigints[at + ACCOUNT_BIGINT.transit] ?? 0n);
  const cells = new Map<number, number>();
  let sum = transitBytes;
  for (let thread = 0; thread < 64; thread += 1) {
    const cell = Number(bigints[at + ACCOUNT_BIGINT.cells + thread] ?? 0n);
    cells.set(thread, cell);
    sum += cell;
    if (cell !== 0 && !threads.includes(thread)) problems.push(`${name}: ${cell} drawn by thread ${thread}, not there`);
  }
  const kept = doubles[at + ACCOUNT_DOUBLE.limitAndOne] ?? 0;
  if (sum !== drawnBytes)
    problems.push(`${name}: ${drawnBytes} drawn, but ${sum} by its threads and in transit (${transitBytes})`);
  if (kept !== 0 && drawnBytes > kept - 1) problems.push(`${name}: ${drawnBytes} drawn of ${kept - 1}`);
  return { drawnBytes, transitBytes, cells };
}

/** @returns 1 for an account that is in use */
function checkNamed(views: SharedViews, row: number, threads: number[], problems: string[]): number {
  const at = (ACCOUNTS_AT + row * ACCOUNT_ROW_BYTES) >> 3;
  const key = views.bigints[at + ACCOUNT_BIGINT.key] ?? 0n;
  const users = threads.filter((thread) => (views.words[at * 2 + ACCOUNT_WORD.tallies + thread] ?? 0) > 0).length;
  const name = `account by name ${row - NAMED_ACCOUNTS}`;
  if (key >> 7n === 0n || key >> 7n === 1n) {
    if (users > 0) problems.push(`${name} is free, and ${users} threads use it`);
    return 0;
  }
  if (Number(key & USERS_MASK) !== users) problems.push(`${name} has ${key & USERS_MASK} users, and ${users} use it`);
  const { cells } = readAccount(views, row, name, threads, problems);
  for (const thread of threads) {
    const tally = views.words[at * 2 + ACCOUNT_WORD.tallies + thread] ?? 0;
    const used = tally === 0 ? 0 : (views.doubles[tally + TALLY_USED] ?? 0);
    const drawn = cells.get(thread) ?? 0;
    if (used > drawn) problems.push(`${name}: thread ${thread} uses ${used} and has drawn ${drawn}`);
  }
  return 1;
}

/** @returns bytes of live records by pool */
function sumRecords({ ledger }: MemoryManager, threads: number[], problems: string[]): Map<number, number> {
  const sums = new Map<number, number>();
  const [first, end] = recordRange(ledger);
  for (let record = first; record < end; record += 1) {
    if ((ledger.word((record << 3) + RECORD_GENERATION) & 1) === 0) continue;
    const place = ledger.word((record << 3) + RECORD_PLACE);
    const thread = (place & PLACE_THREAD_MASK) >> PLACE_THREAD_SHIFT;
    if ((place & PLACE_TRANSIT) === 0 && !threads.includes(thread))
      problems.push(`record ${record} is of thread ${thread}, which is not there`);
    const pool = place & PLACE_POOL_MASK;
    sums.set(pool, (sums.get(pool) ?? 0) + ledger.double(record << 2));
  }
  return sums;
}

/** Every record is live, or on exactly one free list; what a thread that has left had free waits for the next of its number. */
function checkRecordsOwned(sides: readonly MemoryManager[], threads: number[], problems: string[]): void {
  const free = new Map<number, number>();
  for (const { ledger } of sides) {
    let length = 0;
    for (let record = ledger.freeRecord; record !== 0; record = ledger.word((record << 3) + RECORD_LINK)) {
      if (free.has(record)) problems.push(`record ${record} is free twice`);
      free.set(record, ledger.thread);
      length += 1;
      if (length > 1_000_000) throw new Error('a free list goes round');
    }
  }
  const [ledger] = sides.map((side) => side.ledger);
  if (ledger === undefined) return;
  const [first, end] = recordRange(ledger);
  let missing = 0;
  let spare = 0;
  for (let record = first; record < end; record += 1) {
    const isLive = (ledger.word((record << 3) + RECORD_GENERATION) & 1) !== 0;
    if (isLive && free.has(record)) problems.push(`record ${record} is live and free`);
    const thread = (ledger.word((record << 3) + RECORD_PLACE) & PLACE_THREAD_MASK) >> PLACE_THREAD_SHIFT;
    const isSpare = (ledger.word((record << 3) + RECORD_PLACE) & PLACE_SPARE) !== 0;
    if (isSpare) spare += 1;
    if (!isLive && !isSpare && !free.has(record) && threads.includes(thread)) missing += 1;
  }
  if (spare % SEGMENT_RECORDS !== 0) problems.push(`${spare} records are spare`);
  if (missing > 0) problems.push(`${missing} records are nobody's`);
}

/** Every row of a scope is in use, or free in exactly one thread, likewise. */
function checkScopeRowsOwned(sides: readonly MemoryManager[], threads: number[], problems: string[]): void {
  const free = new Set<number>();
  for (const { ledger } of sides) {
    for (const row of ledger.freeScopeRows) {
      if (free.has(row)) problems.push(`row ${row} of a scope is free twice`);
      free.add(row);
    }
  }
  const [ledger] = sides.map((side) => side.ledger);
  if (ledger === undefined) return;
  for (let row = 1; row < ledger.word(HEADER.scopeRows); row += 1) {
    const at = (SCOPES_AT + row * SCOPE_ROW_BYTES) >> 2;
    const state = ledger.word(at + SCOPE_WORD.state);
    const isThere = threads.includes(ledger.word(at + SCOPE_WORD.thread));
    if (state === 0 && isThere && !free.has(row)) problems.push(`row ${row} of a scope is nobody's`);
    if (state !== 0 && free.has(row)) problems.push(`row ${row} of a scope is in use and free`);
  }
}
