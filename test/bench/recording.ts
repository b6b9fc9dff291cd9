import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ColumnSet } from '../../src/recording/column-set.ts';
import { poolColumn, RECORDING_BYTES_MAX_DEFAULT, type RecordingHeader } from '../../src/recording/format.ts';
import { RecordingFile } from '../../src/recording/open.ts';
import type { OutputFormat } from '../../src/recording/recording.ts';
import type { BenchRow } from './ratio.ts';

const SAMPLES = 24 * 60 * 60;
const POOLS = ['query', 'cache', 'temp'];
const MIB = 1024 * 1024;
const FILE_BYTES_MAX = 30e6;
const RSS_BYTES_MAX = 40e6;
const LIVE_SECONDS = 20;

const HEADER: RecordingHeader = {
  memtoolRecording: 1,
  name: 'orders-api',
  pid: 4242,
  nodeVersion: process.version,
  startedAt: '2026-01-31T12:00:00.000Z',
  intervalMs: 1000,
  memtoolVersion: '0.1.0',
  hostname: 'bench',
};

interface Written {
  bytes: number;
  thinnings: number;
  usPerSample: number;
  peakBytes: number;
}

/** What 24 hours at one second take: written with simulated time, and, for a while, by the real command. */
export async function bench(): Promise<BenchRow[]> {
  const directory = mkdtempSync(join(tmpdir(), 'memtool-bench-'));
  try {
    const bareBytes = Number(node('process.stdout.write(String(process.resourceUsage().maxRSS * 1024))'));
    const rows = [
      ...rowsOf('jsonl', writeApart(directory, 'jsonl', RECORDING_BYTES_MAX_DEFAULT), bareBytes),
      ...rowsOf('csv', writeApart(directory, 'csv', RECORDING_BYTES_MAX_DEFAULT), bareBytes),
      ...rowsOf('jsonl, at most 10 MB', writeApart(directory, 'jsonl', 10e6), bareBytes),
    ];
    const recorderBytes = (await peakOfRecorder(directory)) - bareBytes;
    return [
      ...rows,
      {
        work: `peak RSS of \`memtool record\`, ${LIVE_SECONDS * 10} samples, beyond a bare node`,
        baseline: '40 MB',
        ratio: recorderBytes / RSS_BYTES_MAX,
        target: { max: 1 },
        note: `${(recorderBytes / 1e6).toFixed(1)} MB`,
      },
    ];
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function rowsOf(what: string, { bytes, thinnings, usPerSample, peakBytes }: Written, bareBytes: number): BenchRow[] {
  const beyondBytes = peakBytes - bareBytes;
  return [
    {
      work: `24 h at 1 s, ${what}: the file`,
      baseline: '30 MB',
      ratio: bytes / FILE_BYTES_MAX,
      target: { max: 1 },
      note: `${SAMPLES} samples, ${(bytes / 1e6).toFixed(1)} MB, thinned ${thinnings} times, ${usPerSample.toFixed(0)} us a sample`,
    },
    {
      work: `24 h at 1 s, ${what}: peak RSS of the writer, beyond a bare node`,
      baseline: '40 MB',
      ratio: beyondBytes / RSS_BYTES_MAX,
      target: { max: 1 },
      note: `${(beyondBytes / 1e6).toFixed(1)} MB`,
    },
  ];
}

/** In a process of its own, whose peak is the writer's. */
function writeApart(directory: string, format: OutputFormat, bytesMax: number): Written {
  const path = join(directory, `day-${bytesMax}.${format}`);
  const call = `writeDay(${JSON.stringify(path)}, ${JSON.stringify(format)}, ${bytesMax})`;
  return JSON.parse(
    node(`import(${JSON.stringify(import.meta.url)}).then(async (bench) => process.stdout.write(await bench.${call}))`),
  );
}

function node(script: string): string {
  return execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' });
}

/** @returns what `Written` says, as JSON */
export async function writeDay(path: string, format: OutputFormat, bytesMax: number): Promise<string> {
  const startMs = performance.now();
  const file = await RecordingFile.open(path, format, HEADER.name);
  const { recording } = file.begin(HEADER, { bytesMax });
  const columns = new ColumnSet();
  for (let index = 0; index < SAMPLES; index += 1) {
    const sample = columns.order(figuresAt(index));
    recording.sample(columns.names, sample);
  }
  const { bytes, thinnings } = recording;
  file.close();
  const written: Written = {
    bytes,
    thinnings,
    usPerSample: ((performance.now() - startMs) * 1000) / SAMPLES,
    peakBytes: process.resourceUsage().maxRSS * 1024,
  };
  return JSON.stringify(written);
}

/** Figures with as many digits as real ones. */
function figuresAt(index: number): Map<string, number | null> {
  const noise = (mebibytes: number): number => Math.floor(Math.random() * mebibytes * MIB);
  const isRare = index % 10 === 0;
  return new Map<string, number | null>([
    ['t', index * 1000 + Math.floor(Math.random() * 10)],
    ['rss', 400 * MIB + noise(50)],
    ['pss', index % 60 === 0 ? 380 * MIB + noise(50) : null],
    ['vsz', 1700 * MIB + noise(50)],
    ['heapUsed', 200 * MIB + noise(50)],
    ['heapLimit', 4_345_298_944],
    ['external', 20 * MIB + noise(5)],
    ['arrayBuffers', 10 * MIB + noise(5)],
    ['workersHeapUsed', isRare ? 100 * MIB + noise(5) : null],
    ['cpuPercent', Math.round(Math.random() * 1000) / 10],
    ['gcCount', index * 3],
    ['gcFullCount', Math.floor(index / 20)],
    ['gcPauseMs', Math.round(index * 42.7) / 10],
    ['scopes.count', Math.floor(Math.random() * 900)],
    ['scopes.used', noise(20)],
    ['cgroup.current', 450 * MIB + noise(50)],
    ['cgroup.limit', 1024 * MIB],
    ['threads', 16],
    ['fds', isRare ? 120 + Math.floor(Math.random() * 100) : null],
    ...POOLS.flatMap((pool): [string, number][] => [
      [poolColumn(HEADER.name, pool, 'used'), noise(50)],
      [poolColumn(HEADER.name, pool, 'live'), Math.floor(Math.random() * 9000)],
      [poolColumn(HEADER.name, pool, 'limit'), 50 * MIB],
    ]),
  ]);
}

/** The command itself, on a process that does nothing. */
async function peakOfRecorder(directory: string): Promise<number> {
  const environment = { ...process.env, MEMTOOL_DIR: join(directory, 'sockets') };
  const memtool = fileURLToPath(new URL('../../bin/memtool.js', import.meta.url));
  const target = spawn(process.execPath, [memtool, 'run', '--', '-e', 'setInterval(() => {}, 1000)'], {
    env: environment,
    stdio: 'ignore',
  });
  let recorder: ReturnType<typeof spawn> | undefined;
  try {
    while (!hasSocket(environment.MEMTOOL_DIR)) await sleep(50);
    const words = ['record', '--interval', '100ms', '-o', join(directory, 'live.jsonl')];
    recorder = spawn(process.execPath, [memtool, ...words], { env: environment, stdio: 'ignore' });
    await sleep(LIVE_SECONDS * 1000);
    const status = readFileSync(`/proc/${recorder.pid}/status`, 'latin1');
    return Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1]) * 1024;
  } finally {
    recorder?.kill();
    target.kill();
  }
}

function hasSocket(directory: string): boolean {
  try {
    return readdirSync(directory).some((name) => name.endsWith('.sock'));
  } catch {
    return false;
  }
}
