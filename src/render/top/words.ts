/** Sentences and words that several screens share. */
import type { Resource } from '../../report/pressure.ts';
import type { TopProcess, TopState } from '../../report/top.ts';
import { formatPercent, formatSeconds } from '../../units.ts';
import { gravestFirst, resourceName, severalManagers } from '../pressure.ts';
import { levelPaint, type Paint, type Style, type Theme } from '../style.ts';
import { printable, textWidth } from '../text.ts';
import { ends } from './page.ts';

/** Further away is no reason to worry now. */
const SOON_SECONDS = 3600;
const VERY_SOON_SECONDS = 600;

export interface Sentence {
  text: string;
  paint: Paint;
}

export interface Trouble extends Sentence {
  /** The name of the resource. */
  about: string;
  /** Where there is no room for more. */
  short: string;
}

/** One word for how it is with a process. */
export function statusWord({ status, stats, pressure }: TopProcess): string {
  switch (status) {
    case 'waiting':
      return '...';
    case 'silent':
      return 'no reply';
    case 'ended':
      return 'ended';
    case 'answering':
      return stats?.nodeVersion === null ? 'no agent' : (pressure?.level ?? 'normal');
  }
}

export function statusPaint({ status, pressure }: TopProcess, theme: Theme): Paint {
  if (status === 'silent') return theme.warning;
  if (status !== 'answering' || pressure === null) return theme.faint;
  return levelPaint(theme, pressure.level);
}

export function label({ name, pid }: TopProcess): string {
  return `${printable(name)} (${pid})`;
}

/** What is wrong with one process, or soon will be, as the rest of a sentence; `undefined` when all is well. */
export function trouble(found: TopProcess, theme: Theme): Trouble | undefined {
  const resources = found.pressure?.resources ?? [];
  const withManager = severalManagers(resources);
  const [worst] = gravestFirst(resources.filter(({ level }) => level !== 'normal'));
  if (worst) {
    const name = wholeName(worst, withManager);
    const percent = formatPercent(worst.usedPercent ?? 0);
    return {
      about: name,
      text: `${name} is at ${percent} of its limit${fullIn(worst)}`,
      short: `${name} ${percent}${fullIn(worst)}`,
      paint: levelPaint(theme, worst.level),
    };
  }
  return fillsSoon(found, theme);
}

/** What is full soon if it goes on like this, however full it is now. */
export function fillsSoon({ pressure }: TopProcess, theme: Theme): Trouble | undefined {
  const resources = pressure?.resources ?? [];
  const [soonest] = resources
    .filter(({ secondsToLimit }) => secondsToLimit !== null && secondsToLimit < SOON_SECONDS)
    .toSorted((a, b) => (a.secondsToLimit ?? 0) - (b.secondsToLimit ?? 0));
  if (!soonest) return undefined;
  const about = wholeName(soonest, severalManagers(resources));
  const text = `${about} grows${fullIn(soonest)}`;
  return { about, text, short: text, paint: theme.warning };
}

/** In whole seconds: a clock that ticks once a second knows no others. */
export function ago(thenMs: number, nowMs: number): string {
  return `${formatSeconds(Math.max(0, Math.floor((nowMs - thenMs) / 1000)))} ago`;
}

/** A time that is short stands out. */
export function soonPaint(seconds: number | null, theme: Theme): Paint | undefined {
  if (seconds === null || seconds >= SOON_SECONDS) return undefined;
  return seconds < VERY_SOON_SECONDS ? theme.critical : theme.warning;
}

function wholeName(resource: Resource, withManager: boolean): string {
  const name = printable(resourceName(resource, withManager));
  return resource.threadId === undefined ? name : `the heap of ${name}`;
}

function fullIn({ secondsToLimit }: Resource): string {
  if (secondsToLimit === null) return '';
  return secondsToLimit < 1 ? ', full now' : `, full in ${formatSeconds(secondsToLimit)}`;
}

/** The first line of every screen: what it shows, whether that goes on, and the time. */
export function titleLine(text: string, state: TopState, style: Style): string {
  const { pausedAtMs, nowMs, intervalSeconds } = state;
  const time = new Date(nowMs).toTimeString().slice(0, 8);
  if (pausedAtMs === null) return ends(text, `every ${formatSeconds(intervalSeconds)}  ${time}`, style.width);
  const paused = style.theme.selected(` PAUSED ${ago(pausedAtMs, nowMs)} `);
  // On a narrow screen it is more important than what is paused.
  const whole = ends(text, paused, style.width);
  return whole === text ? paused : whole;
}

/** Keys and what they do, the most important first; those that have no room are left out. */
export function keyLine(keys: readonly (readonly [key: string, does: string])[], style: Style): string {
  const { strong, faint } = style.theme;
  let line = '';
  let used = 0;
  for (const [key, does] of keys) {
    const width = textWidth(key) + 1 + textWidth(does) + (used === 0 ? 1 : 2);
    if (used + width > style.width) break;
    line += `${used === 0 ? ' ' : '  '}${strong(key)} ${faint(does)}`;
    used += width;
  }
  return line;
}
