import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { MemoryPool } from '../../src/memory/pool.ts';
import type { RecordOf } from '../../src/structures/record-table/columns.ts';
import { RecordTable } from '../../src/structures/record-table/record-table.ts';
import { codeOf, makeManager } from '../memory/make-manager.ts';

const COLUMNS = { count: 'u16', balance: 'f64', active: 'bool', name: 'text', note: 'text' } as const;
type Row = RecordOf<typeof COLUMNS>;

const ROWS_MAX = 60;

/** A table, and beside it what must be in it. */
class TableRun {
  readonly table: RecordTable<typeof COLUMNS>;
  private readonly pool: MemoryPool;
  private readonly model = new Map<number, Row>();
  private readonly stale: number[] = [];

  constructor(pool: MemoryPool) {
    this.pool = pool;
    this.table = new RecordTable({ pool, columns: COLUMNS, rowsMax: ROWS_MAX, chunkRows: 4 });
  }

  add(_: number, row: Row): void {
    const { usedBytes } = this.pool;
    const id = this.table.add(row);
    if (id === undefined) {
      // Refused, of which nothing may be left but room for chains.
      expect(this.model.size === ROWS_MAX || this.pool.limitBytes - usedBytes < 17_000).toBe(true);
      return;
    }
    expect(this.model.has(id) || this.stale.includes(id)).toBe(false);
    this.model.set(id, row);
  }

  setText(nth: number, { name }: Row): void {
    this.change(nth, (id, row) => {
      if (this.table.set(id, 'name', name)) this.model.set(id, { ...row, name });
    });
  }

  setNumber(nth: number, { count, active }: Row): void {
    this.change(nth, (id, row) => {
      expect(this.table.set(id, 'count', count) && this.table.set(id, 'active', active)).toBe(true);
      this.model.set(id, { ...row, count, active });
    });
  }

  remove(nth: number): void {
    this.change(nth, (id) => {
      this.table.remove(id);
      this.model.delete(id);
      this.stale.push(id);
    });
  }

  clear(): void {
    this.table.clear();
    this.stale.push(...this.model.keys());
    this.model.clear();
  }

  misuse(nth: number): void {
    const id = this.stale[nth % this.stale.length];
    if (id === undefined) return;
    expect(codeOf(() => this.table.remove(id))).toBe('MEMTOOL_USE_AFTER_FREE');
    expect(codeOf(() => this.table.set(id, 'name', 'stale'))).toBe('MEMTOOL_USE_AFTER_FREE');
  }

  check(): void {
    const { table, model } = this;
    expect([table.size, table.usedBytes]).toEqual([model.size, this.pool.usedBytes]);
    expect([...table].toSorted((a, b) => a - b)).toEqual([...model.keys()].toSorted((a, b) => a - b));
    // Not by toEqual, which takes most of the time.
    const differing = [...model].filter(([id, row]) => !isSame(table.read(id), row));
    expect(differing).toEqual([]);
    const texts = new Set([...model.values()].flatMap(({ name, note }) => [name, note]));
    texts.delete('');
    expect(table.textsHeld).toBe(texts.size);
    expect(this.stale.some((id) => table.has(id))).toBe(false);
  }

  private change(nth: number, action: (id: number, row: Row) => void): void {
    const entry = [...this.model][nth % this.model.size];
    if (entry !== undefined) action(...entry);
  }
}

function isSame(read: Row, row: Row): boolean {
  return (
    read.count === row.count &&
    Object.is(read.balance, row.balance) &&
    read.active === row.active &&
    read.name === row.name &&
    read.note === row.note
  );
}

/** Few different ones, so that they meet; some long, so that there is not room for all. */
const text = fc.oneof(
  fc.constantFrom('', 'a', 'ab', 'ä', '🌍', 'a\0'),
  fc.string({ unit: 'grapheme', maxLength: 12 }),
  fc.tuple(fc.constantFrom('x', 'ü'), fc.nat(990)).map(([unit, count]) => unit.repeat(count)),
);
const row: fc.Arbitrary<Row> = fc.record({
  count: fc.nat(65_535),
  balance: fc.double(),
  active: fc.boolean(),
  name: text,
  note: text,
});

type Step = (run: TableRun) => void;

function step(name: 'add' | 'setText' | 'setNumber' | 'remove' | 'misuse' | 'clear'): fc.Arbitrary<Step> {
  return fc.tuple(fc.nat(100), row).map(([nth, given]) => {
    const named: Step = (run) => run[name](nth, given);
    return Object.assign(named, { [fc.toStringMethod]: () => `${name}(${nth}, ${fc.stringify(given)})` });
  });
}

const steps = fc.array(
  fc.oneof(
    { weight: 48, arbitrary: step('add') },
    { weight: 16, arbitrary: step('setText') },
    { weight: 8, arbitrary: step('setNumber') },
    { weight: 20, arbitrary: step('remove') },
    { weight: 4, arbitrary: step('misuse') },
    { weight: 1, arbitrary: step('clear') },
  ),
  { maxLength: 150, size: 'max' },
);

test('after each step of any sequence a table is what a Map of objects is, knows no stale id, and is charged to the byte', () => {
  fc.assert(
    fc.property(steps, fc.constantFrom(17_000, 18_000, 36_000, 1_000_000), (script, limit) => {
      const { memory } = makeManager({ pools: { tables: { limit } } });
      const pool = memory.pool('tables');
      const run = new TableRun(pool);
      for (const each of script) {
        each(run);
        run.check();
      }
      run.table.free();
      expect(pool.usedBytes).toBe(0);
      memory.close();
    }),
    { numRuns: 100 },
  );
});
