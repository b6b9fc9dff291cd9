import type { Graph } from './graph.ts';

const NONE = 2 ** 32 - 1;
/** An edge by which the program names something says more than one of the engine's. */
const COSTS: Record<string, number> = { context: 2, element: 2, property: 2, shortcut: 2, internal: 3, hidden: 8 };
/** A prototype or a constructor keeps what hangs on it, but is not where anybody has put it. */
const DETOUR_COST = 40;
const DETOURS = new Set(['__proto__', 'constructor', 'prototype', 'map', 'code', 'shared', 'feedback_cell']);
/** What only these keep is being worked with, or the engine's own; whatever else keeps it says more. */
const ROOT_COSTS: Record<string, number> = {
  '(Global handles)': 12,
  '(Handle scope)': 200,
  '(Stack roots)': 200,
  '(Debugger)': 400,
  '(Compilation cache)': 400,
  '(Weak collections)': 400,
};
const OTHER_ROOT_COST = 30;
const COST_MAX = 4095;
const EPHEMERON = / -> value .* pair in WeakMap \(table @(\d+)\)$/s;

/**
 * The shortest way from the root of a snapshot to every object, by Dijkstra's algorithm with a bucket for each cost. Weak edges
 * keep nothing; of the two that V8 writes for an entry of a WeakMap, only the key's keeps the value.
 */
export class ShortestPaths {
  readonly #graph: Graph;
  readonly #costs: Uint16Array;
  readonly #edges: Uint32Array;
  readonly #parents: Uint32Array;

  constructor(graph: Graph) {
    this.#graph = graph;
    this.#costs = new Uint16Array(graph.nodeCount).fill(COST_MAX);
    this.#edges = new Uint32Array(graph.nodeCount).fill(NONE);
    this.#parents = new Uint32Array(graph.nodeCount).fill(NONE);
    this.#search();
  }

  /** The object before it on its path, and the edge between them; `undefined` at the root, and of what nothing keeps. */
  before(node: number): { parent: number; edge: number } | undefined {
    const parent = this.#parents[node] ?? NONE;
    return parent === NONE ? undefined : { parent, edge: this.#edges[node] ?? NONE };
  }

  #search(): void {
    const graph = this.#graph;
    const buckets: (number[] | undefined)[] = [[0]];
    const edgeCost = this.#edgeCost();
    this.#costs[0] = 0;
    for (let cost = 0; cost < buckets.length; cost += 1) {
      // Grows while it is gone through, when everything costs the most already.
      const bucket = buckets[cost] ?? [];
      for (const node of bucket) {
        if (this.#costs[node] !== cost) continue;
        const rootCost = this.#rootCost(node);
        const end = graph.firstEdges[node + 1] ?? 0;
        for (let edge = graph.firstEdges[node] ?? 0; edge < end; edge += 1) {
          const step = edgeCost(node, edge);
          if (step === undefined) continue;
          const to = graph.target(edge);
          const total = Math.min(cost + step + rootCost, COST_MAX - 1);
          if (total >= (this.#costs[to] ?? 0)) continue;
          this.#costs[to] = total;
          this.#edges[to] = edge;
          this.#parents[to] = node;
          (buckets[total] ??= []).push(to);
        }
      }
      buckets[cost] = undefined;
    }
  }

  /** @returns a function that says what an edge costs, or that it keeps nothing */
  #edgeCost(): (node: number, edge: number) => number | undefined {
    const graph = this.#graph;
    const { edgeTypes } = graph.snapshot.meta;
    const costs = edgeTypes.map((type) => COSTS[type]);
    const isNumbered = edgeTypes.map((type) => type === 'element' || type === 'hidden');
    // Names repeat: each is read once.
    const named = new Map<number, { extra: number; table: number }>();
    return (node, edge) => {
      const type = graph.edgeTypeIndex(edge);
      const cost = costs[type];
      if (cost === undefined || isNumbered[type] === true) return cost;
      const index = graph.edgeNameIndex(edge);
      let known = named.get(index);
      if (known === undefined) {
        const name = graph.snapshot.strings.at(index);
        known = { extra: DETOURS.has(name) ? DETOUR_COST : 0, table: Number(EPHEMERON.exec(name)?.[1] ?? -1) };
        named.set(index, known);
      }
      return known.table === graph.id(node) ? undefined : cost + known.extra;
    };
  }

  #rootCost(node: number): number {
    if (node === 0 || this.#graph.type(node) !== 'synthetic') return 0;
    const name = this.#graph.name(node);
    return ROOT_COSTS[name] ?? (name.startsWith('(') ? OTHER_ROOT_COST : 0);
  }
}
