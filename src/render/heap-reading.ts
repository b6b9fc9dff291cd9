import type { HeapReadingReport, ProcessLeaks } from '../report/leaks.ts';
import { formatBytes, formatSeconds } from '../units.ts';
import type { Style } from './style.ts';
import { hanging } from './text.ts';

/** A reading that is older than this is told to be. */
const RECENT_SECONDS = 2;
/** Less is no matter. */
const BUFFERS_BYTES_MIN = 1024 * 1024;

/** What the rows of the heap rest on, and what to do where that is not enough. */
export function heapLines({ pid, heap, sampledAt }: ProcessLeaks, ageSeconds: number, style: Style): string[] {
  if (heap === undefined) return [];
  return [
    '',
    ...hanging('  ', seenText(heap, sampledAt), style.width).map((line) => style.theme.faint(line)),
    ...shortText(heap, pid, ageSeconds).flatMap((text) => hanging('  ', text, style.width)),
  ];
}

function seenText(heap: HeapReadingReport, sampledAt: string): string {
  const { watchedSeconds, sampleBytes, pauseMs, liveBytes, unseenBytes, buffersLiveBytes, buffersUnseenBytes } = heap;
  const agoSeconds = (Date.parse(sampledAt) - Date.parse(heap.readAt)) / 1000;
  const sampled = sampleBytes === null ? 'by a sampler that was there' : `one sample every ${formatBytes(sampleBytes)}`;
  return [
    `Heap: watched for ${formatSeconds(watchedSeconds)}, ${sampled}.`,
    `${formatBytes(liveBytes)} of what lives came in that time; ${formatBytes(unseenBytes)} is older or V8's own, and not seen.`,
    ...(buffersLiveBytes === null || buffersLiveBytes + (buffersUnseenBytes ?? 0) < BUFFERS_BYTES_MIN
      ? []
      : [
          `Of buffers ${formatBytes(buffersLiveBytes)} came from Buffer's own functions in that time, ${formatBytes(buffersUnseenBytes ?? 0)} from before or elsewhere.`,
        ]),
    `The reading${agoSeconds > RECENT_SECONDS ? `, ${formatSeconds(agoSeconds)} ago,` : ''} held the main thread up for ${Math.ceil(pauseMs)} ms at most${agoSeconds > RECENT_SECONDS ? '; so that readings take 1 % of the time, the next waits' : ''}.`,
  ].join(' ');
}

/** Nothing can be older than the watch. */
function shortText({ watchedSeconds }: HeapReadingReport, pid: number, ageSeconds: number): string[] {
  if (watchedSeconds > ageSeconds) return [];
  const shorter = Math.floor(watchedSeconds / 2);
  const now = shorter >= 1 ? `\`memtool leaks ${pid} --age ${shorter}\` tells what can be told now; ` : '';
  const age = ageSeconds === 300 ? '' : ` --age ${ageSeconds}`;
  return [
    `Whether anything on the heap is older than ${formatSeconds(ageSeconds)} cannot be told yet: ${now}\`memtool leaks ${pid}${age} --wait\` watches for as long as it takes.`,
  ];
}
