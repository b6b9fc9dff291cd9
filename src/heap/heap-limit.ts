import { getHeapStatistics } from 'node:v8';

const OLD_SPACE_FLAG = /--max[-_]old[-_]space[-_]size[= ](\d+)(?= |$)/g;

/**
 * Where the main isolate ends with "JavaScript heap out of memory".
 *
 * V8's `heap_size_limit` is that of both generations, and the old one meets its own limit first: with
 * `--max-old-space-size=150` it is 342 MiB on Node 24, and the process dies at 150. Without the flag the difference is no more than
 * a twentieth.
 *
 * @param flags command line options, of which the last counts
 */
export function heapLimitBytes(
  flags: string = `${process.env['NODE_OPTIONS'] ?? ''} ${process.execArgv.join(' ')}`,
  limitBytes: number = getHeapStatistics().heap_size_limit,
): number {
  const mebibytes = Number([...flags.matchAll(OLD_SPACE_FLAG)].at(-1)?.[1] ?? 0);
  return mebibytes > 0 ? Math.min(mebibytes * 1024 ** 2, limitBytes) : limitBytes;
}
