import type { Finding } from '../../report/doctor.ts';
import { formatBytes, formatPercent } from '../../units.ts';
import type { Examined } from '../examined.ts';
import { finding, sentences, steps } from '../finding.ts';
import { ARENAS_MANY, NATIVE_BYTES_MIN, NATIVE_SHARE_MIN } from '../thresholds.ts';

/** What nothing accounts for: how much it is, is certain; what it is, is not. */
export function nativeRest({ stats, system }: Examined): Finding[] {
  const rows = stats.resident?.rows ?? [];
  const native = rows.find(({ name }) => name === 'native')?.bytes ?? 0;
  // Without an agent the heap's buffers are in it.
  if (!rows.some(({ name }) => name === 'array-buffers')) return [];
  const rssBytes = stats.resident?.rssBytes ?? 0;
  const share = rssBytes === 0 ? 0 : native / rssBytes;
  if (native < NATIVE_BYTES_MIN || share < NATIVE_SHARE_MIN) return [];
  const arenas = system?.mallocArenas ?? 0;
  const hasManyArenas = arenas >= ARENAS_MANY && system?.allocator === null;
  const addons = system?.addons ?? [];
  return [
    finding({
      kind: 'native-rest',
      severity: 'note',
      certainty: 'possible',
      title: `${formatBytes(native)} of it, ${formatPercent(share * 100)}, are native memory: neither heap, nor Buffers, nor code.`,
      evidence: {
        nativeBytes: native,
        rssBytes,
        mallocArenas: arenas,
        ...(addons.length > 0 ? { addons: addons.join(', ') } : {}),
      },
      cause: sentences(
        hasManyArenas &&
          `glibc's malloc has made ${arenas} arenas for its threads, and each keeps what was freed in it: that much of this is fragmentation is likely.`,
        addons.length > 0 && `Native add-ons are loaded that may hold it: ${addons.slice(0, 5).join(', ')}.`,
        !hasManyArenas &&
          addons.length === 0 &&
          'Compression, TLS, compiled code and what malloc keeps after a peak are usual causes.',
      ),
      next: steps(
        {
          command: `memtool stats ${stats.pid} --watch 10`,
          why: 'shows whether it grows; what does not grow is not a leak',
        },
        system?.allocator === null && {
          command: 'MALLOC_ARENA_MAX=2 node app.js',
          why: 'starts it with fewer arenas: if RSS is then lower, it was fragmentation (jemalloc does the same, at less cost)',
        },
      ),
    }),
  ];
}
