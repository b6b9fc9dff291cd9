import type { RetainersReport } from '../../report/retainers.ts';
import { totalsOf } from '../../report/totals.ts';
import { olderHalf, survivorsOf } from './allocation-site.ts';
import { Graph } from './graph.ts';
import type { HeapSnapshot } from './heap-snapshot.ts';
import { isEngine, segmentOf, type Segment } from './path-segments.ts';
import { ShortestPaths } from './shortest-paths.ts';

/** What keeps the objects of one place alive. */
export type Retained = Pick<RetainersReport, 'survivors' | 'paths'>;

const PATHS_MAX = 3;
/** Of one path; what is longer is told by its ends. */
const SEGMENTS_MAX = 24;

/** A step of a path, shared by all the paths that begin alike. */
interface Step {
  before: Step | undefined;
  text: string;
  next: Map<string, Step>;
}

/**
 * What keeps the objects of one place alive.
 *
 * @param stack of the place, innermost first, `fn (file:line:col)`
 */
export function findRetainers(snapshot: HeapSnapshot, stack: readonly string[]): Retained {
  const graph = new Graph(snapshot);
  const made = olderHalf(graph, survivorsOf(graph, stack));
  if (made.length === 0) return { survivors: { count: 0, bytes: 0 }, paths: [] };
  const steps = new PathSteps(graph, new ShortestPaths(graph), new Set(made));
  const reached = made.flatMap((node) => steps.of(node) ?? []);
  // What a list or a Map has grown by is made by whoever adds to it, and tells nothing, unless there is nothing else.
  const hasObjects = reached.some(({ isEnd }) => isEnd);
  const found = new Map<Step, { count: number; bytes: number }>();
  for (const { step, node, isEnd } of reached) {
    if (hasObjects && !isEnd) continue;
    const sum = found.get(step) ?? { count: 0, bytes: 0 };
    sum.count += 1;
    sum.bytes += graph.sizeBytes(node);
    found.set(step, sum);
  }
  const paths = [...found].map(([step, sum]) => ({ path: textsOf(step), ...sum }));
  return {
    survivors: totalsOf(paths),
    paths: paths.toSorted((a, b) => b.count - a.count).slice(0, PATHS_MAX),
  };
}

/** The paths as steps that people can read. A path ends with the first object of the place on it: the rest hangs on that one. */
class PathSteps {
  readonly #graph: Graph;
  readonly #shortest: ShortestPaths;
  readonly #survivors: ReadonlySet<number>;
  readonly #root: Step = { before: undefined, text: '', next: new Map() };
  readonly #known = new Map<number, { step: Step; isEnd: boolean; closure: number | undefined }>();

  constructor(graph: Graph, shortest: ShortestPaths, survivors: ReadonlySet<number>) {
    this.#graph = graph;
    this.#shortest = shortest;
    this.#survivors = survivors;
    this.#known.set(0, { step: this.#root, isEnd: false, closure: undefined });
  }

  /** Without recursion: a linked list makes a path as long as itself. */
  /** @returns `undefined` for what only weak references lead to: garbage that waits for its turn */
  of(node: number): { node: number; step: Step; isEnd: boolean } | undefined {
    const pending: number[] = [];
    for (let at = node; !this.#known.has(at);) {
      pending.push(at);
      const before = this.#shortest.before(at);
      if (before === undefined) return undefined;
      at = before.parent;
    }
    for (const at of pending.toReversed()) this.#note(at);
    const known = this.#known.get(node);
    return known && { node, step: known.step, isEnd: known.isEnd };
  }

  #note(node: number): void {
    const graph = this.#graph;
    const before = this.#shortest.before(node);
    const outer = before && this.#known.get(before.parent);
    if (before === undefined || outer === undefined) return;
    if (outer.isEnd) {
      this.#known.set(node, outer);
      return;
    }
    const type = graph.type(node);
    const closure = type === 'closure' ? node : isEngine(graph, node) ? outer.closure : undefined;
    const segment = segmentOf(graph, graph.edge(before.parent, before.edge), outer.closure);
    const isEnd = this.#survivors.has(node) && !isEngine(graph, node);
    this.#known.set(node, { step: this.#add(outer.step, segment), isEnd, closure });
  }

  #add(step: Step, segment: Segment | undefined): Step {
    // The same again is a list that is linked by its members.
    if (segment === undefined || segment.text === step.text) return step;
    const from = segment.isStart ? this.#root : step;
    const known = from.next.get(segment.text);
    if (known) return known;
    const added: Step = { before: from, text: segment.text, next: new Map() };
    from.next.set(segment.text, added);
    return added;
  }
}

function textsOf(last: Step): string[] {
  const texts: string[] = [];
  for (let step: Step | undefined = last; step?.before !== undefined; step = step.before) texts.push(step.text);
  texts.reverse();
  const half = SEGMENTS_MAX / 2;
  return texts.length <= SEGMENTS_MAX ? texts : [...texts.slice(0, half), '…', ...texts.slice(-half)];
}
