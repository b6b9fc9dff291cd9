import type { Style } from './style.ts';
import { cut, printable, textWidth } from './text.ts';
import { bar } from './usage-bar.ts';

export interface ProgressState {
  /** What is being waited for. */
  label: string;
  /** 0 to 1; `null` of what has no end. */
  fraction: number | null;
  /** How far it is, in figures. */
  detail: string;
}

const BAR_WIDTH_MAX = 30;
const BAR_WIDTH_MIN = 8;

/** One line, never wider than the terminal, so that it can be drawn over. */
export function renderProgress({ label, fraction, detail }: ProgressState, style: Style): string {
  const text = printable(label);
  if (fraction === null) return cut(`${text}  ${printable(detail)}`, style.width - 1);
  const figures = `${String(Math.floor(Math.min(1, fraction) * 100)).padStart(3)} %  ${printable(detail)}`;
  const room = style.width - 1 - textWidth(text) - textWidth(figures) - 3;
  const drawn = room < BAR_WIDTH_MIN ? '' : `${style.theme.good(bar(fraction, Math.min(BAR_WIDTH_MAX, room)))} `;
  const line = `${text} ${drawn}${figures}`;
  return drawn === '' ? line.slice(0, Math.max(0, style.width - 1)) : line;
}

/** The same for where nothing can be drawn over: logs, pipes. */
export function renderProgressPlain({ label, fraction, detail }: ProgressState): string {
  const share = fraction === null ? '' : `${Math.floor(Math.min(1, fraction) * 100)} %, `;
  return `${printable(label)}: ${share}${printable(detail)}`;
}
