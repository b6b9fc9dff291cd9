import type { HeapProfile, HeapProfileNode } from '../../src/report/profile.ts';

/** Samples by the stack that made them, outermost function first, as `name@url`. */
export function profileOf(samples: { stack: string[]; ordinal: number; bytes: number }[]): HeapProfile {
  let id = 0;
  const node = (text: string): HeapProfileNode => {
    const [functionName, url] = split(text);
    id += 1;
    return {
      callFrame: { functionName, scriptId: '1', url, lineNumber: 6, columnNumber: 2 },
      selfSize: 0,
      id,
      children: [],
    };
  };
  const head = node('(root)');
  const entries = samples.map(({ stack, ordinal, bytes }) => {
    let at = head;
    for (const text of stack) {
      const [name, url] = split(text);
      const known = at.children.find(({ callFrame }) => callFrame.functionName === name && callFrame.url === url);
      const child = known ?? node(text);
      if (!known) at.children.push(child);
      at = child;
    }
    return { size: bytes, nodeId: at.id, ordinal };
  });
  return { head, samples: entries };
}

function split(text: string): [name: string, url: string] {
  const at = text.indexOf('@');
  return at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}
