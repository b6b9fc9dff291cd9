import type { Accumulator, Grouping } from './plan.ts';
import type { Column } from './table.ts';
import type { Workspace } from './workspace.ts';

/** What came out of a grouping: one value per group in each, groups in the order of their first rows. */
export interface Groups {
  count: number;
  keys: Float64Array[];
  accumulators: Float64Array[];
}

/**
 * Groups the selected rows, a column at a time: first each row gets the number of its group, then each accumulator runs
 * over its own column alone. All sizes are known beforehand, so that a refusal comes before the work and not amid it.
 *
 * @throws MemoryLimitError when the pool refuses.
 */
export function aggregate(grouping: Grouping, selection: Int32Array, workspace: Workspace): Groups {
  const groupsMax = Math.min(grouping.groupsMax, Math.max(selection.length, 1));
  const keyless = grouping.keys.length === 0;
  const groupOfRow = workspace.integers(selection.length, 'group-numbers', keyless);
  const firstRows = workspace.integers(groupsMax, 'group-rows');
  // Without keys all rows are one group, which exists even when it is empty: count(*) of nothing is 0.
  const count = keyless ? 1 : numberGroups(grouping.keys, selection, groupOfRow, firstRows, workspace);
  const keys = grouping.keys.map(({ values }) => {
    const out = workspace.floats(count, 'group-keys');
    for (let group = 0; group < count; group += 1) out[group] = values[firstRows[group] ?? 0] ?? NaN;
    return out;
  });
  const accumulators = grouping.accumulators.map((accumulator) => {
    const totals = workspace.floats(count, 'group-totals');
    accumulate(accumulator, selection, groupOfRow, totals);
    return totals;
  });
  return { count, keys, accumulators };
}

/** Fills `groupOfRow` and `firstRows` through a hash table (open addressing, at most half full), and counts the groups. */
function numberGroups(
  keys: Column[],
  selection: Int32Array,
  groupOfRow: Int32Array,
  firstRows: Int32Array,
  workspace: Workspace,
): number {
  const capacity = 2 ** Math.ceil(Math.log2(firstRows.length * 2));
  // A slot holds a group's number plus one, so that zero is an empty slot.
  const slots = workspace.integers(capacity, 'group-table', true);
  const combined = combineKeys(keys, selection, workspace);
  const keyOfGroup = workspace.floats(firstRows.length, 'group-keys');
  let count = 0;
  for (let index = 0; index < selection.length; index += 1) {
    const key = combined[index] ?? 0;
    let slot = hash(key) & (capacity - 1);
    let group = (slots[slot] ?? 0) - 1;
    while (group >= 0 && keyOfGroup[group] !== key) {
      slot = (slot + 1) & (capacity - 1);
      group = (slots[slot] ?? 0) - 1;
    }
    if (group < 0) {
      group = count;
      count += 1;
      slots[slot] = count;
      keyOfGroup[group] = key;
      firstRows[group] = selection[index] ?? 0;
    }
    groupOfRow[index] = group;
  }
  return count;
}

/** All keys of a row as one exact number, of which each column is a digit. */
function combineKeys(keys: Column[], selection: Int32Array, workspace: Workspace): Float64Array {
  const combined = workspace.floats(selection.length, 'group-keys', true);
  for (const { values, minimum, maximum } of keys) {
    const span = maximum - minimum + 1;
    for (let index = 0; index < selection.length; index += 1) {
      combined[index] = (combined[index] ?? 0) * span + (values[selection[index] ?? 0] ?? 0) - minimum;
    }
  }
  return combined;
}

/** Multiplicative hashing of the low and the high half of a whole number (Knuth, TAOCP 3, 6.4). */
function hash(key: number): number {
  const product = Math.imul((key | 0) ^ Math.imul((key / 2 ** 32) | 0, 0x85ebca6b), 0x9e3779b1);
  return product ^ (product >>> 15);
}

function accumulate(
  { operation, column }: Accumulator,
  selection: Int32Array,
  groupOfRow: Int32Array,
  totals: Float64Array,
): void {
  const values = column?.values;
  totals.fill(operation === 'min' ? Infinity : operation === 'max' ? -Infinity : 0);
  for (let index = 0; index < selection.length; index += 1) {
    const group = groupOfRow[index] ?? 0;
    const total = totals[group] ?? 0;
    const value = values ? (values[selection[index] ?? 0] ?? 0) : 1;
    if (operation === 'min') totals[group] = Math.min(total, value);
    else if (operation === 'max') totals[group] = Math.max(total, value);
    else totals[group] = total + value;
  }
}
