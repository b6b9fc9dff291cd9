import { MemtoolError, type ErrorCode } from '../errors.ts';
import { parseBytes } from '../units.ts';

/** Which file something was read from, and what an error in it is called. */
export interface Source {
  file: string;
  code: ErrorCode;
}

const TEXT_LENGTH_MAX = 200;

/** One value of a file that somebody wrote by hand. What is wrong with it is told by its path: `components[2].unitSize`. */
export class Field {
  readonly value: unknown;
  /** Empty for the file as a whole. */
  readonly path: string;
  private readonly source: Source;

  constructor(value: unknown, path: string, source: Source) {
    this.value = value;
    this.path = path;
    this.source = source;
  }

  /** Its members, which may be named freely. */
  members(countMax: number): Map<string, Field> {
    const { value } = this;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw this.wrong('which is no object', 'Write it in braces: { "name": ... }.');
    }
    const entries = Object.entries(value);
    this.checkCount(entries.length, countMax);
    return new Map(entries.map(([name, member]) => [name, new Field(member, this.pathOf(name), this.source)]));
  }

  /** Its members, of which only these may be there: a name that is mistyped would otherwise say nothing and do nothing. */
  fields<Name extends string>(known: readonly Name[]): (name: Name) => Field {
    const members = this.members(TEXT_LENGTH_MAX);
    for (const [name, member] of members) {
      if (known.some((one) => one === name)) continue;
      throw this.error(
        `${member.path} is not known.`,
        `${this.path === '' ? 'The file' : this.path} may have ${known.join(', ')}.`,
      );
    }
    return (name) => members.get(name) ?? new Field(undefined, this.pathOf(name), this.source);
  }

  items(countMax: number): Field[] {
    const { value } = this;
    if (!Array.isArray(value)) throw this.wrong('which is no list', 'Write it in brackets: [ ... ].');
    this.checkCount(value.length, countMax);
    return value.map((item: unknown, index) => new Field(item, `${this.path}[${index}]`, this.source));
  }

  text(): string {
    const { value } = this;
    if (typeof value === 'string' && value.trim() !== '' && value.length <= TEXT_LENGTH_MAX) return value;
    throw this.wrong('which is no name', `Give a text of 1 to ${TEXT_LENGTH_MAX} characters.`);
  }

  /** Whole bytes, from a number or a text with a unit. */
  bytes(): number {
    const { value } = this;
    try {
      if (typeof value === 'number' || typeof value === 'string') return parseBytes(value, this.path);
    } catch {
      // Said below, with the file.
    }
    throw this.wrong('which is no number of bytes', "Give whole bytes, or a text such as '64MiB' or '50MB'.");
  }

  whole(least: number = 0): number {
    const { value } = this;
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least) return value;
    throw this.wrong('which is no count', `Give a whole number from ${least} on.`);
  }

  flag(): boolean {
    if (typeof this.value === 'boolean') return this.value;
    throw this.wrong('which is neither true nor false', 'Write true or false, without quotation marks.');
  }

  /** What `read` makes of it, or `undefined` when it is not there. */
  optional<Value>(read: (field: Field) => Value): Value | undefined {
    return this.value === undefined ? undefined : read(this);
  }

  /** @param reason - What follows the value: "which is no list" */
  wrong(reason: string, hint: string): MemtoolError {
    const what = this.path === '' ? 'The file' : this.path;
    return this.value === undefined
      ? this.error(`${what} is missing.`, hint)
      : this.error(`${what} is ${shown(this.value)}, ${reason}.`, hint);
  }

  error(message: string, hint: string): MemtoolError {
    return new MemtoolError(this.source.code, `${this.source.file}: ${message}`, { hint });
  }

  private pathOf(name: string): string {
    if (/^[\w$-]+$/.test(name)) return this.path === '' ? name : `${this.path}.${name}`;
    return `${this.path}[${shown(name)}]`;
  }

  private checkCount(count: number, countMax: number): void {
    if (count > countMax) throw this.error(`${this.path} has ${count} entries.`, `At most ${countMax} are read.`);
  }
}

/**
 * @param text - What the file holds
 * @throws MemtoolError with the source's code when it is no JSON
 */
export function readJson(text: string, source: Source): Field {
  try {
    const value: unknown = JSON.parse(text.replace(/^\uFEFF/, ''));
    return new Field(value, '', source);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    // It may quote some lines.
    throw new MemtoolError(source.code, `${source.file} is no JSON: ${placed(reason, text).replace(/\s+/g, ' ')}.`, {
      hint: 'JSON has no comments, no comma after the last entry, and names in quotation marks.',
      cause,
    });
  }
}

/** V8 quotes the place or tells its position; Node.js 20 does not tell the line. */
function placed(reason: string, text: string): string {
  const position = /position (\d+)$/.exec(reason)?.[1];
  if (position === undefined) return reason;
  const before = text.slice(0, Number(position)).split('\n');
  return `${reason} (line ${before.length} column ${(before.at(-1)?.length ?? 0) + 1})`;
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length <= 60 ? text : `${text.slice(0, 59)}…`;
}
