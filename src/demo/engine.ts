import { evaluate } from './evaluator.ts';
import { optimize } from './optimizer.ts';
import { parse } from './parser.ts';
import { Profiler } from './profiler.ts';
import { QueryError, type Query } from './query.ts';
import { ResultCache } from './result-cache.ts';
import type { ResultPage } from './result-page.ts';
import type { Table } from './table.ts';
import { isRefusal, type WorkingMemory } from './working-memory.ts';
import { Workspace } from './workspace.ts';

/** Below the 100 MiB of the pool `cache`, so that the caches themselves, and no refusal, decide what goes. */
export const CACHE_BYTES_MAX: number = 90 * 2 ** 20;
/** A parsed and optimized query: some dozens of small objects. */
const PLAN_BYTES = 8 * 1024;

/** How a query ended. Not getting the memory is one of the ways, and no error. */
export type Outcome<Value> = { kind: 'answered'; value: Value; cached: boolean } | Refused;

export interface Refused {
  kind: 'refused';
  /** Name of the account whose limit stood in the way. */
  account: string;
  /** Who asked for how much, what is held and by whom. */
  reason: string;
  /** What to do about it. */
  hint: string;
}

export interface EngineOptions {
  cacheBytesMax?: number;
}

/** A columnar query engine of one thread: text in, a page of numbers out, every byte of working memory from a pool. */
export class Engine {
  readonly cache: ResultCache;
  readonly #memory: WorkingMemory;
  readonly #tables: readonly Table[];
  readonly #profiler: Profiler;

  constructor(memory: WorkingMemory, tables: readonly Table[], options: EngineOptions = {}) {
    this.#memory = memory;
    this.#tables = tables;
    this.#profiler = new Profiler(memory.query);
    this.cache = new ResultCache(memory.cache, options.cacheBytesMax ?? CACHE_BYTES_MAX);
  }

  /**
   * Answers a query. `read` sees the page while its memory is held, and must not keep it.
   *
   * @throws QueryError when the text is no query for these tables.
   */
  run<Value>(text: string, read: (page: ResultPage) => Value): Outcome<Value> {
    const known = this.cache.get(text);
    if (known) return { kind: 'answered', value: read(known), cached: true };
    const query = parse(text);
    const table = this.#table(query);
    try {
      return { kind: 'answered', value: this.#evaluate(text, query, table, read), cached: false };
    } catch (error) {
      if (isRefusal(error)) {
        const { account, message, hint } = error;
        return { kind: 'refused', account, reason: message, hint };
      }
      throw error;
    }
  }

  #evaluate<Value>(text: string, query: Query, table: Table, read: (page: ResultPage) => Value): Value {
    const startedMs = performance.now();
    using workspace = new Workspace(this.#memory.query);
    workspace.reserve(PLAN_BYTES, 'plan');
    const page = evaluate(optimize(query, table), workspace, this.#memory.temp);
    if (query.profile) this.#profiler.profile(text, page, performance.now() - startedMs);
    else this.cache.put(text, page);
    return read(page);
  }

  #table({ table: name }: Query): Table {
    const table = this.#tables.find((candidate) => candidate.name === name);
    if (!table) throw new QueryError(`There is no table ${name}.`);
    return table;
  }
}
