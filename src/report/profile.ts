import type { Document, ProcessIdentity } from './document.ts';

/** A function in a profile of V8; lines and columns from 0. */
export interface CallFrame {
  functionName: string;
  scriptId: string;
  url: string;
  lineNumber: number;
  columnNumber: number;
}

export interface HeapProfileNode {
  callFrame: CallFrame;
  selfSize: number;
  id: number;
  children: HeapProfileNode[];
}

/** `HeapProfiler.SamplingHeapProfile` of the Chrome DevTools Protocol. */
export interface HeapProfile {
  head: HeapProfileNode;
  /** `ordinal` counts all the samples that were taken; those of memory that has been freed are gone. */
  samples: { size: number; nodeId: number; ordinal: number }[];
}

/** What lives, by the stack that allocated it. */
export interface ProcessProfile extends ProcessIdentity {
  sampleBytes: number | null;
  watchedSeconds: number;
  pauseMs: number;
  /** Milliseconds since 1970. */
  startedMs: number;
  endedMs: number;
  profile: HeapProfile;
}

export const PROFILE_FORMATS = ['heapprofile', 'pprof', 'flamegraph'] as const;

export type ProfileFormat = (typeof PROFILE_FORMATS)[number];

/** A profile that was written. */
export interface ProcessExport extends ProcessIdentity {
  /** As it was given, or in the current directory; `-` is stdout. */
  file: string;
  format: ProfileFormat;
  /** Size of the file. */
  bytes: number;
  /** What the profile shows: of the V8 heap, allocated since it is watched, and estimated from samples. */
  liveBytes: number;
  /** How many samples that was told from: the more, the surer. */
  samples: number;
  sampleBytes: number | null;
  watchedSeconds: number;
  pauseMs: number;
}

export type ProfileReport = Document<'profile', ProcessExport>;
