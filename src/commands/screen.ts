import { Canvas } from './canvas.ts';

/** What `--watch` draws on. */
export interface Screen {
  /** Draws over what was there; draws again when the terminal changes its size. */
  show(text: () => Promise<string>): Promise<void>;
  /** Gives the terminal back and leaves the last drawing on it. */
  close(): Promise<void>;
}

export function openScreen(output: NodeJS.WriteStream, status: string): Screen {
  const canvas = new Canvas(output);
  let latest: (() => Promise<string>) | undefined;
  let updatedAt = '';
  const draw = async (): Promise<void> => {
    if (!latest) return;
    const lines = [`memtool  ${updatedAt}  ${status}`, '', ...(await latest()).split('\n')];
    canvas.draw(fitted(lines, output.rows));
  };
  const redraw = (): void => {
    canvas.forget();
    void draw();
  };
  canvas.enter();
  output.on('resize', redraw);
  return {
    async show(text) {
      latest = text;
      updatedAt = new Date().toTimeString().slice(0, 8);
      await draw();
    },
    async close() {
      output.off('resize', redraw);
      canvas.leave();
      if (latest) output.write(`${await latest()}\n`);
    },
  };
}

/** Lines beyond the last row would not be seen. */
function fitted(lines: string[], rows: number): string[] {
  // A terminal that does not know its size says 0.
  if (rows === 0 || lines.length <= rows) return lines;
  return [
    ...lines.slice(0, rows - 1),
    `... ${lines.length - rows + 1} more lines: make the terminal taller, or name one process`,
  ];
}
