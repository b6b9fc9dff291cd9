import type { CheckRow } from '../../report/check.ts';
import { limitFor } from './noise.ts';

/**
 * The file with what was measured: limits with head-room, and baselines. What else is in it stays as it is; rows that were not
 * measured do too.
 *
 * @param text - As `readBudgets` has read it
 * @param rows - In the order of the file
 */
export function updatedBudgets(text: string, rows: readonly CheckRow[]): string {
  const file: { budgets: Record<string, unknown>[] } = JSON.parse(text.replace(/^\uFEFF/, ''));
  for (const [index, row] of rows.entries()) {
    const { measuredBytes, madBytes, runsBytes } = row;
    const entry = file.budgets[index];
    if (entry === undefined || measuredBytes === null || madBytes === null) continue;
    entry['limit'] = roundedUp(limitFor(runsBytes));
    entry['baseline'] = { median: measuredBytes, mad: madBytes, runs: runsBytes.length };
  }
  return `${JSON.stringify(file, undefined, 2)}\n`;
}

/** For people: `12.4MiB`, `310KiB`, `17`. */
function roundedUp(bytes: number): string | number {
  if (bytes >= 1024 ** 2) return `${Math.ceil((bytes / 1024 ** 2) * 10) / 10}MiB`;
  return bytes >= 1024 ? `${Math.ceil(bytes / 1024)}KiB` : bytes;
}
