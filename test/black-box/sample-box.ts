/** A black box as an agent would have written it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { BlackBoxFile } from '../../src/black-box/file.ts';
import { DETAILS, ENDINGS, HEAD, MINUTES, SECONDS } from '../../src/black-box/layout.ts';
import type { Details, Head, OwnEnding, StarterEnding } from '../../src/black-box/notes.ts';
import { emptyFigures, type BoxSample } from '../../src/black-box/slot.ts';

export const STARTED_MS: number = Date.UTC(2026, 0, 2, 3, 4, 5);
export const MIB: number = 1024 * 1024;

export const SAMPLE_HEAD: Head = {
  name: 'orders-api',
  scriptName: 'server.js',
  pid: 4242,
  startTime: '118034',
  startedAtMs: STARTED_MS,
  nodeVersion: 'v20.20.0',
  memtoolVersion: '0.1.0',
  hostname: 'web-1',
  bootId: null,
  hasHostPid: true,
  group: null,
  pools: [{ manager: 'orders-api', name: 'cache', limitBytes: 100 * MIB }],
  poolsLeftOut: 0,
};

export const SAMPLE_DETAILS: Details = {
  atMs: STARTED_MS + 90_000,
  events: [{ atMs: STARTED_MS + 80_000, name: 'heap', level: 'warning', usedBytes: 33 * MIB, limitBytes: 40 * MIB }],
  scopes: [{ manager: 'orders-api', kind: 'query', name: 'q-17', user: 'ana', usedBytes: MIB, limitBytes: null, ageSeconds: 12 }],
  scopeCount: 1,
  holders: [{ manager: 'orders-api', pool: 'cache', tag: 'order-pages', stack: [], count: 12, bytes: 12 * MIB }],
  sitesReadAtMs: STARTED_MS + 60_000,
  sites: [{ source: 'heap', stack: ['keep (/app/server.js:12:8)', 'handle (/app/server.js:4:2)'], bytes: 20 * MIB, verdict: 'leak' }],
  oomKills: 0,
}; // prettier-ignore

export function sampleAt(second: number, changes: Partial<BoxSample['figures']> = {}): BoxSample {
  return {
    figures: {
      ...emptyFigures(),
      atMs: STARTED_MS + second * 1000,
      rssBytes: (60 + second / 2) * MIB,
      heapUsedBytes: (8 + second / 4) * MIB,
      heapLimitBytes: 40 * MIB,
      externalBytes: 2 * MIB,
      arrayBuffersBytes: MIB,
      cpuPercent: 12.5,
      heapAgeMs: 0,
      poolsUsedBytes: 12 * MIB,
      ...changes,
    },
    pools: [12 * MIB],
  };
}

export interface SampleBox {
  seconds?: number;
  head?: Partial<Head>;
  details?: Partial<Details>;
  own?: OwnEnding;
  starter?: StarterEnding;
  figures?: Partial<BoxSample['figures']>;
}

export function freshPath(name = '4242-118034.last'): string {
  const directory = mkdtempSync(join(tmpdir(), 'memtool-test-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return join(directory, name);
}

/** @returns Its path. */
export function writeBox(box: SampleBox = {}, path: string = freshPath()): string {
  const { seconds = 121, head = {}, details = {}, own, starter, figures = {} } = box;
  const file = BlackBoxFile.create(path);
  file.writeBlock(HEAD[0], 0, { ...SAMPLE_HEAD, ...head });
  for (let second = 0; second < seconds; second += 1) {
    file.writeSample(SECONDS, second, sampleAt(second, figures));
    if (second % 60 === 0) file.writeSample(MINUTES, second / 60, sampleAt(second, figures));
  }
  file.writeBlock(DETAILS[1], 0, { ...SAMPLE_DETAILS, ...details });
  if (own) file.writeBlock(ENDINGS.own, 0, own);
  if (starter) file.writeBlock(ENDINGS.starter, 0, starter);
  file.close();
  return path;
}
