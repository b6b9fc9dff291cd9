import { readJson, type Field } from '../field.ts';
import { bytesOf, type Component, type Plan, type PlanLimits } from './plan.ts';

const VERSION = 1;
const COMPONENTS_MAX = 1000;
const NAMES_MAX = 1000;

/**
 * Reads a plan: `{ "memtoolPlan": 1, "name", "limits", "counts", "components" }`.
 *
 * @param file - For the messages only
 * @throws MemtoolError `MEMTOOL_BAD_PLAN`, which names the place in the file
 */
export function readPlan(text: string, file: string): Plan {
  const field = readJson(text, { file, code: 'MEMTOOL_BAD_PLAN' }).fields([
    'memtoolPlan',
    'name',
    'limits',
    'counts',
    'components',
  ]);
  checkVersion(field('memtoolPlan'));
  const name = field('name').optional((one) => one.text());
  const limits = field('limits').optional(readLimits) ?? readNoLimits();
  const counts = field('counts').optional(readCounts) ?? new Map<string, number>();
  const components = readComponents(field('components'), counts, limits);
  return { name, limits, counts, components };
}

function checkVersion(version: Field): void {
  if (version.value === VERSION) return;
  throw version.wrong(
    'which this memtool cannot read',
    `A plan begins with "memtoolPlan": ${VERSION}, the version of its format.`,
  );
}

function readNoLimits(): PlanLimits {
  return { containerBytes: undefined, heapBytes: undefined, headroomBytes: undefined, pools: new Map() };
}

function readLimits(limits: Field): PlanLimits {
  const field = limits.fields(['container', 'heap', 'headroom', 'pools']);
  return {
    containerBytes: field('container').optional(readLimit),
    heapBytes: field('heap').optional(readLimit),
    headroomBytes: field('headroom').optional((one) => one.bytes()),
    pools: field('pools').optional(readPools) ?? new Map<string, number>(),
  };
}

function readLimit(field: Field): number {
  const bytes = field.bytes();
  if (bytes > 0) return bytes;
  throw field.wrong('into which nothing fits', 'Leave it out when there is no limit.');
}

function readPools(pools: Field): Map<string, number | undefined> {
  const found = new Map<string, number | undefined>();
  for (const [name, limit] of pools.members(NAMES_MAX)) {
    // An observed pool may have none.
    found.set(name, limit.value === null ? undefined : readLimit(limit));
  }
  return found;
}

function readCounts(counts: Field): Map<string, number> {
  return new Map([...counts.members(NAMES_MAX)].map(([name, count]) => [name, count.whole()]));
}

function readComponents(list: Field, counts: ReadonlyMap<string, number>, limits: PlanLimits): Component[] {
  const places = new Map<string, string>();
  let totalBytes = 0;
  const components = list.items(COMPONENTS_MAX).map((item) => {
    const component = readComponent(item, counts, limits);
    const other = places.get(component.name);
    if (other !== undefined) throw item.error(`${item.path} has the name of ${other}.`, 'Give each its own.');
    places.set(component.name, item.path);
    totalBytes += bytesOf(component, counts);
    if (!Number.isSafeInteger(totalBytes)) {
      throw item.error(`With ${item.path} it comes to more than 2^53 - 1 bytes.`, 'Look for a unit that is too large.');
    }
    return component;
  });
  if (components.length > 0) return components;
  throw list.wrong('which is empty', 'Give at least one: { "name": "sessions", "count": 500, "unitSize": "48KiB" }.');
}

function readComponent(item: Field, counts: ReadonlyMap<string, number>, limits: PlanLimits): Component {
  const field = item.fields(['name', 'count', 'unitSize', 'per', 'sharedBy', 'where', 'onHeap']);
  const component = {
    name: field('name').text(),
    count: field('count').optional((one) => one.whole()) ?? 1,
    unitBytes: field('unitSize').bytes(),
    per: field('per').optional((per) => readPer(per, counts)) ?? [],
    sharedBy: field('sharedBy').optional((one) => knownCount(one, counts)),
    ...readPlace(field('where'), field('onHeap'), limits),
  };
  if (component.per.length > 0 && component.sharedBy !== undefined) {
    throw item.error(
      `${item.path} has both per and sharedBy.`,
      'Give `per` when each unit has its own, `sharedBy` when all use the same.',
    );
  }
  return component;
}

function readPer(per: Field, counts: ReadonlyMap<string, number>): string[] {
  const names = (Array.isArray(per.value) ? per.items(NAMES_MAX) : [per]).map((one) => knownCount(one, counts));
  if (new Set(names).size === names.length) return names;
  throw per.wrong('which has a name twice', 'Halving that count would not halve the component.');
}

function knownCount(field: Field, counts: ReadonlyMap<string, number>): string {
  const name = field.text();
  if (counts.has(name)) return name;
  throw field.wrong('which is none of the counts', `counts has ${listed(counts)}.`);
}

function readPlace(where: Field, onHeap: Field, limits: PlanLimits): Pick<Component, 'pool' | 'onHeap'> {
  const place = where.optional((one) => one.text()) ?? 'external';
  const pool = place.startsWith('pool:') ? place.slice('pool:'.length) : undefined;
  if (pool === undefined) {
    if (place !== 'heap' && place !== 'external') {
      throw where.wrong('which is no place', "Give 'heap', 'external' or 'pool:' with the name of a pool.");
    }
    if (onHeap.value !== undefined) {
      throw onHeap.error(`${onHeap.path} is only for what is in a pool.`, "For the heap itself give where: 'heap'.");
    }
    return { pool, onHeap: place === 'heap' };
  }
  if (!limits.pools.has(pool)) {
    throw where.wrong('which is none of the pools', `limits.pools has ${listed(limits.pools)}; null is for no limit.`);
  }
  return { pool, onHeap: onHeap.optional((one) => one.flag()) ?? false };
}

function listed(names: ReadonlyMap<string, unknown>): string {
  return names.size === 0 ? 'none yet' : [...names.keys()].slice(0, 20).join(', ');
}
