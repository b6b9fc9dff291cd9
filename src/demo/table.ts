export type ColumnValues = Int32Array | Float64Array;

/** Values of one attribute, with the statistics the optimizer estimates from. */
export interface Column {
  readonly name: string;
  readonly values: ColumnValues;
  readonly minimum: number;
  readonly maximum: number;
}

export function column(name: string, values: ColumnValues): Column {
  let minimum = Infinity;
  let maximum = -Infinity;
  for (const value of values) {
    if (value < minimum) minimum = value;
    if (value > maximum) maximum = value;
  }
  return { name, values, minimum, maximum };
}

/** A table as it is posted to another thread, where `new Table(name, columns)` makes one again. */
export type TableData = Pick<Table, 'name' | 'columns'>;

/** Columns of equal length. A table does not change once it is made, so any number of queries and threads may read it. */
export class Table {
  readonly name: string;
  readonly rowCount: number;
  readonly columns: readonly Column[];

  constructor(name: string, columns: readonly Column[]) {
    this.name = name;
    this.columns = columns;
    this.rowCount = columns[0]?.values.length ?? 0;
  }

  get sizeBytes(): number {
    return this.columns.reduce((sum, { values }) => sum + values.byteLength, 0);
  }

  find(name: string): Column | undefined {
    return this.columns.find((candidate) => candidate.name === name);
  }
}
