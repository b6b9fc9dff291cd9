import { recordingLine, type RecordingEvent, type RecordingHeader, type Sample } from '../../src/recording/format.ts';
import { HEADER } from './header.ts';

const MIB = 1024 * 1024;

export const COLUMNS: string[] = [
  't',
  'rss',
  'heapUsed',
  'heapLimit',
  'gcFullCount',
  'pool:orders-api/cache.used',
  'pool:orders-api/cache.limit',
];

/** Ten minutes of a service: its heap grows by so much, the pool is flat. */
export function recordingText(
  heapBytesPerMinute: number,
  {
    header = {},
    events = [],
    samples = 600,
  }: { header?: Partial<RecordingHeader>; events?: RecordingEvent[]; samples?: number } = {},
): string {
  const lines = Array.from({ length: samples }, (_, second): Sample => {
    const wobble = ((second * 7919) % 101) / 101;
    const heap = 40 * MIB + (second / 60) * heapBytesPerMinute + wobble * MIB + (second % 20) * 0.5 * MIB;
    const pool = 20 * MIB + wobble * MIB;
    return [second * 1000, 120 * MIB + wobble * MIB, heap, 2048 * MIB, Math.floor(second / 20), pool, 100 * MIB].map(
      Math.round,
    );
  });
  return [{ ...HEADER, ...header }, { columns: COLUMNS }, ...lines, ...events].map(recordingLine).join('');
}
