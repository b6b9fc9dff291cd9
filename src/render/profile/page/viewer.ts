/** Draws the flame graph, callers above what they call. Runs in the browser that shows the page. */
import { formatBytes, formatPercent } from '../../../units.ts';
import type { FlamegraphData } from '../flamegraph-data.ts';

interface Bar {
  name: string;
  place: string;
  packageName: string;
  origin: string;
  parent: number;
  depth: number;
  ownBytes: number;
  totalBytes: number;
  /** Where it begins, of all bytes. */
  startBytes: number;
  /** The first place in the list that it has not called. */
  end: number;
  shade: number;
}

const ROW_PX = 22;
/** Narrower ones cannot be seen; they are drawn when one zooms in. */
const WIDTH_PX_MIN = 2;
/** Narrower ones have no room for a word. */
const LABEL_PX_MIN = 24;
const SHADES = 3;

const graph = element('graph', HTMLElement);
const detail = element('detail', HTMLElement);
const found = element('found', HTMLElement);
const search = element('search', HTMLInputElement);
const bars = readBars();
const drawn = new Map<number, HTMLButtonElement>();
/** The bar that fills the width. */
let zoomed = 0;
/** Of the bars that are drawn, the one that Tab leads to. */
let current = 0;
let matches = new Set<number>();

element('tools', HTMLElement).hidden = false;
element('reset', HTMLButtonElement).addEventListener('click', showAll);
search.addEventListener('input', find);
graph.addEventListener('keydown', move);
addEventListener('resize', draw);
addEventListener('keydown', ({ key }) => {
  if (key === 'Escape') showAll();
});
draw();

function readBars(): Bar[] {
  const data: FlamegraphData = JSON.parse(element('data', HTMLElement).textContent ?? '');
  const made = data.stacks.map(([frame, parent, ownBytes], place): Bar => {
    const { name = '', place: where = '', origin = 'engine', packageName = '' } = data.frames[frame] ?? {};
    const isRoot = parent < 0;
    return {
      name: isRoot ? 'all' : name,
      place: where,
      packageName,
      origin,
      parent,
      depth: 0,
      ownBytes,
      totalBytes: ownBytes,
      startBytes: 0,
      end: place + 1,
      shade: frame % SHADES,
    };
  });
  // Backwards what is called comes before its caller, forwards after.
  for (const bar of made.toReversed()) {
    const parent = made[bar.parent];
    if (!parent) continue;
    parent.totalBytes += bar.totalBytes;
    parent.end = Math.max(parent.end, bar.end);
  }
  const nextStart = made.map(() => 0);
  for (const [place, bar] of made.entries()) {
    const parent = made[bar.parent];
    if (parent) {
      bar.depth = parent.depth + 1;
      bar.startBytes = nextStart[bar.parent] ?? 0;
      nextStart[bar.parent] = bar.startBytes + bar.totalBytes;
    }
    nextStart[place] = bar.startBytes;
  }
  return made;
}

function draw(): void {
  const focus = bars[zoomed];
  drawn.clear();
  if (!focus || focus.totalBytes === 0) {
    graph.textContent = 'Nothing of what was allocated since the process is watched is alive.';
    return;
  }
  let depth = 0;
  for (const [place, bar] of bars.entries()) {
    const isAbove = place < zoomed && bar.end > zoomed;
    if (!isAbove && (place < zoomed || place >= focus.end)) continue;
    const width = isAbove ? 1 : bar.totalBytes / focus.totalBytes;
    if (width * graph.clientWidth < WIDTH_PX_MIN) continue;
    drawn.set(place, button(bar, place, isAbove ? 0 : (bar.startBytes - focus.startBytes) / focus.totalBytes, width));
    drawn.get(place)?.classList.toggle('above', isAbove);
    drawn.get(place)?.classList.toggle('narrow', width * graph.clientWidth < LABEL_PX_MIN);
    depth = Math.max(depth, bar.depth);
  }
  graph.style.height = `${(depth + 1) * ROW_PX}px`;
  graph.replaceChildren(...drawn.values());
  markMatches();
  select(drawn.has(current) ? current : zoomed);
}

function button(bar: Bar, place: number, left: number, width: number): HTMLButtonElement {
  const made = document.createElement('button');
  const size = document.createElement('b');
  size.textContent = ` ${formatBytes(bar.totalBytes)}`;
  made.type = 'button';
  made.tabIndex = -1;
  made.className = `frame ${bar.origin}`;
  made.append(bar.name, size);
  made.title = describe(bar);
  made.style.left = `${left * 100}%`;
  made.style.width = `${width * 100}%`;
  made.style.top = `${bar.depth * ROW_PX}px`;
  made.style.setProperty('--shade', String(bar.shade));
  made.addEventListener('click', () => zoom(place));
  made.addEventListener('focus', () => select(place));
  made.addEventListener('mouseenter', () => (detail.textContent = describe(bar)));
  made.addEventListener('mouseleave', () => select(current));
  return made;
}

function describe({ name, place, packageName, parent, totalBytes, ownBytes }: Bar): string {
  const all = bars[0]?.totalBytes ?? totalBytes;
  if (parent < 0)
    return `${formatBytes(all)} are alive. Click a frame, or press Enter on it, to zoom in; Escape shows all again.`;
  const own = ownBytes > 0 ? `, ${formatBytes(ownBytes)} of it itself` : '';
  const whose = packageName === '' ? '' : `, of the package ${packageName}`;
  const where = place === '' ? '' : ` (${place})`;
  return `${name}${where}${whose}: ${formatBytes(totalBytes)}, ${formatPercent((totalBytes / all) * 100)} of all${own}`;
}

function zoom(place: number): void {
  zoomed = place;
  current = place;
  draw();
  drawn.get(place)?.focus();
}

function showAll(): void {
  search.value = '';
  find();
  zoom(0);
}

function select(place: number): void {
  const before = drawn.get(current);
  const now = drawn.get(place);
  const bar = bars[place];
  if (before) before.tabIndex = -1;
  if (now) now.tabIndex = 0;
  current = place;
  if (bar) detail.textContent = describe(bar);
}

/** By arrows: to the caller, to the largest that is called, to the neighbours of the same row. */
function move(event: KeyboardEvent): void {
  const bar = bars[current];
  if (!bar) return;
  const row = [...drawn.keys()].filter((place) => bars[place]?.depth === bar.depth);
  const at = row.indexOf(current);
  const called = [...drawn.keys()].find((place) => bars[place]?.parent === current);
  const next = { ArrowUp: bar.parent, ArrowDown: called, ArrowLeft: row[at - 1], ArrowRight: row[at + 1] }[event.key];
  const target = next === undefined ? undefined : drawn.get(next);
  if (!target) return;
  event.preventDefault();
  target.focus();
}

function find(): void {
  const words = search.value.trim().toLowerCase();
  const holds = (text: string): boolean => text.toLowerCase().includes(words);
  matches = new Set(
    words === ''
      ? []
      : [...bars.keys()].filter((place) => holds(bars[place]?.name ?? '') || holds(bars[place]?.place ?? '')),
  );
  const all = bars[0]?.totalBytes ?? 0;
  const bytes = bytesThroughMatches();
  found.textContent =
    words === ''
      ? ''
      : `${matches.size} ${matches.size === 1 ? 'frame' : 'frames'}, ${formatBytes(bytes)}${all > 0 ? `, ${formatPercent((bytes / all) * 100)} of all` : ''}`;
  markMatches();
}

/** What a match has called is in it already. */
function bytesThroughMatches(): number {
  let bytes = 0;
  let countedTo = 0;
  for (const place of matches) {
    const bar = bars[place];
    if (!bar || place < countedTo) continue;
    bytes += bar.totalBytes;
    countedTo = bar.end;
  }
  return bytes;
}

function markMatches(): void {
  graph.classList.toggle('searching', search.value.trim() !== '');
  for (const [place, made] of drawn) made.classList.toggle('match', matches.has(place));
}

function element<Kind extends HTMLElement>(id: string, kind: new () => Kind): Kind {
  const one = document.getElementById(id);
  if (one instanceof kind) return one;
  throw new Error(`the page has no ${id}`);
}
