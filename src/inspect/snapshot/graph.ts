import { badSnapshot } from './bad-snapshot.ts';
import { Scripts } from './scripts.ts';
import { nodeLayout, type HeapSnapshot, type NodeLayout } from './heap-snapshot.ts';

/** A reference from one object to another, as V8 names it. */
export interface Edge {
  from: number;
  to: number;
  type: string;
  /** Of an element, its index. */
  name: string;
}

const EDGE_FIELDS = 3;

/** A snapshot as a graph: objects by their number, edges by theirs. */
export class Graph {
  readonly snapshot: HeapSnapshot;
  readonly layout: NodeLayout;
  readonly scripts: Scripts;
  /** The first edge of each node; one more at the end. */
  readonly firstEdges: Uint32Array;

  /** @throws MemtoolError `MEMTOOL_BAD_ANSWER` when an edge leads nowhere */
  constructor(snapshot: HeapSnapshot) {
    const { meta, nodes, edges } = snapshot;
    this.snapshot = snapshot;
    this.layout = nodeLayout(meta);
    this.scripts = new Scripts(snapshot, this.layout);
    this.firstEdges = new Uint32Array(meta.nodeCount + 1);
    for (let node = 0, edge = 0; node < meta.nodeCount; node += 1) {
      edge += nodes[node * this.layout.fields + this.layout.edgeCount] ?? 0;
      this.firstEdges[node + 1] = edge;
    }
    if (this.firstEdges[meta.nodeCount] !== meta.edgeCount)
      throw badSnapshot('its edges are not as many as its nodes have');
    for (let at = 2; at < edges.length; at += EDGE_FIELDS) {
      const to = edges[at] ?? 0;
      if (to % this.layout.fields !== 0 || to >= nodes.length) throw badSnapshot('an edge in it leads nowhere');
    }
  }

  get nodeCount(): number {
    return this.snapshot.meta.nodeCount;
  }

  get edgeCount(): number {
    return this.snapshot.meta.edgeCount;
  }

  name(node: number): string {
    return this.snapshot.strings.at(this.#field(node, this.layout.name));
  }

  type(node: number): string {
    return this.snapshot.meta.nodeTypes[this.#field(node, this.layout.type)] ?? '';
  }

  id(node: number): number {
    return this.#field(node, this.layout.id);
  }

  sizeBytes(node: number): number {
    return this.#field(node, this.layout.selfSize);
  }

  traceNodeId(node: number): number {
    return this.layout.traceNodeId === -1 ? 0 : this.#field(node, this.layout.traceNodeId);
  }

  edgeTypeIndex(edge: number): number {
    return this.snapshot.edges[edge * EDGE_FIELDS] ?? 0;
  }

  edgeNameIndex(edge: number): number {
    return this.snapshot.edges[edge * EDGE_FIELDS + 1] ?? 0;
  }

  target(edge: number): number {
    return (this.snapshot.edges[edge * EDGE_FIELDS + 2] ?? 0) / this.layout.fields;
  }

  edge(from: number, edge: number): Edge {
    const type = this.snapshot.meta.edgeTypes[this.edgeTypeIndex(edge)] ?? '';
    const index = this.edgeNameIndex(edge);
    const isNumbered = type === 'element' || type === 'hidden';
    return { from, to: this.target(edge), type, name: isNumbered ? String(index) : this.snapshot.strings.at(index) };
  }

  #field(node: number, field: number): number {
    return this.snapshot.nodes[node * this.layout.fields + field] ?? 0;
  }
}
