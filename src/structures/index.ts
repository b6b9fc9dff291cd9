/** `memtool/structures`: structures that hold memory well. Each is charged to a pool, bounded, and gives back under pressure. */
// oxlint-disable-next-line unicorn/require-module-specifiers -- until the first structure is here
export {};
