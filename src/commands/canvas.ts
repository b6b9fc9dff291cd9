/** A second screen of the terminal, as `less` uses it: what was on the first is there again afterwards. */

/** Without wrapping: a line that is too wide must not push the others down. */
export const ENTER_SCREEN = '\u001b[?1049h\u001b[?25l\u001b[?7l';
export const LEAVE_SCREEN = '\u001b[?7h\u001b[?25h\u001b[?1049l';
const CLEAR = '\u001b[2J';
const CLEAR_LINE = '\u001b[K';
/** The terminal shows all in between at once; one that does not know them ignores them. */
const BEGIN_UPDATE = '\u001b[?2026h';
const END_UPDATE = '\u001b[?2026l';

/** Draws whole pages on the second screen, and writes only the lines that have changed. */
export class Canvas {
  readonly #output: NodeJS.WriteStream;
  /** What is on the screen; `undefined` when that is not known. */
  #drawn: readonly string[] | undefined;

  constructor(output: NodeJS.WriteStream) {
    this.#output = output;
  }

  enter(): void {
    this.#output.write(ENTER_SCREEN);
    this.#drawn = undefined;
  }

  leave(): void {
    this.#output.write(LEAVE_SCREEN);
  }

  /** Somebody else has drawn on it, or its size has changed. */
  forget(): void {
    this.#drawn = undefined;
  }

  /** Nothing is written while the terminal has not taken what was written before: a slow one gets fewer pages, not more delay. */
  draw(lines: readonly string[]): void {
    if (this.#output.writableNeedDrain) return;
    const text = this.#changes(lines);
    if (text !== '') this.#output.write(BEGIN_UPDATE + text + END_UPDATE);
    this.#drawn = lines;
  }

  #changes(lines: readonly string[]): string {
    const drawn = this.#drawn;
    const rows = Math.max(lines.length, drawn?.length ?? 0);
    let text = drawn === undefined ? CLEAR : '';
    for (let row = 0; row < rows; row += 1) {
      const line = lines[row] ?? '';
      // Cleared before, since the cursor does not go beyond the last column: after a whole line that would be cleared.
      if (line !== (drawn?.[row] ?? '')) text += `\u001b[${row + 1};1H${CLEAR_LINE}${line}`;
    }
    return text;
  }
}
