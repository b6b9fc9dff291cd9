import { parseFrame } from './frame.ts';
import type { SampledStack } from './live-samples.ts';
import { groupBySite, type Site } from './site.ts';

/** The live samples of Buffers as the main thread tells them: stacks are long, and many samples share one. */
export interface MainBuffers {
  /** Milliseconds since 1970, as all times here. */
  startedMs: number;
  stacks: { stack: string[]; samples: { id: number; bornMs: number; bytes: number }[] }[];
}

/** @returns with the births by id */
export function buffersBySite({ stacks }: MainBuffers): { sites: Site[]; births: Map<number, number> } {
  const births = new Map<number, number>();
  const sampled = stacks.map(({ stack, samples }): SampledStack => {
    for (const { id, bornMs } of samples) births.set(id, bornMs);
    return {
      frames: stack.map(parseFrame),
      samples: samples.map(({ id, bytes }) => ({ ordinal: id, bytes })),
    };
  });
  return { sites: groupBySite(sampled), births };
}
