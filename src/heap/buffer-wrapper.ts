import { removeFrame, throwOn } from './buffer-error.ts';
import { captureStack } from './buffer-stack.ts';

/** One of the functions that make buffers, whatever it is called with. */
export type MakeBuffer = (this: unknown, ...args: unknown[]) => unknown;

/** What the wrappers draw on, and call when it is used up. */
export interface BufferMeter {
  /** The bytes until the next sample. With `Infinity` there will be none, and the wrappers do nothing. */
  creditBytes: number;
  /** How many wrappers are at work: `Buffer.from` calls itself for some strings (Node 20), and only the outermost charges. */
  depth: number;
  /**
   * May throw: what it throws is dropped.
   *
   * @param made what the original returned
   * @param source its first argument
   * @param wrapper what the application has called
   */
  sample: (made: unknown, source: unknown, wrapper: MakeBuffer) => void;
}

/** One that never samples. All are made here: V8 compiles all wrappers as one, for meters of one shape. */
export function inertMeter(): BufferMeter {
  return { creditBytes: Infinity, depth: 0, sample: () => {} };
}

/**
 * The original, with each buffer it makes charged to the meter. It looks and behaves as the original: `this`, arguments,
 * `new`, properties, errors; only `toString()` shows it.
 */
export function wrapMaker(original: MakeBuffer, meter: BufferMeter): MakeBuffer {
  const wrapper = function (this: unknown, ...args: unknown[]): unknown {
    let made: unknown;
    meter.depth += 1;
    try {
      made = new.target === undefined ? apply(original, this, args) : construct(original, args, new.target);
      meter.depth -= 1;
    } catch (error) {
      meter.depth -= 1;
      removeFrame(error, ownPlaces());
      throwOn(error);
    }
    try {
      // Whatever it is: the length of what is no buffer, NaN, leads to `sample`, which looks closer.
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion
      const { length } = made as Uint8Array;
      if (meter.depth === 0 && !((meter.creditBytes -= length) >= 0)) meter.sample(made, args[0], wrapper);
    } catch {
      // No failure of ours is the application's.
    }
    return made;
  };
  return disguised(wrapper, original);
}

const { apply, construct } = Reflect;

/** `name`, `length`, `prototype` and whatever else it has; a failure leaves it as it is. */
function disguised(wrapper: MakeBuffer, original: MakeBuffer): MakeBuffer {
  for (const key of Reflect.ownKeys(original)) {
    const property = Reflect.getOwnPropertyDescriptor(original, key);
    if (property !== undefined) Reflect.defineProperty(wrapper, key, property);
  }
  if (Object.getPrototypeOf(wrapper) !== Object.getPrototypeOf(original)) {
    Reflect.setPrototypeOf(wrapper, Object.getPrototypeOf(original));
  }
  return wrapper;
}

const PLACE = / \((.*:\d+:\d+)\)$/;

let places: readonly string[] | undefined;

/** Where the wrappers call the originals, `file:line:col`: a wrapper around something that looks who has called it tells. */
function ownPlaces(): readonly string[] {
  if (places !== undefined) return places;
  const found: string[] = [];
  const look = function (): object {
    const place = PLACE.exec(captureStack(look)[0] ?? '')?.[1];
    if (place !== undefined) found.push(place);
    return {};
  };
  const wrapper = wrapMaker(look, inertMeter());
  // Should it fail itself, it would ask again.
  places = found;
  try {
    wrapper();
    construct(wrapper, []);
  } catch {
    // The application has hardly any stack left: the frame stays this time.
  }
  if (found.length < 2) places = undefined;
  return found;
}
