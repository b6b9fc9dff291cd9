import { createStyle, type Context } from './context.ts';

export interface Progress {
  /** Sets what is shown; without it, the time that has passed is. */
  update(fraction: number | null, detail: string): void;
  stop(): void;
}

const SHOW_AFTER_MS = 2000;
const DRAW_INTERVAL_MS = 200;
/** Off a terminal nothing can be drawn over, so lines are rare. */
const PLAIN_INTERVAL_MS = 10_000;

export interface ProgressTiming {
  /** What takes no longer needs no bar. */
  showAfterMs?: number | undefined;
  /** Between two lines off a terminal. */
  plainIntervalMs?: number;
}

/** A bar on stderr for whatever takes over two seconds; plain lines off a terminal, nothing with `--json`. */
export function startProgress(
  context: Context,
  label: string,
  expectedMs: number,
  { showAfterMs = SHOW_AFTER_MS, plainIntervalMs = PLAIN_INTERVAL_MS }: ProgressTiming = {},
): Progress {
  if (context.json) return { update: () => undefined, stop: () => undefined };
  const startedAt = performance.now();
  let state: { fraction: number | null; detail: string } | undefined;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  let drawn = false;

  const draw = async (): Promise<void> => {
    const { renderProgress, renderProgressPlain } = await import('../render/progress.ts');
    const { errors } = context;
    const style = await createStyle(context.color, errors);
    if (stopped) return;
    const elapsedMs = performance.now() - startedAt;
    const now = state ?? {
      fraction: Math.min(1, elapsedMs / expectedMs),
      detail: `${Math.floor(elapsedMs / 1000)} s of at most ${expectedMs / 1000} s`,
    };
    if (errors.isTTY) errors.write(`\r${renderProgress({ label, ...now }, style)}\u001b[K`);
    else errors.write(`${renderProgressPlain({ label, ...now })}\n`);
    drawn = true;
    timer = setTimeout(() => void draw(), errors.isTTY ? DRAW_INTERVAL_MS : plainIntervalMs);
  };

  timer = setTimeout(() => void draw(), showAfterMs);
  return {
    update(fraction, detail) {
      state = { fraction, detail };
    },
    stop() {
      if (stopped) return;
      stopped = true;
      clearTimeout(timer);
      if (drawn && context.errors.isTTY) context.errors.write('\r\u001b[K');
    },
  };
}
