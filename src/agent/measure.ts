/**
 * Preloaded by `memtool check`: when the program ends, it writes down what it has taken. There is no agent, which would take
 * memory of its own.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';
import { collectGarbage } from '../memory/garbage-collection.ts';
import { openLedger } from '../memory/ledger/reader.ts';
import { startMeasuring } from '../memory/phase/measuring.ts';
import { registeredManagers, watchManagers, type RegisteredManager } from '../memory/registry.ts';
import { MEASUREMENT_VARIABLE, type Measurement, type MeasuredPool } from '../protocol.ts';
import type { PhaseStats } from '../report/stats.ts';

startMeasuring();
if (isMainThread) measureMainThread();

function measureMainThread(): void {
  const file = process.env[MEASUREMENT_VARIABLE];
  // What the program starts is not what is measured.
  delete process.env[MEASUREMENT_VARIABLE];
  if (file === undefined) return;
  const pools: MeasuredPool[] = [];
  const phases: PhaseStats[] = [];
  const note = (manager: RegisteredManager): void => {
    for (const { name, peakBytes, usedBytes } of openLedger(manager.ledgerMemory).pools()) {
      pools.push({ manager: manager.name, name, peakBytes, usedBytes });
    }
    phases.push(...(manager.phases?.() ?? []));
  };
  watchManagers((event, manager) => {
    if (event === 'remove') note(manager);
  });
  process.once('exit', () => {
    for (const manager of registeredManagers()) note(manager);
    const rssEndBytes = process.memoryUsage.rss();
    const rssPeakBytes = peakRssBytes();
    collectGarbage();
    const measurement: Measurement = {
      rssPeakBytes,
      rssEndBytes,
      heapUsedBytes: process.memoryUsage().heapUsed,
      pools,
      phases,
    };
    writeFileSync(file, JSON.stringify(measurement));
  });
  // A signal would end the program without a word; one of its own that handles it is left to do so.
  process.once('SIGTERM', () => {
    if (process.listenerCount('SIGTERM') === 0) process.exit(0);
  });
}

/** Not `resourceUsage().maxRSS`: that begins with the peak of who started us (below a parent of 400 MiB 404 MiB, where it was 40). */
function peakRssBytes(): number {
  try {
    const kib = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
    if (kib !== undefined) return Number(kib) * 1024;
  } catch {
    // No /proc.
  }
  return process.resourceUsage().maxRSS * 1024;
}
