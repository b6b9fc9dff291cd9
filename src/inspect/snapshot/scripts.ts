import type { HeapSnapshot, NodeLayout } from './heap-snapshot.ts';

/**
 * Which file a function is in. V8 says for each closure which script it is from, and what scripts are called only where they
 * have a function that allocated.
 */
export class Scripts {
  readonly #snapshot: HeapSnapshot;
  readonly #layout: NodeLayout;
  #byClosure: Map<number, string> | undefined;

  constructor(snapshot: HeapSnapshot, layout: NodeLayout) {
    this.#snapshot = snapshot;
    this.#layout = layout;
  }

  /** @returns a URL or a path; `undefined` where it is not known */
  nameOf(closure: number): string | undefined {
    this.#byClosure ??= this.#read();
    return this.#byClosure.get(closure);
  }

  #read(): Map<number, string> {
    const { meta, locations, traceFunctionInfos, strings } = this.#snapshot;
    const names = new Map<number, string>();
    const infos = reader(traceFunctionInfos, meta.traceFunctionInfoFields);
    for (let row = 0; row < infos.rows; row += 1) {
      const script = infos.at(row, 'script_id');
      if (!names.has(script)) names.set(script, strings.at(infos.at(row, 'script_name')));
    }
    const places = reader(locations, meta.locationFields);
    const byClosure = new Map<number, string>();
    for (let row = 0; row < places.rows; row += 1) {
      const name = names.get(places.at(row, 'script_id'));
      if (name) byClosure.set(places.at(row, 'object_index') / this.#layout.fields, name);
    }
    return byClosure;
  }
}

function reader(
  numbers: Uint32Array,
  fields: readonly string[],
): { rows: number; at: (row: number, field: string) => number } {
  return {
    rows: fields.length === 0 ? 0 : Math.floor(numbers.length / fields.length),
    at: (row, field) => numbers[row * fields.length + fields.indexOf(field)] ?? 0,
  };
}
