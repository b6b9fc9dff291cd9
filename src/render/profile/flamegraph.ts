/** The flame graph: one HTML file that needs nothing else. */
import type { HeapProfile, ProcessProfile } from '../../report/profile.ts';
import { formatBytes, formatPercent, formatSeconds } from '../../units.ts';
import { escapeHtml, fillPage, scriptJson } from '../html.ts';
import { frameOf, placeOf } from './frame.ts';
import type { FlamegraphData, FlamegraphFrame } from './flamegraph-data.ts';
import { liveBytesOf, stacksOf } from './live-profile.ts';

/** Beyond these the graph says more than a list. */
const FUNCTIONS_LISTED_MAX = 20;

/** @param page - dist/flamegraph.html: what draws it, with places for what is drawn. */
export function renderFlamegraph(found: ProcessProfile, page: string): string {
  const { frames, stacks } = flamegraphData(found.profile);
  const parts: Record<string, string> = {
    title: escapeHtml(`Live memory of ${found.name} (${found.pid})`),
    facts: facts(found)
      .map(([term, text]) => `<div><dt>${escapeHtml(term)}</dt><dd>${escapeHtml(text)}</dd></div>`)
      .join(''),
    functions: functionRows({ frames, stacks }, liveBytesOf(found.profile)),
    data: scriptJson({ frames, stacks }),
  };
  return fillPage(page, parts);
}

function facts(found: ProcessProfile): [string, string][] {
  const { profile, sampleBytes, watchedSeconds, pauseMs } = found;
  const node = found.nodeVersion === null ? '' : `, Node ${found.nodeVersion.replace(/^v/, '')}`;
  return [
    ['Process', `${found.name}, pid ${found.pid}${node}, up ${formatSeconds(found.uptimeSeconds)}`],
    ['Taken', found.sampledAt.replace('T', ' ').replace(/\.\d+Z$|Z$/, ' UTC')],
    ['Live', `${formatBytes(liveBytesOf(profile))} of the V8 heap, told from ${profile.samples.length} samples`],
    ['Sample interval', sampleBytes === null ? 'unknown: the sampler is not memtool’s' : formatBytes(sampleBytes)],
    ['Watched for', `${formatSeconds(watchedSeconds)}; what was allocated before is not shown, nor are buffers`],
    ['Pause', `${Math.round(pauseMs)} ms`],
  ];
}

/** Functions by what they hold themselves, over all stacks: it can be read without the graph. */
function functionRows({ frames, stacks }: FlamegraphData, liveBytes: number): string {
  const ownBytes = new Map<number, number>();
  for (const [frame, , selfBytes] of stacks) ownBytes.set(frame, (ownBytes.get(frame) ?? 0) + selfBytes);
  return [...ownBytes]
    .filter(([, bytes]) => bytes > 0)
    .toSorted(([, a], [, b]) => b - a)
    .slice(0, FUNCTIONS_LISTED_MAX)
    .map(([frame, bytes]) => {
      const { name = '', place = '', origin = 'engine' } = frames[frame] ?? {};
      const cells = [formatBytes(bytes), formatPercent((bytes / liveBytes) * 100)];
      return `<tr>${cells.map((cell) => `<td>${cell}</td>`).join('')}<td><i class="${origin}"></i>${escapeHtml(name)}</td><td>${escapeHtml(place)}</td></tr>`;
    })
    .join('\n');
}

/** The largest branch first, on the left. */
function flamegraphData({ head }: HeapProfile): FlamegraphData {
  const frames: FlamegraphFrame[] = [];
  const places = new Map<string, number>();
  const stacks = stacksOf(largestFirst(head)).map(({ node, parent }): FlamegraphData['stacks'][number] => {
    const frame = frameOf(node.callFrame);
    const { name, origin, packageName } = frame;
    const place = placeOf(frame);
    const key = JSON.stringify([name, place]);
    const known = places.get(key);
    const index = known ?? frames.push({ name, place, origin, packageName }) - 1;
    places.set(key, index);
    return [index, parent, node.selfSize];
  });
  return { frames, stacks };
}

function largestFirst(head: HeapProfile['head']): HeapProfile['head'] {
  const stacks = stacksOf(head);
  const copies = stacks.map(({ node }) => ({ ...node, children: [] as HeapProfile['head'][] }));
  const totals = stacks.map(({ node }) => node.selfSize);
  const byTotal = stacks.map((_, place) => place);
  for (let place = stacks.length - 1; place > 0; place -= 1) {
    const parent = stacks[place]?.parent ?? 0;
    totals[parent] = (totals[parent] ?? 0) + (totals[place] ?? 0);
  }
  byTotal.sort((a, b) => (totals[b] ?? 0) - (totals[a] ?? 0));
  for (const place of byTotal) {
    const copy = copies[place];
    const parent = stacks[place]?.parent ?? -1;
    if (copy) copies[parent]?.children.push(copy);
  }
  return copies[0] ?? head;
}
