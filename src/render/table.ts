import CliTable3 from 'cli-table3';
import type { Paint, Style } from './style.ts';
import { levelPaint } from './style.ts';
import { cut, printable, textWidth } from './text.ts';
import { BAR_WIDTH_MAX, BAR_WIDTH_MIN, usageText, type Usage } from './usage-bar.ts';

export interface Column {
  head: string;
  align?: 'left' | 'right';
  /** What to leave out first when the terminal is too narrow: the highest; a column without is never left out. */
  drop?: number;
  /** May be cut to so many characters before any column is left out. */
  shrinkTo?: number;
}

export type Cell = string | { text: string; paint: Paint } | { usage: Usage };

/** One line a row, so that a row's notes can be put below it. */
export interface TableLines {
  head: string;
  rows: string[];
}

/** A name that is cut further tells nothing. */
const NAME_WIDTH_MIN = 6;
const INDENT = '  ';
const GAP = '  ';

/** Draws a table as wide as `style.width` at most, where its columns allow that. */
export function table(columns: Column[], rows: Cell[][], style: Style): TableLines {
  const available = style.width - INDENT.length;
  const { kept, barWidth, widths } = fit(columns, rows, available);
  const drawn = new CliTable3({
    chars: {
      top: '', 'top-mid': '', 'top-left': '', 'top-right': '', bottom: '', 'bottom-mid': '', 'bottom-left': '', 'bottom-right': '',
      left: '', 'left-mid': '', mid: '', 'mid-mid': '', right: '', 'right-mid': '', middle: GAP,
    }, // prettier-ignore
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [], compact: true },
    colWidths: widths,
    colAligns: kept.map((index) => columns[index]?.align ?? 'left'),
  });
  drawn.push(kept.map((index) => style.theme.faint(columns[index]?.head ?? '')));
  for (const row of rows) {
    drawn.push(kept.map((index, at) => paintCell(row[index] ?? '', { barWidth, width: widths[at] ?? 0 }, style)));
  }
  const [head = '', ...lines] = drawn
    .toString()
    .split('\n')
    .map((line) => INDENT + line.trimEnd());
  return { head, rows: lines };
}

export function tableText({ head, rows }: TableLines): string[] {
  return [head, ...rows];
}

interface Layout {
  /** Indices of the columns that are drawn. */
  kept: number[];
  barWidth: number;
  widths: number[];
}

/** First the bars get shorter, then names are cut, then whole columns go. */
function fit(columns: Column[], rows: Cell[][], available: number): Layout {
  const isBar = columns.map((_, index) => rows.some((row) => isUsage(row[index])));
  const least = isBar.includes(true) ? BAR_WIDTH_MIN : 0;
  const narrowest = columns.map(({ head }, index) => columnWidth(head, index, rows, least));
  const dropped = columns.flatMap(({ drop }, index) => (drop === undefined ? [] : [{ index, drop }]));
  dropped.sort((a, b) => a.drop - b.drop);
  let kept = columns.map((_, index) => index);
  for (;;) {
    const widths = kept.map((index) => narrowest[index] ?? 0);
    const spare = available - total(widths);
    if (spare >= 0) {
      const bars = kept.filter((index) => isBar[index]).length;
      const barWidth = bars === 0 ? least : Math.min(BAR_WIDTH_MAX, least + Math.floor(spare / bars));
      return {
        kept,
        barWidth,
        widths: widths.map((width, at) => (isBar[kept[at] ?? 0] ? width + barWidth - least : width)),
      };
    }
    const shrunk = shrink(
      kept.map((index) => columns[index]?.shrinkTo),
      widths,
      -spare,
    );
    if (shrunk) return { kept, barWidth: least, widths: shrunk };
    const next = dropped.pop();
    if (!next) return barless(columns, kept, rows, available);
    kept = kept.filter((index) => index !== next.index);
  }
}

/** The last resort: no bars, and names cut as far as it takes. What is too wide even so stays too wide: figures are not cut. */
function barless(columns: Column[], kept: number[], rows: Cell[][], available: number): Layout {
  const widths = kept.map((index) => columnWidth(columns[index]?.head ?? '', index, rows, 0));
  const limits = kept.map((index) => (columns[index]?.shrinkTo === undefined ? undefined : NAME_WIDTH_MIN));
  const reducible = widths.reduce((sum, width, at) => sum + Math.max(0, width - (limits[at] ?? width)), 0);
  const excess = Math.min(Math.max(0, total(widths) - available), reducible);
  return { kept, barWidth: 0, widths: shrink(limits, widths, excess) ?? widths };
}

function isUsage(cell: Cell | undefined): boolean {
  return typeof cell === 'object' && 'usage' in cell;
}

function shrink(limits: (number | undefined)[], widths: number[], excess: number): number[] | undefined {
  let rest = excess;
  const shrunk = widths.map((width, index) => {
    const least = limits[index];
    if (least === undefined || width <= least) return width;
    const taken = Math.min(rest, width - least);
    rest -= taken;
    return width - taken;
  });
  return rest === 0 ? shrunk : undefined;
}

function columnWidth(head: string, index: number, rows: Cell[][], barWidth: number): number {
  return Math.max(textWidth(head), ...rows.map((row) => textWidth(cellText(row[index] ?? '', barWidth))));
}

function total(widths: number[]): number {
  return widths.reduce((sum, width) => sum + width, 0) + GAP.length * Math.max(0, widths.length - 1);
}

function cellText(cell: Cell, barWidth: number): string {
  if (typeof cell === 'string') return printable(cell);
  return 'usage' in cell ? usageText(cell.usage, barWidth) : printable(cell.text);
}

function paintCell(cell: Cell, { barWidth, width }: { barWidth: number; width: number }, style: Style): string {
  // cli-table3 would cut between the halves of a character, and count its columns wrongly.
  const text = cut(cellText(cell, barWidth), width);
  if (typeof cell === 'string') return text;
  if (!('usage' in cell)) return cell.paint(text);
  return cell.usage.percent === null ? style.theme.faint(text) : levelPaint(style.theme, cell.usage.level)(text);
}
