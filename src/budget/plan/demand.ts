import { headroomBytesFor } from './headroom.ts';
import { bytesOf, type Component, type Plan } from './plan.ts';

/** What a plan asks of each limit. */
export interface Demand {
  totalBytes: number;
  heapBytes: number;
  headroomBytes: number;
  pools: Map<string, number>;
}

export function demandOf({ components, counts, limits }: Plan): Demand {
  const pools = new Map([...limits.pools.keys()].map((name) => [name, 0]));
  let totalBytes = 0;
  let heapBytes = 0;
  for (const component of components) {
    const bytes = bytesOf(component, counts);
    totalBytes += bytes;
    if (component.onHeap) heapBytes += bytes;
    if (component.pool !== undefined) pools.set(component.pool, (pools.get(component.pool) ?? 0) + bytes);
  }
  return { totalBytes, heapBytes, pools, headroomBytes: limits.headroomBytes ?? headroomBytesFor(heapBytes) };
}

/** The same plan with units of that component half as large. */
export function withHalfUnits(plan: Plan, halved: Component): Plan {
  return {
    ...plan,
    components: plan.components.map((one) =>
      one === halved ? { ...one, unitBytes: Math.ceil(one.unitBytes / 2) } : one,
    ),
  };
}

export function halfCount(count: number): number {
  return Math.ceil(count / 2);
}

/** The same plan with half as many of what is counted, rounded up. */
export function withHalfCount(plan: Plan, name: string): Plan {
  return { ...plan, counts: new Map(plan.counts).set(name, halfCount(plan.counts.get(name) ?? 0)) };
}

/**
 * What the limits together allow: pools and heap full, beside the components that no limit of the process bounds.
 *
 * The heap's slack is within its limit, so of the head-room only what does not grow with the heap comes on top.
 */
export function allowedBytes(plan: Plan): number {
  const { components, counts, limits } = plan;
  const demand = demandOf(plan);
  let bytes = (limits.headroomBytes ?? headroomBytesFor(0)) + (limits.heapBytes ?? demand.heapBytes);
  for (const component of components) {
    if (component.pool === undefined && !component.onHeap) bytes += bytesOf(component, counts);
  }
  for (const [pool, plannedBytes] of demand.pools) {
    const onHeapBytes = components
      .filter((one) => one.pool === pool && one.onHeap)
      .reduce((sum, one) => sum + bytesOf(one, counts), 0);
    // What is on the heap is bounded, and counted, there.
    bytes += Math.max(limits.pools.get(pool) ?? 0, plannedBytes) - onHeapBytes;
  }
  return bytes;
}
