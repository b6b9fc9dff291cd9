/** One row of the table: what was measured, as a ratio to a baseline of the same run. */
export interface BenchRow {
  work: string;
  baseline: string;
  /** Median over the rounds of subject / baseline of the same round. */
  ratio: number;
  /** As DESIGN promises it: `max` for at most, `min` for at least. */
  target: { max: number } | { min: number };
  /** Absolute figures and whatever else a reader should know. */
  note: string;
}

export interface Contest {
  /** Does the work `count` times. */
  baseline: (count: number) => void;
  subject: (count: number) => void;
  count: number;
  rounds?: number;
}

export interface ContestResult {
  /** Median of the rounds' ratios subject / baseline, by time. */
  ratio: number;
  baselineNs: number;
  subjectNs: number;
}

/**
 * Runs both in turn, A B A B, so that a machine that changes its speed changes it for both, and takes the median of the
 * rounds' ratios. The first rounds, in which the compiler is at work, do not count.
 */
export async function contest({ baseline, subject, count, rounds = 15 }: Contest): Promise<ContestResult> {
  const warmUps = 3;
  const ratios: number[] = [];
  const baselines: number[] = [];
  const subjects: number[] = [];
  for (let round = 0; round < warmUps + rounds; round += 1) {
    const before = timeNs(baseline, count);
    const after = timeNs(subject, count);
    // Timers and finalizers get their turn between rounds, as they do in a program.
    // oxlint-disable-next-line no-await-in-loop
    await new Promise((resolve) => setImmediate(resolve));
    if (round < warmUps) continue;
    baselines.push(before);
    subjects.push(after);
    ratios.push(after / before);
  }
  return { ratio: median(ratios), baselineNs: median(baselines), subjectNs: median(subjects) };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? NaN)
    : ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2;
}

function timeNs(work: (count: number) => void, count: number): number {
  const start = process.hrtime.bigint();
  work(count);
  return Number(process.hrtime.bigint() - start) / count;
}
