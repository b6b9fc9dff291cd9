import { basename } from 'node:path';
import { pathOf } from '../../report/source-file.ts';
import type { Edge, Graph } from './graph.ts';

const ENGINE_TYPES = new Set(['hidden', 'array', 'code', 'object shape', 'synthetic']);
/** Of Node's own modules: whatever leads to these says nothing more. */
const KNOWN_VARIABLES: Record<string, string> = {
  timerListMap: "Node's timers",
  immediateQueue: "Node's immediates",
};
const COMMONJS = new Set(['require', 'module', 'exports', '__filename', '__dirname']);
/** The global object, and the proxy of it that V8 has besides. */
const GLOBAL = /^global( \(global\*\))? \/ /;
/** How timers of one duration are linked. */
const TIMER_LINK = /^_idle(Next|Prev)$/;
const NAME_CHARACTERS_MAX = 60;
const IDENTIFIER = /^[\p{ID_Start}$_#][\p{ID_Continue}$]*$/u;

/** What one step of a path is called; `isStart`: what came before it need not be told. */
export interface Segment {
  text: string;
  isStart: boolean;
}

/** Whether an object is one of the engine's, of which a program knows nothing. */
export function isEngine(graph: Graph, node: number): boolean {
  const name = graph.name(node);
  return ENGINE_TYPES.has(graph.type(node)) || name.startsWith('system /');
}

/**
 * Names the step to an object, as somebody who knows the program would: `variable cache in app.js`, `sessions (Map)`,
 * `[…] Session`.
 *
 * @param closure the function by whose context a variable is reached, if it is
 * @returns `undefined` for what is the engine's: the tables of a Map, the elements of an array
 */
export function segmentOf(graph: Graph, edge: Edge, closure: number | undefined): Segment | undefined {
  const { type, name, from, to } = edge;
  if (from === 0) return rootSegment(graph, to);
  if (isEngine(graph, to)) return engineRoot(graph, to);
  if (GLOBAL.test(graph.name(to))) return { text: 'global', isStart: true };
  const kind = kindOf(graph, to);
  const behind = kind === '' ? '' : ` (${kind})`;
  const text = shorten(name);
  if (type === 'context') return variableSegment(graph, edge, behind, closure);
  if (type === 'element' || TIMER_LINK.test(text)) return step(`[…]${kind === '' ? '' : ` ${kind}`}`);
  if (type === 'property')
    return step(
      IDENTIFIER.test(text) || text.startsWith('<symbol') ? `${text}${behind}` : `[${JSON.stringify(text)}]${behind}`,
    );
  // The table of a Map or a Set, which is the engine's, numbers its entries.
  if (/^\d+$/.test(name)) return step(`entry${kind === '' ? '' : ` ${kind}`}`);
  return step(kind === '' ? text : kind);
}

function step(text: string): Segment {
  return { text, isStart: false };
}

function rootSegment(graph: Graph, node: number): Segment | undefined {
  const name = graph.name(node);
  if (graph.type(node) === 'synthetic') return name.startsWith('(') ? undefined : { text: name, isStart: true };
  return { text: 'global', isStart: true };
}

function engineRoot(graph: Graph, node: number): Segment | undefined {
  const name = graph.name(node);
  if (graph.type(node) !== 'synthetic' || name === '(GC roots)') return undefined;
  return { text: name, isStart: true };
}

/** A variable of a module is where a path begins: every function of the module keeps it, whichever the shortest path is through. */
function variableSegment(graph: Graph, edge: Edge, behind: string, closure: number | undefined): Segment {
  const name = shorten(edge.name);
  const known = Object.hasOwn(KNOWN_VARIABLES, name) ? KNOWN_VARIABLES[name] : undefined;
  if (known !== undefined) return { text: known, isStart: true };
  const file = closure === undefined ? undefined : fileOf(graph, closure);
  if (file !== undefined && isModule(graph, edge.from))
    return { text: `variable ${name}${behind} in ${file}`, isStart: true };
  const fn = closure === undefined ? '' : shorten(graph.name(closure));
  const where = [
    fn === '' ? '' : ` in function ${fn}`,
    file === undefined ? '' : `${fn === '' ? ' in' : ' of'} ${file}`,
  ];
  return step(`variable ${name}${behind}${where.join('')}`);
}

/** Whether a context is that of a module's own variables: of an ES module V8 says so, one of CommonJS is a function that has these. */
function isModule(graph: Graph, context: number): boolean {
  const end = graph.firstEdges[context + 1] ?? 0;
  for (let index = graph.firstEdges[context] ?? 0; index < end; index += 1) {
    const { type, name, to } = graph.edge(context, index);
    if (type === 'internal' && name === 'extension' && graph.name(to).startsWith('system / SourceTextModule'))
      return true;
    if (type === 'context' && COMMONJS.has(name)) return true;
  }
  return false;
}

/** Of an object, its class unless it is plain; empty when that says nothing. */
function kindOf(graph: Graph, node: number): string {
  const type = graph.type(node);
  const name = shorten(graph.name(node));
  if (type === 'closure') return name === '' ? 'function' : `function ${name}`;
  if (type === 'object') return name === 'Object' ? '' : name.replace(/ \/ .*$/s, '');
  return type.endsWith('string') ? 'string' : type;
}

function fileOf(graph: Graph, closure: number): string | undefined {
  const url = graph.scripts.nameOf(closure);
  if (url === undefined) return undefined;
  return url.startsWith('node:') ? url : basename(pathOf(url));
}

function shorten(name: string): string {
  return name.length > NAME_CHARACTERS_MAX ? `${name.slice(0, NAME_CHARACTERS_MAX - 1)}…` : name;
}
