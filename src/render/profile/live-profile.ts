/** The profile as every format shows it: what the program holds, without what memtool itself allocated to date it. */
import type { HeapProfile, HeapProfileNode } from '../../report/profile.ts';

/** Functions of the agent that allocate memory only to mark a moment. */
const EPOCH_MARK = /^memtoolEpoch\d+$/;

export interface Stack {
  node: HeapProfileNode;
  /** Its caller's place in the list; -1 of the root. */
  parent: number;
}

/** Every node after its caller, and all that it called before its next sibling. */
export function stacksOf(head: HeapProfileNode): Stack[] {
  const stacks: Stack[] = [];
  // A loop: what another process sends may be nested deeper than we could call.
  const waiting: Stack[] = [{ node: head, parent: -1 }];
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const place = stacks.push(next) - 1;
    for (const child of next.node.children.toReversed()) waiting.push({ node: child, parent: place });
  }
  return stacks;
}

/** Without the marks, their samples, and callers that called nothing but a mark. */
export function withoutMarks({ head, samples }: HeapProfile): HeapProfile {
  const stacks = stacksOf(head);
  const copies = stacks.map(({ node }) => ({ ...node, children: [] as HeapProfileNode[] }));
  const marked: boolean[] = [];
  const holdsMark: boolean[] = [];
  for (const [place, { node, parent }] of stacks.entries()) {
    marked[place] = marked[parent] === true || EPOCH_MARK.test(node.callFrame.functionName);
  }
  const kept = new Set<number>();
  for (let place = stacks.length - 1; place >= 0; place -= 1) {
    const copy = copies[place];
    const parent = stacks[place]?.parent ?? -1;
    if (!copy) continue;
    copy.children.reverse();
    const isEmptied = holdsMark[place] === true && copy.selfSize === 0 && copy.children.length === 0;
    if (marked[place] === true || (isEmptied && parent >= 0)) {
      holdsMark[parent] = true;
      continue;
    }
    kept.add(copy.id);
    copies[parent]?.children.push(copy);
  }
  const [root] = copies;
  return { head: root ?? head, samples: samples.filter(({ nodeId }) => kept.has(nodeId)) };
}

/**
 * What all stacks hold together. The nodes' figures and not the samples': V8 rounds them apart by 0.1 to 0.3 %, and it is
 * the nodes' that other tools add up.
 */
export function liveBytesOf({ head }: HeapProfile): number {
  return stacksOf(head).reduce((sum, { node }) => sum + node.selfSize, 0);
}
