import type { Finding } from '../../report/doctor.ts';
import { formatPercent, formatSeconds } from '../../units.ts';
import type { Examined } from '../examined.ts';
import { finding, steps } from '../finding.ts';
import { ACTIVITY_SECONDS_MIN, BUSY_PERCENT, GC_SHARE_CRITICAL, GC_SHARE_WARNING } from '../thresholds.ts';

/** What agents say when the main thread does not come back from a call. */
const NATIVE_CALL = /inside a native call|could not answer the inspector/;
/** Of the limit: above it, it is want of room that makes V8 collect so often. */
const CRAMPED_SHARE = 0.6;

/** Time that goes into collecting garbage. */
export function gcBusy({ activity, stats }: Examined): Finding[] {
  if (!activity || activity.gcPauseMs === null || activity.seconds < ACTIVITY_SECONDS_MIN) return [];
  const share = activity.gcPauseMs / 1000 / activity.seconds;
  if (share < GC_SHARE_WARNING) return [];
  const isCramped = (stats.heapUsedBytes ?? 0) > (stats.heapLimitBytes ?? Number.POSITIVE_INFINITY) * CRAMPED_SHARE;
  return [
    finding({
      kind: 'gc-busy',
      severity: share >= GC_SHARE_CRITICAL ? 'critical' : 'warning',
      certainty: 'likely',
      title: `It spends ${formatPercent(share * 100)} of its time collecting garbage (${Math.round(activity.gcPauseMs)} ms of the ${formatSeconds(activity.seconds)} that it was watched).`,
      evidence: { gcPauseMs: activity.gcPauseMs, seconds: activity.seconds },
      cause: isCramped
        ? 'The heap is near its limit, so that V8 collects again and again for little.'
        : 'It makes garbage faster than usual: many short-lived objects, or large ones. A short look may have met a busy moment.',
      next: steps(
        isCramped && { command: `memtool leaks ${stats.pid} --wait`, why: 'says what fills the heap' },
        !isCramped && {
          command: `memtool stats ${stats.pid} --watch`,
          why: 'shows whether the heap goes up and down that fast',
        },
        !isCramped && {
          command: 'node --cpu-prof app.js',
          why: 'notes which functions run when it collects',
        },
      ),
    }),
  ];
}

/** A main thread that does not come back to its event loop. */
export function blocked({ activity, stats }: Examined): Finding[] {
  const reason = stats.unavailable?.['heap'] ?? '';
  const next = [
    {
      command: `memtool stats ${stats.pid} --watch`,
      why: 'is answered all the same, and shows whether memory grows meanwhile',
    },
    {
      command: null,
      why: 'What it waits for or computes, a debugger tells: `node inspect -p ' + String(stats.pid) + '`.',
    },
  ];
  if (NATIVE_CALL.test(reason)) {
    return [
      finding({
        kind: 'blocked',
        severity: 'critical',
        certainty: 'likely',
        title:
          'Its main thread is in a native call and does not answer: nothing else runs in this process until that returns.',
        evidence: { reason },
        cause:
          'execSync, a synchronous read of something slow, or a native add-on. It may return in a moment: ask again. What is known of the heap is missing here.',
        next,
      }),
    ];
  }
  if (!activity || activity.seconds < ACTIVITY_SECONDS_MIN) return [];
  if (activity.busyPercent < BUSY_PERCENT || activity.sleeps > 0) return [];
  return [
    finding({
      kind: 'blocked',
      severity: 'warning',
      certainty: 'possible',
      title: `Its main thread computed all the ${formatSeconds(activity.seconds)} that it was watched, without a pause: the event loop may be blocked.`,
      evidence: { seconds: activity.seconds, busyPercent: activity.busyPercent, sleeps: activity.sleeps },
      cause: 'An endless loop, a bad regular expression, or just more work than one thread can do.',
      next,
    }),
  ];
}
