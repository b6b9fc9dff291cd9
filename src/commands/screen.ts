/** A second screen of the terminal, as `less` uses it: what was on the first is there again afterwards. */

const ENTER = '\u001b[?1049h\u001b[?25l';
const LEAVE = '\u001b[?25h\u001b[?1049l';
const HOME = '\u001b[H';
const CLEAR_LINE = '\u001b[K';
const CLEAR_BELOW = '\u001b[J';

export interface Screen {
  /** Draws over what was there; draws again when the terminal changes its size. */
  show(text: () => Promise<string>): Promise<void>;
  /** Gives the terminal back and leaves the last drawing on it. */
  close(): Promise<void>;
}

export function openScreen(output: NodeJS.WriteStream, status: string): Screen {
  let latest: (() => Promise<string>) | undefined;
  let updatedAt = '';
  const draw = async (): Promise<void> => {
    if (!latest) return;
    const lines = [`memtool  ${updatedAt}  ${status}`, '', ...(await latest()).split('\n')];
    output.write(
      HOME +
        fitted(lines, output.rows)
          .map((line) => line + CLEAR_LINE)
          .join('\n') +
        CLEAR_BELOW,
    );
  };
  const redraw = (): void => void draw();
  output.write(ENTER);
  output.on('resize', redraw);
  return {
    async show(text) {
      latest = text;
      updatedAt = new Date().toTimeString().slice(0, 8);
      await draw();
    },
    async close() {
      output.off('resize', redraw);
      output.write(LEAVE);
      if (latest) output.write(`${await latest()}\n`);
    },
  };
}

/** A line too many would scroll the screen, and the next drawing would be in the wrong place. */
function fitted(lines: string[], rows: number): string[] {
  // A terminal that does not know its size says 0.
  if (rows === 0 || lines.length <= rows) return lines;
  return [
    ...lines.slice(0, rows - 1),
    `... ${lines.length - rows + 1} more lines: make the terminal taller, or name one process`,
  ];
}
