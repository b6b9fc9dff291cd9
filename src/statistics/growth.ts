/** Growth is taken over this long. */
const WINDOW_SECONDS = 60;
/** With less history than this nothing is said. */
const HISTORY_SECONDS_MIN = 10;
/** One sample a second, and the one that falls out of the window. */
const SAMPLES_MAX = WINDOW_SECONDS + 1;
/** Of the slope: below this many standard errors it cannot be told from use that goes up and down. */
const SIGNIFICANT_ERRORS = 2;

export interface Growth {
  /** Least squares; `null` with too little history. */
  bytesPerMinute: number | null;
  /** Whether the slope stands out of the scatter around it; only then it foretells anything. */
  isTrend: boolean;
}

/** The last minute of one figure, in a ring of fixed size. */
export class Samples {
  readonly #atSeconds = new Float64Array(SAMPLES_MAX);
  readonly #bytes = new Float64Array(SAMPLES_MAX);
  #next = 0;
  #count = 0;
  peakBytes = 0;

  push(atSeconds: number, bytes: number): void {
    this.peakBytes = Math.max(this.peakBytes, bytes);
    this.#atSeconds[this.#next] = atSeconds;
    this.#bytes[this.#next] = bytes;
    this.#next = (this.#next + 1) % SAMPLES_MAX;
    this.#count = Math.min(this.#count + 1, SAMPLES_MAX);
  }

  get lastAtSeconds(): number {
    return this.#count === 0 ? -Infinity : (this.#atSeconds[(this.#next + SAMPLES_MAX - 1) % SAMPLES_MAX] ?? -Infinity);
  }

  /** Ordinary least squares over the window that ends now; the error of the slope as in any textbook on regression. */
  growth(nowSeconds: number): Growth {
    const points = this.#window(nowSeconds);
    const [first] = points;
    const last = points.at(-1);
    if (!first || !last || points.length < 3 || last.atSeconds - first.atSeconds < HISTORY_SECONDS_MIN) {
      return { bytesPerMinute: null, isTrend: false };
    }
    const meanSeconds = sum(points, ({ atSeconds }) => atSeconds) / points.length;
    const meanBytes = sum(points, ({ bytes }) => bytes) / points.length;
    const spread = sum(points, ({ atSeconds }) => (atSeconds - meanSeconds) ** 2);
    const slope = sum(points, ({ atSeconds, bytes }) => (atSeconds - meanSeconds) * (bytes - meanBytes)) / spread;
    const residual = sum(
      points,
      ({ atSeconds, bytes }) => (bytes - meanBytes - slope * (atSeconds - meanSeconds)) ** 2,
    );
    const error = Math.sqrt(residual / (points.length - 2) / spread);
    return { bytesPerMinute: slope * 60, isTrend: slope > SIGNIFICANT_ERRORS * error };
  }

  #window(nowSeconds: number): Point[] {
    const points: Point[] = [];
    for (let age = this.#count; age > 0; age -= 1) {
      const at = (this.#next + SAMPLES_MAX - age) % SAMPLES_MAX;
      const atSeconds = this.#atSeconds[at] ?? 0;
      if (nowSeconds - atSeconds <= WINDOW_SECONDS) points.push({ atSeconds, bytes: this.#bytes[at] ?? 0 });
    }
    return points;
  }
}

interface Point {
  atSeconds: number;
  bytes: number;
}

/** Until the limit is reached; 0 when it is, `null` without a limit or a growth that is one. */
export function secondsToLimit(growth: Growth, usedBytes: number, limitBytes: number | null): number | null {
  if (limitBytes === null || growth.bytesPerMinute === null || !growth.isTrend) return null;
  return (Math.max(0, limitBytes - usedBytes) / growth.bytesPerMinute) * 60;
}

function sum(points: Point[], value: (point: Point) => number): number {
  return points.reduce((total, point) => total + value(point), 0);
}
