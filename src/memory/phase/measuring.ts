/** Shared by all copies of memtool in the thread. */
const MEASURING_KEY: unique symbol = Symbol.for('memtool.measuring');

// A global of ours, under a symbol that nobody else uses.
// oxlint-disable-next-line typescript/no-unsafe-type-assertion
const holder = globalThis as { [MEASURING_KEY]?: true };

/** `memtool check` wants figures that garbage has no part in: from now on phases collect it first, which takes time. */
export function startMeasuring(): void {
  holder[MEASURING_KEY] = true;
}

export function isMeasuring(): boolean {
  return holder[MEASURING_KEY] === true;
}
