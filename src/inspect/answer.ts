/** Reads an HTTP answer piece by piece: HTTP/1.0, one answer a connection, so that nothing of `node:http` is needed. */
import { MemtoolError } from '../errors.ts';

/** Far above any report; a target that sends more is broken or hostile. */
export const ANSWER_BYTES_MAX: number = 64 * 1024 * 1024;
const HEADER_BYTES_MAX = 16 * 1024;
const HEADER_END = '\r\n\r\n';

export interface Answer {
  status: number;
  body: string;
}

interface Header {
  status: number;
  bodyBytes: number | undefined;
}

export class AnswerReader {
  #chunks: Buffer[] = [];
  #bytes = 0;
  #header: Header | undefined;

  /**
   * @returns The answer once it is complete.
   * @throws MemtoolError `MEMTOOL_BAD_ANSWER` as soon as it cannot become one.
   */
  push(chunk: Buffer): Answer | undefined {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes > ANSWER_BYTES_MAX) throw badAnswer(`it is over ${ANSWER_BYTES_MAX / 1024 ** 2} MiB`);
    if (!this.#header) this.#readHeader();
    const wanted = this.#header?.bodyBytes;
    return wanted !== undefined && this.#bytes >= wanted ? this.#answer(wanted) : undefined;
  }

  /** @returns The answer if the end of the connection completes it, which it does when no length was announced. */
  end(): Answer | undefined {
    return this.#header && this.#header.bodyBytes === undefined ? this.#answer(this.#bytes) : undefined;
  }

  #readHeader(): void {
    const all = this.#joined();
    const end = all.indexOf(HEADER_END);
    if (end < 0) {
      if (all.length > HEADER_BYTES_MAX || !'HTTP/1.'.startsWith(all.toString('latin1', 0, 7)))
        throw badAnswer('it is not HTTP');
      return;
    }
    const [statusLine = '', ...lines] = all.toString('latin1', 0, end).split('\r\n');
    const status = /^HTTP\/1\.[01] (\d{3})/.exec(statusLine)?.[1];
    if (status === undefined) throw badAnswer('it is not HTTP');
    const length = lines
      .map((line) => /^content-length:\s*(\d+)\s*$/i.exec(line)?.[1])
      .find((value) => value !== undefined);
    this.#header = { status: Number(status), bodyBytes: length === undefined ? undefined : Number(length) };
    this.#chunks = [all.subarray(end + HEADER_END.length)];
    this.#bytes = this.#chunks[0]?.length ?? 0;
  }

  #answer(bodyBytes: number): Answer {
    return { status: this.#header?.status ?? 0, body: this.#joined().toString('utf8', 0, bodyBytes) };
  }

  #joined(): Buffer {
    if (this.#chunks.length > 1) this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0] ?? Buffer.alloc(0);
  }
}

export function badAnswer(problem: string): MemtoolError {
  return new MemtoolError('MEMTOOL_BAD_ANSWER', `The agent's answer cannot be used: ${problem}.`, {
    hint: 'The application may use another version of memtool: compare `memtool --version` with its node_modules/memtool.',
  });
}
