import type { Finding, NextStep } from '../../report/doctor.ts';
import type { Leak } from '../../report/leaks.ts';
import { placeName, stackLines } from '../../render/stack.ts';
import { formatBytes, formatSeconds } from '../../units.ts';
import type { Examined } from '../examined.ts';
import { finding, quoted, sentences, steps } from '../finding.ts';
import { CACHE_BYTES_MIN, CACHE_SHARE_MIN, IMMINENT_SECONDS, ROWS_TOLD_MAX, SOON_SECONDS } from '../thresholds.ts';

/** What a program calls what it keeps on purpose. */
const CACHE_NAME = /cache|memo|lru/i;

/** Places of the program that keep what they make, in the heap or in Buffers. */
export function heapSites(examined: Examined): Finding[] {
  const sites = examined.leaks?.leaks.filter(
    ({ source, verdict }) => source !== 'pool' && (verdict === 'leak' || verdict === 'suspect'),
  );
  return (sites ?? [])
    .toSorted((a, b) => rank(a) - rank(b) || b.bytes - a.bytes)
    .slice(0, ROWS_TOLD_MAX)
    .map((site) => growing(site, examined));
}

/** What is kept, and does not grow. */
export function heapCache({ leaks, stats }: Examined): Finding[] {
  const liveBytes = leaks?.heap === undefined ? 0 : leaks.heap.liveBytes;
  return (leaks?.leaks ?? [])
    .filter(({ source, verdict }) => source === 'heap' && verdict === 'cache')
    .filter(({ bytes }) => bytes >= CACHE_BYTES_MIN && bytes >= liveBytes * CACHE_SHARE_MIN)
    .slice(0, 1)
    .map((site) =>
      finding({
        kind: 'heap-cache',
        severity: 'note',
        certainty: 'possible',
        title: `${nameOf(site)} keeps ${formatBytes(site.bytes)} on the heap, which do not grow any more.`,
        evidence: { place: nameOf(site), bytes: site.bytes, samples: site.count },
        cause: sentences(site.reason, 'If memory is short, this is the largest thing that could be made smaller.'),
        next: [{ command: `memtool leaks ${stats.pid}`, why: 'shows its stack' }],
        savesBytes: site.bytes,
      }),
    );
}

function growing(site: Leak, examined: Examined): Finding {
  const { stats, leaks } = examined;
  const isHeap = site.source === 'heap';
  const perMinute = site.bytesPerMinute;
  const seconds = isHeap ? secondsToLimit(site, examined) : null;
  const rate = perMinute === null || perMinute <= 0 ? '' : `, and ${formatBytes(perMinute)} more each minute`;
  const [place] = stackLines(site.stack);
  const isLeak = site.verdict === 'leak';
  return finding({
    kind: isHeap ? 'heap-growth' : 'buffers-growth',
    severity: seconds !== null && seconds <= IMMINENT_SECONDS ? 'critical' : 'warning',
    certainty: isLeak ? 'likely' : 'possible',
    title: `${nameOf(site)} ${isLeak ? 'leaks' : 'may leak'}: it keeps ${formatBytes(site.bytes)} ${isHeap ? 'on the heap' : 'in Buffers'}${rate}.`,
    evidence: {
      place: nameOf(site),
      bytes: site.bytes,
      samples: site.count,
      ...(perMinute === null ? {} : { bytesPerMinute: perMinute }),
      ...(leaks?.heap ? { watchedSeconds: leaks.heap.watchedSeconds } : {}),
    },
    cause: sentences(
      site.reason,
      seconds !== null && seconds <= SOON_SECONDS && `At that the heap is full in ${formatSeconds(seconds)}.`,
      CACHE_NAME.test([nameOf(site), ...site.stack].join(' ')) &&
        'By its name it is a cache: one without a bound is a leak.',
      place !== undefined && `It is made ${place}.`,
    ),
    next: isHeap ? heapSteps(site, stats.pid) : bufferSteps(stats.pid),
    secondsToLimit: seconds,
    savesBytes: site.bytes,
  });
}

function heapSteps(site: Leak, pid: number): NextStep[] {
  const fn =
    nameOf(site)
      .split(/ > |: /)
      .at(-1) ?? '';
  const named = /^[\p{L}_$][\p{L}\p{N}_$.]*$/u.test(fn) ? ` ${quoted(fn)}` : '';
  return steps(
    site.verdict === 'suspect' && {
      command: `memtool leaks ${pid} --wait`,
      why: 'watches on, and makes sure of it',
    },
    {
      command: `memtool leaks ${pid} --retainers${named}`,
      why: 'names what keeps it alive (it stops the program for seconds, and asks before)',
    },
  );
}

function bufferSteps(pid: number): NextStep[] {
  return [{ command: `memtool leaks ${pid} --wait`, why: 'watches on, and shows the stack that makes them' }];
}

function secondsToLimit({ bytesPerMinute }: Leak, { stats: { heapLimitBytes, heapUsedBytes } }: Examined) {
  if (bytesPerMinute === null || bytesPerMinute <= 0 || heapLimitBytes === null || heapUsedBytes === null) return null;
  return (Math.max(0, heapLimitBytes - heapUsedBytes) / bytesPerMinute) * 60;
}

function nameOf({ stack }: Leak): string {
  return placeName(stack) ?? 'a place without a name';
}

function rank({ verdict }: Leak): number {
  return verdict === 'leak' ? 0 : 1;
}
