import { badSnapshot } from './bad-snapshot.ts';
import type { TraceTree } from './heap-snapshot.ts';

/** V8 records stacks of at most 64 frames. */
const DEPTH_MAX = 1024;
/** id, function, count, size, and then the children. */
const FIELDS = 5;

/** Flattens the one nested part of a snapshot: each node is four numbers and the list of its children. */
export class TraceTreeBuilder {
  readonly #tree: TraceTree = { ids: [], functions: [], parents: [] };
  /** Of each open list: the node whose children they are, and how many fields of the present child have come. */
  readonly #open: { parent: number; field: number; node: number }[] = [];

  open(): void {
    const outer = this.#open.at(-1);
    if (this.#open.length >= DEPTH_MAX) throw badSnapshot('its stacks are too deep');
    if (outer && outer.field % FIELDS !== FIELDS - 1) throw badSnapshot('its traces are out of order');
    this.#open.push({ parent: outer?.node ?? -1, field: 0, node: -1 });
  }

  add(number: number): void {
    const list = this.#open.at(-1);
    if (!list) throw badSnapshot('its traces are out of order');
    const field = list.field % FIELDS;
    if (field === FIELDS - 1) throw badSnapshot('its traces are out of order');
    if (field === 0) {
      list.node = this.#tree.ids.length;
      this.#tree.ids.push(number);
      this.#tree.functions.push(0);
      this.#tree.parents.push(list.parent);
    } else if (field === 1) this.#tree.functions[list.node] = number;
    list.field += 1;
  }

  /** @returns how many lists are open still */
  close(): number {
    this.#open.pop();
    const outer = this.#open.at(-1);
    if (outer) outer.field += 1;
    return this.#open.length;
  }

  end(): TraceTree {
    return this.#tree;
  }
}
