/** A plan, version 1: what a process will hold, by component, and what it has to fit into. */
export interface Plan {
  name: string | undefined;
  limits: PlanLimits;
  /** Quantities that components multiply by: connections, column families. */
  counts: ReadonlyMap<string, number>;
  components: Component[];
}

export interface PlanLimits {
  /** All memory of the container: the cgroup's limit. */
  containerBytes: number | undefined;
  /** V8's limit of the main thread's heap. */
  heapBytes: number | undefined;
  /** What the container needs beside the components; `undefined` for what `headroom.ts` says. */
  headroomBytes: number | undefined;
  /** `undefined` for a pool without a limit. */
  pools: ReadonlyMap<string, number | undefined>;
}

export interface Component {
  name: string;
  count: number;
  unitBytes: number;
  /** Names of counts that it is multiplied by. */
  per: string[];
  /** Name of a count whose units all use the same: it is not multiplied. */
  sharedBy: string | undefined;
  /** The pool that it is taken from. */
  pool: string | undefined;
  /** JavaScript objects, which V8's limit bounds; a pool may account for such as well. */
  onHeap: boolean;
}

export function unitsOf({ count, per }: Component, counts: ReadonlyMap<string, number>): number {
  return per.reduce((units, name) => units * (counts.get(name) ?? 0), count);
}

export function bytesOf(component: Component, counts: ReadonlyMap<string, number>): number {
  return unitsOf(component, counts) * component.unitBytes;
}
