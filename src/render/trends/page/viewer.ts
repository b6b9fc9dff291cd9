/** Draws the series over time, all with the same times in view. Runs in the browser that shows the page. */
import uPlot from 'uplot';
import { formatBytes, formatSeconds } from '../../../units.ts';
import type { PlotData, PlotRun } from '../../../trends/plot-data.ts';

type NamedPlot = PlotData & { name: string };

const HEIGHT_PX = 200;
const AXIS_PX = 84;
/** Bytes are told in powers of 1024: round figures are those of these steps. */
const BYTE_STEPS = Array.from({ length: 44 }, (_, power) => 2 ** power);
const TIME_STEPS = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400, 172_800, 604_800,
];
const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
const ROLES = ['baseline', 'current'] as const;

const plots = element('plots', HTMLElement);
const all: NamedPlot[] = JSON.parse(element('data', HTMLElement).textContent ?? '');
let drawn: uPlot[] = [];
/** In seconds; `undefined` for all. */
let zoomed: { min: number; max: number } | undefined;
let isZooming = false;

element('help', HTMLElement).hidden = false;
element('reset', HTMLButtonElement).addEventListener('click', () => zoomAll(undefined));
addEventListener('keydown', ({ key }) => {
  if (key === 'Escape') zoomAll(undefined);
});
let resizing = 0;
/** What is in view of each plot, in seconds: for scripts, and for the tests. */
Object.assign(globalThis, { memtoolPlots: () => drawn.map(({ scales }) => scales['x']) });

addEventListener('resize', () => {
  cancelAnimationFrame(resizing);
  resizing = requestAnimationFrame(resize);
});
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
draw();

function draw(): void {
  for (const plot of drawn) plot.destroy();
  plots.replaceChildren();
  drawn = all.map(drawPlot);
  if (zoomed) zoomAll(zoomed);
}

function drawPlot(plot: NamedPlot): uPlot {
  const section = document.createElement('section');
  const heading = document.createElement('h3');
  const verdict = document.createElement('span');
  verdict.className = plot.verdict;
  verdict.textContent = plot.verdict.replace('-', ' ');
  heading.append(plot.name, verdict);
  section.append(heading);
  plots.append(section);
  const data: uPlot.AlignedData = [plot.times, ...plot.runs.flatMap((run) => rows(run, plot.times.length))];
  return new uPlot(optionsOf(plot, section.clientWidth), data, section);
}

function rows(run: PlotRun | null, count: number): (number | null)[][] {
  if (run) return [run.most, run.least, run.windows, run.line];
  return Array.from({ length: 4 }, () => Array.from({ length: count }, () => null));
}

function optionsOf({ name, runs }: NamedPlot, width: number): uPlot.Options {
  return {
    width,
    height: HEIGHT_PX,
    cursor: { sync: { key: 'memtool', setSeries: false }, drag: { x: true, y: false } },
    scales: { x: { time: false }, y: { range: (_, low, high) => paddedRange(low, high) } },
    legend: { live: true },
    series: [
      { label: 'at', value: (_, seconds) => (seconds === null ? '-' : formatSeconds(seconds)) },
      ...runs.flatMap((_, place) => seriesOf(roleOf(place, runs.length), place)),
    ],
    bands: runs.map((_, place) => ({
      series: [1 + place * 4, 2 + place * 4] as [number, number],
      fill: withAlpha(colour(runs.length, place), 0.28),
    })),
    axes: [
      {
        ...axis(),
        incrs: TIME_STEPS,
        space: 70,
        size: 32,
        values: (_, splits) => splits.map((seconds) => formatSeconds(seconds)),
      },
      { ...axis(), incrs: BYTE_STEPS, size: AXIS_PX, values: (_, splits) => byteTicks(splits) },
    ],
    hooks: {
      draw: [(plot) => runs.forEach((run, place) => drawWarmUp(plot, run, colour(runs.length, place)))],
      setScale: [
        (plot, key) => {
          const { min, max } = plot.scales[key] ?? {};
          if (key === 'x' && !isZooming && typeof min === 'number' && typeof max === 'number') follow(plot, min, max);
        },
      ],
      ready: [(plot) => plot.root.setAttribute('aria-label', `${name} over time`)],
    },
  };

  function seriesOf(role: string, place: number): uPlot.Series[] {
    const stroke = colour(runs.length, place);
    return [
      { label: `${role}most`, stroke: withAlpha(stroke, 0.55), width: 1, points: { show: false }, value },
      { label: `${role}least`, stroke: withAlpha(stroke, 0.55), width: 1, points: { show: false }, value },
      { label: `${role}judged`, stroke, width: 0, points: { show: true, size: 5, fill: stroke }, value },
      { label: `${role}trend`, stroke, width: 2, spanGaps: true, points: { show: false }, value },
    ];
  }
}

function value(_: uPlot, bytes: number | null): string {
  return bytes === null ? '-' : formatBytes(bytes);
}

function roleOf(place: number, of: number): string {
  return of === 1 ? '' : `${ROLES[place] ?? ''} `;
}

function colour(of: number, place: number): string {
  return style(of > 1 && place === 0 ? '--baseline' : '--current');
}

function axis(): uPlot.Axis {
  const grid = { stroke: style('--grid'), width: 1 };
  return { stroke: style('--quiet'), grid, ticks: grid, font: '12px system-ui, sans-serif' };
}

/** All in one unit, and with as many decimals as it takes to tell them apart. */
function byteTicks(splits: number[]): string[] {
  const most = Math.max(...splits.map(Math.abs));
  const power = Math.min(UNITS.length - 1, most < 1024 ? 0 : Math.floor(Math.log2(most) / 10));
  const shown = splits.map((bytes) => bytes / 1024 ** power);
  const decimals = [0, 1, 2, 3, 4, 5].find(
    (some) => new Set(shown.map((one) => one.toFixed(some))).size === shown.length,
  );
  return shown.map((one) => `${one.toFixed(decimals ?? 6)} ${UNITS[power] ?? ''}`);
}

/** From 0 where that does not flatten what is to be seen. */
function paddedRange(low: number, high: number): [number, number] {
  if (!Number.isFinite(low) || !Number.isFinite(high)) return [0, 1];
  const room = Math.max((high - low) * 0.08, high * 0.01, 1);
  return [low < (high - low) * 0.5 ? 0 : Math.max(0, low - room), high + room];
}

function drawWarmUp(plot: uPlot, run: PlotRun | null, stroke: string): void {
  if (run?.warmUpSeconds === null || run === null) return;
  const x = plot.valToPos(run.warmUpSeconds, 'x', true);
  const { left, top, width, height } = plot.bbox;
  if (x < left || x > left + width) return;
  plot.ctx.save();
  plot.ctx.strokeStyle = stroke;
  plot.ctx.lineWidth = devicePixelRatio;
  plot.ctx.setLineDash([5 * devicePixelRatio, 4 * devicePixelRatio]);
  plot.ctx.beginPath();
  plot.ctx.moveTo(x, top);
  plot.ctx.lineTo(x, top + height);
  plot.ctx.stroke();
  plot.ctx.restore();
}

/** What is zoomed in one plot is zoomed in all. A double click shows all of it: uPlot sets the scale to that. */
function follow(source: uPlot, min: number, max: number): void {
  const times = source.data[0];
  const isAll = min <= (times[0] ?? 0) && max >= (times.at(-1) ?? 0);
  const isSame = zoomed ? zoomed.min === min && zoomed.max === max : isAll;
  if (!isSame) zoomAll(isAll ? undefined : { min, max });
}

function zoomAll(range: { min: number; max: number } | undefined): void {
  zoomed = range;
  isZooming = true;
  for (const plot of drawn) {
    const times = plot.data[0];
    plot.setScale('x', range ?? { min: times[0] ?? 0, max: times.at(-1) ?? 1 });
  }
  // uPlot tells of it in a microtask.
  queueMicrotask(() => (isZooming = false));
}

function resize(): void {
  for (const plot of drawn) {
    const width = plot.root.parentElement?.clientWidth;
    if (width !== undefined) plot.setSize({ width, height: HEIGHT_PX });
  }
}

function style(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** @param hex - `#rrggbb` */
function withAlpha(hex: string, alpha: number): string {
  return `${hex}${Math.round(alpha * 255)
    .toString(16)
    .padStart(2, '0')}`;
}

function element<Kind extends HTMLElement>(id: string, kind: new () => Kind): Kind {
  const one = document.getElementById(id);
  if (one instanceof kind) return one;
  throw new Error(`the page has no ${id}`);
}
