import type { HeapProfile, HeapProfileNode } from '../report/profile.ts';
import { EPOCH_NAME } from './epoch-marks.ts';
import { isFunction, readFrame, type Frame } from './frame.ts';

/** What is alive of one sample that was taken. */
export interface LiveSample {
  ordinal: number;
  /** All the memory that it stands for, not only the object that was drawn. */
  bytes: number;
}

/** Innermost frame first. */
export interface SampledStack {
  frames: Frame[];
  samples: LiveSample[];
}

export interface LiveSamples {
  stacks: SampledStack[];
  /** The last ordinal among the samples of each mark, by its slot. */
  marks: Map<number, number>;
}

/** Takes the marks of time out of a profile, and gives the rest by stack. */
export function readSamples({ head, samples }: HeapProfile): LiveSamples {
  const stacks = new Map<number, SampledStack>();
  const slots = new Map<number, number>();
  const pending: { node: HeapProfileNode; outer: Frame[]; slot: number | undefined }[] = [
    { node: head, outer: [], slot: undefined },
  ];
  for (let next = pending.pop(); next; next = pending.pop()) {
    const { node, outer } = next;
    const { callFrame } = node;
    const slot = next.slot ?? slotOf(callFrame.functionName);
    const frames = isFunction(callFrame) ? [readFrame(callFrame), ...outer] : outer;
    if (slot === undefined) stacks.set(node.id, { frames, samples: [] });
    else slots.set(node.id, slot);
    for (const child of node.children) pending.push({ node: child, outer: frames, slot });
  }
  const marks = new Map<number, number>();
  for (const { nodeId, ordinal, size } of samples) {
    const slot = slots.get(nodeId);
    if (slot === undefined) stacks.get(nodeId)?.samples.push({ ordinal, bytes: size });
    else marks.set(slot, Math.max(ordinal, marks.get(slot) ?? 0));
  }
  return { stacks: [...stacks.values()].filter((stack) => stack.samples.length > 0), marks };
}

function slotOf(functionName: string): number | undefined {
  const slot = EPOCH_NAME.exec(functionName)?.[1];
  return slot === undefined ? undefined : Number(slot);
}
