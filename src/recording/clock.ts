/** Beyond this, the clock of the system was set back. */
const SET_BACK_MS = 1000;

/**
 * Time since a recording began, in whole milliseconds, that never falls. It follows the clock of the system, which goes on
 * while the machine sleeps, and goes past the times at which somebody sets that back.
 */
export class RecordingClock {
  readonly #wallMs: () => number;
  readonly #steadyMs: () => number;
  #startedAtMs: number;
  #lastT: number;
  #lastWallMs: number;
  #lastSteadyMs: number;

  constructor(
    startedAtMs: number,
    lastT: number = 0,
    wallMs: () => number = () => Date.now(),
    steadyMs: () => number = () => performance.now(),
  ) {
    this.#wallMs = wallMs;
    this.#steadyMs = steadyMs;
    this.#startedAtMs = startedAtMs;
    this.#lastT = lastT;
    this.#lastWallMs = wallMs();
    this.#lastSteadyMs = steadyMs();
  }

  now(): number {
    const wall = this.#wallMs();
    const steady = this.#steadyMs();
    const setBackMs = steady - this.#lastSteadyMs - (wall - this.#lastWallMs);
    if (setBackMs > SET_BACK_MS) this.#startedAtMs -= setBackMs;
    this.#lastWallMs = wall;
    this.#lastSteadyMs = steady;
    this.#lastT = Math.max(this.#lastT, Math.round(wall - this.#startedAtMs));
    return this.#lastT;
  }
}
