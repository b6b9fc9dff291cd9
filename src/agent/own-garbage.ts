import { collectGarbage } from '../memory/garbage-collection.ts';
import { agentBytes } from './probes/agent.ts';

/** A reading of the heap leaves some 100 KB, a look some 20. */
const GARBAGE_BYTES_MAX: number = 2 * 1024 * 1024;

/**
 * What the agent leaves behind as it answers. V8 lets the heap of a thread grow by tens of MiB before it collects it: 100 readings
 * made 10 MiB into 14, and 40 on a busy machine 14 into 20. We are guests, and collect before that.
 */
export class OwnGarbage {
  /** What the agent takes when it has just been collected. */
  #leastBytes = Infinity;

  /** To be called once a second: asking takes 10 us, a collection 5 ms of our own thread. */
  collectIfMuch(): void {
    const bytes = agentBytes();
    this.#leastBytes = Math.min(this.#leastBytes, bytes);
    if (bytes - this.#leastBytes < GARBAGE_BYTES_MAX) return;
    collectGarbage();
    this.#leastBytes = agentBytes();
  }
}
