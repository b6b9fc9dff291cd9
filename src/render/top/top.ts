import type { TopState } from '../../report/top.ts';
import type { Theme } from '../style.ts';
import { cleanupPage, helpPage } from './dialogs.ts';
import { openedProcess } from './order.ts';
import { overview } from './overview.ts';
import type { Frame } from './page.ts';
import { processPage } from './process.ts';

/** What `memtool top` shows: exactly `height` lines, none wider than `width`. */
export function renderTop(state: TopState, width: number, height: number, theme: Theme): Frame {
  const style = { width, theme };
  if (state.isHelp) return helpPage(state, width, height, style);
  const { cleanup } = state;
  if (cleanup !== null) {
    const found = state.processes.find(({ key }) => key === cleanup.key);
    return cleanupPage(cleanup, found, state, width, height, style);
  }
  const opened = openedProcess(state);
  return opened ? processPage(opened, state, width, height, style) : overview(state, width, height, style);
}
