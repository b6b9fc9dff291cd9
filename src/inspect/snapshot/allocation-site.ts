import { pathOf } from '../../report/source-file.ts';
import type { Graph } from './graph.ts';

const SURVIVORS_MIN = 20;

/** A function, as a report writes it: `fn (file:line:col)`. */
type Frame = string;

/**
 * The objects that one place of the program made while allocations were tracked, and that live.
 *
 * A place is told by the innermost function of the application and by the innermost that is not Node's own (which may be a
 * package's), as in a reading. V8 leaves inlined functions out of its stacks, in a reading as well as here, and not always the
 * same; so if nothing was made there, whatever was made below that function counts, and then below the one that called it.
 *
 * @param stack of the place, innermost first
 */
export function survivorsOf(graph: Graph, stack: readonly Frame[]): number[] {
  const own = stack.filter(isApplication);
  const called = calledOf(stack);
  const traces = readTraces(graph);
  const tests: ((frames: readonly Frame[]) => boolean)[] = [
    (frames) => calledOf(frames) === called && frames.find(isApplication) === own[0],
    ...own.slice(0, 3).map((frame) => (frames: readonly Frame[]) => frames.includes(frame)),
  ];
  for (const test of tests) {
    const ids = new Set(traces.filter(({ frames }) => test(frames)).map(({ id }) => id));
    const survivors = ids.size === 0 ? [] : nodesOf(graph, ids);
    if (survivors.length > 0) return survivors;
  }
  return [];
}

/** Those that were made in the first half of the time: what is younger may only be what the program is working with. */
export function olderHalf(graph: Graph, survivors: readonly number[]): number[] {
  const { samples } = graph.snapshot;
  const halfMicros = (samples.at(-2) ?? 0) / 2;
  let lastId = 0;
  for (let at = 0; at + 1 < samples.length; at += 2) {
    if ((samples[at] ?? 0) <= halfMicros) lastId = samples[at + 1] ?? 0;
  }
  const older = survivors.filter((node) => graph.id(node) <= lastId);
  // V8 gives out ids only when it gets to its clock: with a large heap so rarely that there may be next to none.
  return older.length >= Math.min(SURVIVORS_MIN, survivors.length) ? older : [...survivors];
}

function nodesOf(graph: Graph, traceIds: ReadonlySet<number>): number[] {
  const nodes: number[] = [];
  for (let node = 0; node < graph.nodeCount; node += 1) {
    const id = graph.traceNodeId(node);
    if (id !== 0 && traceIds.has(id)) nodes.push(node);
  }
  return nodes;
}

function readTraces({ snapshot }: Graph): { id: number; frames: Frame[] }[] {
  const { traceTree, traceFunctionInfos, meta, strings } = snapshot;
  const fields = meta.traceFunctionInfoFields;
  const field = (row: number, name: string): number =>
    traceFunctionInfos[row * fields.length + fields.indexOf(name)] ?? 0;
  const known = new Map<number, Frame>();
  const frameOf = (row: number): Frame => {
    const frame =
      known.get(row) ??
      frameText(
        strings.at(field(row, 'name')),
        pathOf(strings.at(field(row, 'script_name'))),
        field(row, 'line'),
        field(row, 'column'),
      );
    known.set(row, frame);
    return frame;
  };
  const inner = new Map<number, Frame[]>();
  return traceTree.ids.map((id, index) => {
    // Parents come before their children.
    const outer = inner.get(traceTree.parents[index] ?? -1) ?? [];
    const isRoot = traceTree.parents[index] === -1;
    const frames = isRoot ? [] : [frameOf(traceTree.functions[index] ?? 0), ...outer];
    inner.set(index, frames);
    return { id, frames };
  });
}

function frameText(fn: string, file: string, line: number, column: number): Frame {
  const name = fn === '' ? '(anonymous)' : fn;
  return file === '' ? name : `${name} (${file}:${line}:${column})`;
}

/** The innermost function that is not Node's own; where there is none, the innermost that has a file. */
function calledOf(frames: readonly Frame[]): Frame | undefined {
  return frames.find(hasOuterFile) ?? frames.find(hasFile) ?? frames[0];
}

function hasFile(frame: Frame): boolean {
  return /:\d+:\d+\)$/.test(frame);
}

function hasOuterFile(frame: Frame): boolean {
  return hasFile(frame) && !/\(node:[^()]*\)$/.test(frame);
}

function isApplication(frame: Frame): boolean {
  return hasOuterFile(frame) && !/[/\\]node_modules[/\\]/.test(frame);
}
