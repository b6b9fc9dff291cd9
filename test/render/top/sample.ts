/** Processes as `memtool top` knows them, and the screens that it makes of them. */
import { update, initialState } from '../../../src/commands/top/state.ts';
import type { ProcessStats } from '../../../src/report/stats.ts';
import type { ProcessPressure, Resource } from '../../../src/report/pressure.ts';
import type { TopState } from '../../../src/report/top.ts';
import { PLAIN_THEME } from '../../../src/render/style.ts';
import { renderTop } from '../../../src/render/top/top.ts';

const MIB = 1024 * 1024;
/** Local time, as it is drawn. */
export const START_MS: number = new Date(2026, 0, 2, 3, 4, 5).getTime();

export interface Shape {
  name: string;
  pid: number;
  rssMib: number;
  cpuPercent?: number;
  /** Name, used and limit in MiB, MiB a minute. */
  pools: [name: string, usedMib: number, limitMib: number, mibPerMinute: number][];
}

export const ORDERS: Shape = {
  name: 'orders-api',
  pid: 4242,
  rssMib: 180,
  cpuPercent: 31.4,
  pools: [
    ['cache', 96, 100, 2],
    ['query', 12, 50, 0],
    ['temp', 0, 25, 0],
  ],
};
export const BILLING: Shape = { name: 'billing', pid: 4301, rssMib: 90, pools: [['query', 41, 50, 0.5]] };
export const SEARCH: Shape = { name: '検索-サービス🔎', pid: 77, rssMib: 410, pools: [['index', 20, 400, 0]] };

export function statsOf({ name, pid, rssMib, cpuPercent = 2, pools }: Shape, atMs: number): ProcessStats {
  return {
    pid,
    name,
    nodeVersion: 'v20.20.2',
    uptimeSeconds: 312,
    sampledAt: new Date(atMs).toISOString(),
    cpuPercent,
    rssBytes: rssMib * MIB,
    heapUsedBytes: (rssMib / 4) * MIB,
    heapLimitBytes: 4096 * MIB,
    externalBytes: 2 * MIB,
    arrayBuffersBytes: MIB,
    memtoolBytes: 9 * MIB,
    managers: [
      { name, limitBytes: null, usedBytes: 0, usedPercent: null, level: 'normal', unrecorded: 0, watchedOneIn: 1 },
    ],
    pools: pools.map(([pool, usedMib, limitMib]) => ({
      manager: name,
      name: pool,
      kind: 'pool',
      limitBytes: limitMib * MIB,
      blockBytes: 4096,
      usedBytes: usedMib * MIB,
      reservedBytes: usedMib * MIB,
      peakBytes: usedMib * MIB,
      usedPercent: (usedMib / limitMib) * 100,
      level: levelOf(usedMib / limitMib),
      allocations: 100,
      frees: 90,
      rejections: usedMib / limitMib > 0.95 ? 7 : 0,
      live: 10,
      oldestAgeSeconds: 300,
    })),
    scopes: [
      {
        manager: name,
        kind: 'query',
        name: 'q-17',
        parent: 'ana',
        user: 'ana',
        transaction: null,
        limitBytes: 4 * MIB,
        usedBytes: 3 * MIB,
        usedPercent: 75,
        level: 'normal',
        peakBytes: 3 * MIB,
        ageSeconds: 12,
      },
    ],
    scopeCount: 3,
  };
}

export function pressureOf(shape: Shape, atMs: number): ProcessPressure {
  const { name, pid, pools } = shape;
  const resources = pools.map(([pool, usedMib, limitMib, mibPerMinute]): Resource => {
    const free = limitMib - usedMib;
    return {
      kind: 'pool',
      manager: name,
      name: pool,
      usedBytes: usedMib * MIB,
      limitBytes: limitMib * MIB,
      usedPercent: (usedMib / limitMib) * 100,
      level: levelOf(usedMib / limitMib),
      bytesPerMinute: mibPerMinute * MIB,
      secondsToLimit: mibPerMinute > 0 ? (free / mibPerMinute) * 60 : null,
    };
  });
  const levels = resources.map(({ level }) => level);
  const level = levels.includes('critical') ? 'critical' : levels.includes('warning') ? 'warning' : 'normal';
  const { nodeVersion, uptimeSeconds, sampledAt } = statsOf(shape, atMs);
  return { pid, name, nodeVersion, uptimeSeconds, sampledAt, level, resources };
}

function levelOf(share: number): 'normal' | 'warning' | 'critical' {
  return share >= 0.95 ? 'critical' : share >= 0.8 ? 'warning' : 'normal';
}

export function keyOf({ pid }: Shape): string {
  return `${pid}-1`;
}

/** What is known after a number of looks, two seconds apart, at processes that grow by 0.5 MiB of RSS each time. */
export function afterLooks(shapes: Shape[], looks: number): TopState {
  let state = initialState(undefined, 2, START_MS);
  for (let look = 0; look < looks; look += 1) {
    const atMs = START_MS + look * 2000;
    const found = shapes.map((shape) => ({ key: keyOf(shape), pid: shape.pid, name: 'script.js' }));
    state = update(state, { kind: 'listed', found, startable: null }, atMs);
    for (const shape of shapes) {
      const grown: Shape = { ...shape, rssMib: shape.rssMib + look / 2 };
      const stats = statsOf(grown, atMs);
      state = update(state, { kind: 'answered', key: keyOf(shape), stats, pressure: pressureOf(shape, atMs) }, atMs);
    }
  }
  return state;
}

export function screen(state: TopState, width: number, height: number): string {
  return `\n${renderTop(state, width, height, PLAIN_THEME).lines.join('\n')}\n`;
}
