/**
 * The few words of shared memory through which the application's main thread and the agent's thread agree on things that
 * cannot wait for a message: the main thread may be leaving the process, or be stuck.
 *
 *   word 0  SOCKET   where the socket is in its life; whoever ends the process takes it to `exiting`
 *   word 1  BOUND    what came of the bind that `binding` announced, once it has returned
 *   word 2  SESSION  how many inspector sessions the agent has to the main thread
 *   word 3  BOX      whether the black box is there, is being made, or is no longer to be made
 *
 * Invariant: the agent sets SESSION before it reads SOCKET, and the main thread sets SOCKET to `exiting` before it reads
 * SESSION; so no session is opened that the leaving main thread did not see.
 */
const CONTROL = { socket: 0, bound: 1, session: 2, box: 3 } as const;
const CONTROL_WORDS = 4;

const BOUND = { pending: 0, bound: 1, refused: 2 } as const;
const BOX = { none: 0, making: 1, made: 2, over: 3 } as const;
const SOCKET = { starting: 0, binding: 1, listening: 2, failed: 3, exiting: 4, detached: 5 } as const;

/** A bind is one system call; a disconnect is answered in under a millisecond. Neither may hold up an exit. */
const BIND_WAIT_MS = 100;
const SESSION_WAIT_MS = 500;
/** The file is made in under a millisecond. */
const BOX_WAIT_MS = 100;

export class Control {
  readonly words: Int32Array<SharedArrayBuffer>;

  constructor(words: Int32Array<SharedArrayBuffer> = new Int32Array(new SharedArrayBuffer(CONTROL_WORDS * 4))) {
    this.words = words;
  }

  /** Agent: to be called before each bind. @returns `false` when the process is leaving. */
  beginBind(): boolean {
    Atomics.store(this.words, CONTROL.bound, BOUND.pending);
    return this.#move(SOCKET.starting, SOCKET.binding);
  }

  /** Agent: the bind has returned. */
  endBind(bound: boolean): void {
    Atomics.store(this.words, CONTROL.bound, bound ? BOUND.bound : BOUND.refused);
    Atomics.notify(this.words, CONTROL.bound);
    this.#move(SOCKET.binding, bound ? SOCKET.listening : SOCKET.starting);
  }

  /** @returns Whether the socket was there; `undefined` when the process is leaving or it is known: nobody is to be told. */
  fail(): { hadSocket: boolean } | undefined {
    if (this.#move(SOCKET.listening, SOCKET.failed)) return { hadSocket: true };
    return this.#move(SOCKET.starting, SOCKET.failed) || this.#move(SOCKET.binding, SOCKET.failed)
      ? { hadSocket: false }
      : undefined;
  }

  /** Main thread, in its last moments. @returns Which file is there to be removed. */
  exit(): 'socket' | 'failure' | undefined {
    const before = Atomics.exchange(this.words, CONTROL.socket, SOCKET.exiting);
    if (before === SOCKET.listening) return 'socket';
    if (before === SOCKET.failed) return 'failure';
    if (before !== SOCKET.binding) return undefined;
    Atomics.wait(this.words, CONTROL.bound, BOUND.pending, BIND_WAIT_MS);
    return Atomics.load(this.words, CONTROL.bound) === BOUND.bound ? 'socket' : undefined;
  }

  /** Agent: it goes away because it was asked to. @returns `false` when the process is leaving, or it goes already. */
  detach(): boolean {
    return this.#move(SOCKET.listening, SOCKET.detached);
  }

  get isDetached(): boolean {
    return Atomics.load(this.words, CONTROL.socket) === SOCKET.detached;
  }

  /** It has failed, or was detached: nothing answers any more. */
  get isGone(): boolean {
    return this.isDetached || Atomics.load(this.words, CONTROL.socket) === SOCKET.failed;
  }

  get exiting(): boolean {
    return Atomics.load(this.words, CONTROL.socket) === SOCKET.exiting;
  }

  /** Agent: to be called before the black box is made. @returns `false` when the process is leaving. */
  beginBox(): boolean {
    return Atomics.compareExchange(this.words, CONTROL.box, BOX.none, BOX.making) === BOX.none;
  }

  /** Agent: it is there, or could not be made. @returns `false` when nobody waited for it, and it must not stay. */
  endBox(isMade: boolean): boolean {
    const before = Atomics.compareExchange(this.words, CONTROL.box, BOX.making, isMade ? BOX.made : BOX.none);
    Atomics.notify(this.words, CONTROL.box);
    return before === BOX.making;
  }

  /** Main thread, in its last moments: from now on none is made. */
  closeBox(): void {
    for (;;) {
      const before = Atomics.load(this.words, CONTROL.box);
      if (before !== BOX.making) {
        if (Atomics.compareExchange(this.words, CONTROL.box, before, BOX.over) === before) return;
      } else if (Atomics.wait(this.words, CONTROL.box, BOX.making, BOX_WAIT_MS) === 'timed-out') {
        Atomics.store(this.words, CONTROL.box, BOX.over);
        return;
      }
    }
  }

  /** Agent: to be called before a session is opened. @returns `false` when none may be opened any more. */
  beginSession(): boolean {
    Atomics.add(this.words, CONTROL.session, 1);
    if (!this.exiting) return true;
    this.endSession();
    return false;
  }

  endSession(): void {
    Atomics.sub(this.words, CONTROL.session, 1);
    Atomics.notify(this.words, CONTROL.session);
  }

  /**
   * Main thread, after `exit()`: node would print "Waiting for the debugger to disconnect..." and wait without a bound.
   * A thread in `Atomics.wait` still answers the inspector, so what is being read gets its answer.
   */
  awaitSessionEnd(): void {
    const deadline = performance.now() + SESSION_WAIT_MS;
    for (;;) {
      const sessions = Atomics.load(this.words, CONTROL.session);
      if (sessions === 0 || performance.now() >= deadline) return;
      Atomics.wait(this.words, CONTROL.session, sessions, 5);
    }
  }

  #move(from: number, to: number): boolean {
    return Atomics.compareExchange(this.words, CONTROL.socket, from, to) === from;
  }
}
