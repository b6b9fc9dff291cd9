import { describe, expect, test } from 'vitest';
import { container } from '../../../src/doctor/rules/container.ts';
import { heapLimitFit } from '../../../src/doctor/rules/heap-limit-fit.ts';
import { heapLimitNear } from '../../../src/doctor/rules/heap-limit.ts';
import { limitNear } from '../../../src/doctor/rules/limit-near.ts';
import { machineMemoryLow, swappedOut } from '../../../src/doctor/rules/machine.ts';
import { refusals } from '../../../src/doctor/rules/refusals.ts';
import { workerHeapNear, workerHeaps } from '../../../src/doctor/rules/worker-heap.ts';
import { MIB, pool, recorded, resource, withResources, withStats } from '../recorded.ts';

const plain = recorded();
const heap = (usedMib: number, given = {}) =>
  resource({ kind: 'heap', manager: null, name: 'heap', usedBytes: usedMib * MIB, limitBytes: 100 * MIB, ...given });
const CONTAINER = { usedBytes: 100 * MIB, limitBytes: 512 * MIB, reclaimableBytes: 0, oomKills: 0, stallPercent: 0 };

describe('limit-near', () => {
  test('says how full, when it is full, who to ask and what to type', () => {
    const [found, ...others] = limitNear(
      withResources(plain, [resource({ bytesPerMinute: 2 * MIB, secondsToLimit: 300 })]),
    );
    expect(others).toEqual([]);
    expect(found).toMatchObject({ severity: 'critical', certainty: 'certain', secondsToLimit: 300 });
    expect(found?.title).toBe(
      'The pool cache is at 90.0 % of its limit (90.0 MiB of 100.0 MiB); as it grew in the last minute, it is full in 5m.',
    );
    expect(found?.next.map(({ command }) => command)).toEqual([
      `memtool leaks ${plain.stats.pid} --age 0`,
      `memtool cleanup ${plain.stats.pid} --pool cache`,
    ]);
  });

  test('calls a full cache that is steady and refuses nothing a warning, one that refuses critical', () => {
    const full = withResources(plain, [resource({ level: 'critical', usedPercent: 100, bytesPerMinute: 0 })]);
    expect(limitNear(full)).toMatchObject([{ severity: 'warning' }]);
    expect(limitNear(withStats(full, { pools: [pool({ rejections: 3 })] }))).toMatchObject([{ severity: 'critical' }]);
  });

  test('tells of what will be full within the hour, and not of what has a day or is nearly empty', () => {
    const growing = { level: 'normal' as const, usedPercent: 50, usedBytes: 50 * MIB, bytesPerMinute: MIB };
    const find = (given: object) => limitNear(withResources(plain, [resource({ ...growing, ...given })]));
    expect(find({ secondsToLimit: 3000 })).toMatchObject([
      { kind: 'limit-soon', severity: 'warning', certainty: 'likely' },
    ]);
    expect(find({ secondsToLimit: 300 })).toMatchObject([{ severity: 'critical' }]);
    expect(find({ secondsToLimit: 86_400 })).toEqual([]);
    expect(find({ secondsToLimit: 300, usedPercent: 5 })).toEqual([]);
  });

  test('names three scopes of hundreds, and says how many more', () => {
    const scopes = Array.from({ length: 20 }, (_, id) => resource({ kind: 'scope', name: `query q-${id}` }));
    const base = withResources(plain, scopes);
    const found = limitNear({ ...base, pressure: { ...base.pressure, scopesNearLimit: 412 } });
    expect(found).toHaveLength(3);
    expect(found[0]?.cause).toContain('409 more scopes are near the limit, too.');
  });

  test('has nothing to say of a service that is well', () => {
    expect(limitNear(withResources(plain, [resource({ level: 'normal', usedPercent: 40 })]))).toEqual([]);
  });
});

describe('heap-limit-near', () => {
  test('goes by what lives, where a reading has counted it', () => {
    const reading = { ...recorded('leaking').leaks?.heap, liveBytes: 80 * MIB, unseenBytes: 5 * MIB };
    const base = withResources(recorded('leaking'), [heap(96)]);
    // @ts-expect-error -- the rest of the reading is as it was recorded
    expect(heapLimitNear({ ...base, leaks: { ...base.leaks, heap: reading } })).toMatchObject([
      { severity: 'warning', certainty: 'certain', evidence: { usedBytes: 85 * MIB } },
    ]);
  });

  test('is likely where nothing was counted, and mostly garbage is nothing', () => {
    const unread = { ...withResources(plain, [heap(96)]), leaks: null };
    expect(heapLimitNear(unread)).toMatchObject([{ severity: 'critical', certainty: 'likely' }]);
    // What lives in the recorded one is a few MiB.
    expect(heapLimitNear(withResources(plain, [heap(96)]))).toEqual([]);
  });

  test('advises a larger heap only as far as there is room', () => {
    const near = { ...withResources(plain, [heap(96)]), leaks: null };
    const commands = (limitBytes: number) =>
      heapLimitNear({ ...near, container: { ...CONTAINER, limitBytes } })[0]?.next.map(({ command }) => command);
    expect(commands(512 * MIB)).toContain('node --max-old-space-size=200 app.js');
    expect(commands(110 * MIB)).toHaveLength(1);
  });

  test('has nothing to say of the recorded ones', () => {
    for (const name of ['service', 'leaking', 'plain'] as const) expect(heapLimitNear(recorded(name))).toEqual([]);
  });
});

const limited = (heapMib: number, usedMib: number, containerMib: number) => ({
  ...withStats(plain, { heapLimitBytes: heapMib * MIB, heapUsedBytes: usedMib * MIB }),
  container: { ...CONTAINER, limitBytes: containerMib * MIB },
});

describe('heap-limit-fit', () => {
  test('warns of a heap that the container cannot hold, with the option and its figure', () => {
    const [found] = heapLimitFit(limited(4096, 10, 512));
    expect(found).toMatchObject({ kind: 'heap-limit-too-high', severity: 'warning', certainty: 'certain' });
    expect(found?.next[0]?.command).toBe('node --max-old-space-size=384 app.js');
  });

  test('notes a heap that is half full in a container with much more room', () => {
    expect(heapLimitFit(limited(256, 200, 4096))).toMatchObject([{ kind: 'heap-limit-too-low', severity: 'note' }]);
    expect(heapLimitFit(limited(256, 20, 4096))).toEqual([]);
  });

  test('is silent where it fits, and where neither container nor machine is known', () => {
    expect(heapLimitFit(limited(384, 300, 512))).toEqual([]);
    expect(heapLimitFit({ ...limited(4096, 10, 512), container: null, system: null })).toEqual([]);
  });
});

const workers = (heapMib: number) => ({
  rssBytes: 500 * MIB,
  workers: { count: 4, heapUsedBytes: heapMib * MIB, externalBytes: 0, arrayBuffersBytes: 0 },
});

describe('worker heaps', () => {
  test('near their limit end the worker, not the process', () => {
    const near = resource({ kind: 'heap', threadId: 3, name: 'worker 3 (importer)', level: 'critical' });
    expect(workerHeapNear(withResources(plain, [near]))).toMatchObject([{ severity: 'critical' }]);
    expect(workerHeapNear(withResources(plain, [{ ...near, level: 'normal' }]))).toEqual([]);
  });

  test('that hold most of the memory are a note', () => {
    expect(workerHeaps(withStats(plain, workers(400)))).toMatchObject([{ kind: 'worker-heaps', severity: 'note' }]);
    expect(workerHeaps(withStats(plain, workers(60)))).toEqual([]);
  });
});

describe('container', () => {
  test('near its limit without what the kernel would give back first', () => {
    const full = { ...CONTAINER, usedBytes: 500 * MIB };
    expect(container({ ...plain, container: full })).toMatchObject([
      { kind: 'container-near', severity: 'critical', certainty: 'certain' },
    ]);
    expect(container({ ...plain, container: { ...full, reclaimableBytes: 300 * MIB } })).toEqual([]);
  });

  test('that has killed, or lets wait', () => {
    const kinds = container({ ...plain, container: { ...CONTAINER, oomKills: 2, stallPercent: 34 } });
    expect(kinds.map(({ kind }) => kind)).toEqual(['container-kills', 'container-stalls']);
    expect(container({ ...plain, container: CONTAINER })).toEqual([]);
    expect(container({ ...plain, container: null })).toEqual([]);
  });
});

const system = (availableMib: number, swapMib = 0) => ({
  ...plain,
  system: {
    threads: 11,
    swapBytes: swapMib * MIB,
    oomScore: 700,
    mallocArenas: 2,
    allocator: null,
    addons: [],
    machine: { totalBytes: 1000 * MIB, availableBytes: availableMib * MIB },
  },
});

describe('the machine', () => {
  test('with little left', () => {
    expect(machineMemoryLow(system(80))).toMatchObject([{ severity: 'warning' }]);
    const [worse] = machineMemoryLow(system(20));
    expect(worse).toMatchObject({ severity: 'critical', certainty: 'certain' });
    expect(worse?.cause).toContain('That of this one is 700.');
    expect(machineMemoryLow(system(500))).toEqual([]);
  });

  test('that has put a good part of it into swap', () => {
    expect(swappedOut(system(500, 200))).toMatchObject([{ kind: 'swapped-out', severity: 'warning' }]);
    expect(swappedOut(system(500, 5))).toEqual([]);
  });
});

describe('refusals', () => {
  test('of a pool that was full, and of scopes in a pool that never was', () => {
    const full = refusals(withStats(plain, { pools: [pool({ rejections: 50, peakBytes: 99 * MIB })] }));
    expect(full).toMatchObject([{ severity: 'warning', certainty: 'certain' }]);
    expect(full[0]?.next[0]?.command).toContain('memtool leaks');
    const scoped = refusals(withStats(plain, { pools: [pool({ rejections: 50, peakBytes: 20 * MIB })] }));
    expect(scoped[0]?.next[0]?.command).toContain('--scopes');
  });

  test('that are few, or one in thousands, are none', () => {
    expect(refusals(withStats(plain, { pools: [pool({ rejections: 3, allocations: 3 })] }))).toEqual([]);
    expect(refusals(withStats(plain, { pools: [pool({ rejections: 50, allocations: 1e6 })] }))).toEqual([]);
  });
});
