/** What `memtool top` knows and shows at one moment: keys and answers change it, `render/top/` draws it. */
import type { ProcessCleanup } from './cleanup.ts';
import type { ReportedError } from './document.ts';
import type { ProcessLeaks } from './leaks.ts';
import type { ProcessPressure } from './pressure.ts';
import type { ProcessStats } from './stats.ts';

/** In the order in which a key goes through them. */
export const TOP_SORTS = ['pressure', 'rss', 'heap', 'cpu', 'growth', 'name'] as const;
export type TopSort = (typeof TOP_SORTS)[number];

export const TOP_TABS = ['pools', 'heap', 'scopes', 'leaks'] as const;
export type TopTab = (typeof TOP_TABS)[number];

/** `silent`: it runs, and has not answered. */
export type TopStatus = 'waiting' | 'answering' | 'silent' | 'ended';

/** The last looks at one process; every list is as long as `atMs`. */
export interface TopHistory {
  /** All looks so far, those that are forgotten included. */
  looks: number;
  atMs: readonly number[];
  /** `null` where a look had no such figure. */
  series: ReadonlyMap<string, readonly (number | null)[]>;
}

export interface TopProcess {
  /** One life of a pid. */
  key: string;
  pid: number;
  name: string;
  status: TopStatus;
  /** Of the last look that was answered. */
  stats: ProcessStats | null;
  pressure: ProcessPressure | null;
  answeredAtMs: number | null;
  endedAtMs: number | null;
  /** Why it is silent. */
  error: ReportedError | null;
  history: TopHistory;
}

/** The first look is a dry run; only what it has shown may be said yes to. */
export interface TopCleanup {
  key: string;
  stage: 'foreseeing' | 'asking' | 'cleaning' | 'done' | 'failed';
  report: ProcessCleanup | null;
  error: ReportedError | null;
}

export interface TopLeaks {
  key: string;
  /** `reading`: of the heap, which stops the process for a moment. */
  stage: 'asking' | 'reading' | 'answered' | 'failed';
  ageSeconds: number;
  report: ProcessLeaks | null;
  answeredAtMs: number | null;
  error: ReportedError | null;
}

export interface TopState {
  nowMs: number;
  intervalSeconds: number;
  pausedAtMs: number | null;
  /** What was looked for, as typed. */
  target: string | null;
  processes: readonly TopProcess[];
  /** Whether it is known which there are. */
  isListed: boolean;
  /** More than are followed. */
  more: number;
  /** Without an agent, for when there is none with one. */
  startable: { pid: number; name: string } | null;
  sort: TopSort;
  isReversed: boolean;
  filter: string;
  /** Whether keys go into the filter. */
  isFiltering: boolean;
  selected: string | null;
  opened: string | null;
  tab: TopTab;
  /** Lines of a long page that are above the screen. */
  scroll: number;
  scrollMax: number;
  isHelp: boolean;
  cleanup: TopCleanup | null;
  leaks: TopLeaks | null;
  notice: { text: string; atMs: number } | null;
}
