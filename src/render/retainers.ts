import type { ProcessLeaks } from '../report/leaks.ts';
import { formatBytes, formatSeconds } from '../units.ts';
import type { Style } from './style.ts';
import { count, hanging, printable } from './text.ts';

/** What keeps the objects of one place alive: a path a paragraph, from the root on. */
export function retainerLines({ retainers }: ProcessLeaks, style: Style): string[] {
  if (retainers === undefined) return [];
  const { place, trackedSeconds, pauseMs, survivors, paths } = retainers;
  const tracked = formatSeconds(Math.max(1, Math.round(trackedSeconds)));
  const stopped = `The process stood still for ${(pauseMs / 1000).toFixed(1)} s.`;
  if (survivors.count === 0) {
    const text = `What keeps ${printable(place)} alive is not known: of what it made in ${tracked}, nothing lives. ${stopped} While allocations are noted the process gets little done: try again when it is busier, or its heap smaller.`;
    return ['', ...hanging('  ', text, style.width)];
  }
  const head = `What keeps ${printable(place)} alive: of what it made in ${tracked}, ${count(survivors.count, 'object')} (${formatBytes(survivors.bytes)}) ${survivors.count === 1 ? 'lives' : 'live'}. ${stopped}`;
  return [
    '',
    ...hanging('  ', head, style.width),
    ...paths.flatMap(({ path, count: objects, bytes }) => [
      ...hanging('    ', `${count(objects, 'object')}, ${formatBytes(bytes)}:`, style.width),
      ...hanging('      ', path.map(printable).join(' → '), style.width).map((line) => style.theme.strong(line)),
    ]),
  ];
}
