/** What the flame graph's page is given to draw. The page runs in a browser: only types, and nothing of Node. */

/** Whose code it is. `engine`: V8 itself, and native code that it calls. */
export type FrameOrigin = 'application' | 'package' | 'node' | 'engine';

export interface FlamegraphFrame {
  name: string;
  place: string;
  origin: FrameOrigin;
  /** Empty where it is of no package. */
  packageName: string;
}

export interface FlamegraphData {
  frames: FlamegraphFrame[];
  /** Every stack after its caller, with all that it called right behind it. `parent` is the caller's place here. */
  stacks: [frame: number, parent: number, selfBytes: number][];
}
