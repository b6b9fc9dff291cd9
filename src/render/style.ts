import type { Level } from '../report/level.ts';

export type Paint = (text: string) => string;

/** Colours by what they mean. */
export interface Theme {
  strong: Paint;
  faint: Paint;
  good: Paint;
  warning: Paint;
  critical: Paint;
  /** Where somebody is: a mark says it too. */
  selected: Paint;
}

/** All that a drawing depends on beside its report. */
export interface Style {
  /** Columns of the terminal. */
  width: number;
  theme: Theme;
}

function unpainted(text: string): string {
  return text;
}

export const PLAIN_THEME: Theme = {
  strong: unpainted,
  faint: unpainted,
  good: unpainted,
  warning: unpainted,
  critical: unpainted,
  selected: unpainted,
};

/** chalk is loaded only when there is something to colour: it costs as much as asking the agent does. */
export async function loadTheme(color: boolean): Promise<Theme> {
  if (!color) return PLAIN_THEME;
  const { Chalk } = await import('chalk');
  // The sixteen basic colours follow the terminal's own scheme, so they can be read on light and on dark.
  const chalk = new Chalk({ level: 1 });
  return {
    strong: chalk.bold,
    faint: chalk.dim,
    good: chalk.green,
    warning: chalk.yellow,
    critical: chalk.red,
    selected: chalk.inverse,
  };
}

export function levelPaint(theme: Theme, level: Level): Paint {
  return { normal: theme.good, warning: theme.warning, critical: theme.critical }[level];
}
