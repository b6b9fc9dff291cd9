/** What every report shows of a process: its heading, what could not be had, and what went wrong with it. */
import type { ProcessFailure, ProcessIdentity, Unavailable } from '../report/document.ts';
import { formatSeconds } from '../units.ts';
import type { Style } from './style.ts';
import { hanging, printable } from './text.ts';

export function heading(found: ProcessIdentity, style: Style): string {
  const rest = [
    `pid ${found.pid}`,
    found.nodeVersion === null ? '' : `Node ${found.nodeVersion.replace(/^v/, '')}`,
    `up ${formatSeconds(found.uptimeSeconds)}`,
  ];
  return `${style.theme.strong(printable(found.name))}  ${rest.filter((part) => part !== '').join('  ')}`;
}

export function failureLines({ pid, name, error }: ProcessFailure, style: Style): string[] {
  const { strong, critical } = style.theme;
  return [
    `${strong(printable(name))}  pid ${pid}  ${critical('failed')}`,
    ...hanging('  ', printable(error.message), style.width),
    ...(error.hint === null ? [] : hanging('  ', printable(error.hint), style.width)),
  ];
}

/** Sections that are missing for the same reason share a line. */
export function unavailableLines(unavailable: Unavailable | undefined, style: Style): string[] {
  const byReason = new Map<string, string[]>();
  for (const [section, reason] of Object.entries(unavailable ?? {})) {
    byReason.set(reason, [...(byReason.get(reason) ?? []), section]);
  }
  return [...byReason].flatMap(([reason, sections]) =>
    hanging('  ', printable(`${sections.join(', ')} unavailable: ${reason}`), style.width).map((line) =>
      style.theme.warning(line),
    ),
  );
}

/** One block a process, a blank line between them. */
export function blocks(lines: string[][]): string {
  return lines.map((block) => block.join('\n')).join('\n\n');
}
