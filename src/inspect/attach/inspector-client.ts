import { connect } from 'node:net';
import { AnswerReader } from '../answer.ts';
import { WebSocketClient } from './web-socket.ts';

/** The question was put, and the main thread has not got to it: it is inside a native call. */
export class NoAnswer extends Error {}

interface Waiting {
  resolve: (result: unknown) => void;
  reject: (error: Error) => void;
}

/** The inspector listens on the loopback interface unless it is told otherwise. */
const HOST = '127.0.0.1';

/** Speaks the Chrome DevTools Protocol with the inspector of a Node.js process. https://chromedevtools.github.io/devtools-protocol/ */
export class InspectorClient {
  readonly #waiting = new Map<number, Waiting>();
  #socket: WebSocketClient | undefined;
  #nextId = 1;

  /** @throws Error when nothing there is an inspector, or it does not answer in time */
  static async open(port: number, timeoutMs: number): Promise<InspectorClient> {
    const until = performance.now() + timeoutMs;
    const targets: unknown = JSON.parse(await get(port, '/json/list', timeoutMs));
    const url = Array.isArray(targets) ? new URL(String(targets[0]?.webSocketDebuggerUrl)) : undefined;
    if (url === undefined) throw new Error('it is no inspector');
    const client = new InspectorClient();
    client.#socket = await WebSocketClient.open(
      { host: HOST, port, path: url.pathname },
      Math.max(1, until - performance.now()),
      { onText: (text) => client.#receive(text), onEnd: (error) => client.#end(error) },
    );
    return client;
  }

  /**
   * Evaluates an expression in the main thread, which it interrupts if that runs JavaScript.
   *
   * @throws NoAnswer when the main thread has not answered in time; Error when the connection ends
   */
  async evaluate(expression: string, timeoutMs: number): Promise<unknown> {
    const id = this.#nextId++;
    const answer = new Promise<unknown>((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    this.#socket?.send(message(id, expression));
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new NoAnswer('no answer')), timeoutMs);
    });
    try {
      return valueOf(await Promise.race([answer, timeout]));
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(id);
    }
  }

  /** Evaluates and hangs up: nobody waits for the result. @returns when the other side has hung up too, or time is over */
  async evaluateLast(expression: string, timeoutMs: number): Promise<void> {
    await this.#socket?.sendLast(message(this.#nextId++, expression), timeoutMs);
  }

  destroy(): void {
    this.#socket?.destroy();
    this.#end(new Error('given up'));
  }

  #receive(text: string): void {
    const { id, result, error }: { id?: number; result?: unknown; error?: { message: string } } = JSON.parse(text);
    const waiting = id === undefined ? undefined : this.#waiting.get(id);
    if (error) waiting?.reject(new Error(error.message));
    else waiting?.resolve(result);
  }

  #end(error: Error): void {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}

/** With the command line interface's names `require` is there for Node.js before `process.getBuiltinModule`. */
function message(id: number, expression: string): string {
  const params = { expression, returnByValue: true, silent: true, includeCommandLineAPI: true };
  return JSON.stringify({ id, method: 'Runtime.evaluate', params });
}

function valueOf(answer: unknown): unknown {
  if (typeof answer !== 'object' || answer === null || !('result' in answer)) return undefined;
  const { result } = answer;
  return typeof result === 'object' && result !== null && 'value' in result ? result.value : undefined;
}

/** The inspector's HTTP server keeps connections open: the answer says how long it is. */
function get(port: number, path: string, timeoutMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: HOST, port });
    const reader = new AnswerReader();
    const finish = (settle: () => void): void => {
      clearTimeout(timer);
      socket.destroy();
      settle();
    };
    const fail = (error: Error): void => finish(() => reject(error));
    const timer = setTimeout(() => fail(new Error(`no answer within ${Math.round(timeoutMs)} ms`)), timeoutMs);
    socket.on('connect', () =>
      socket.write(`GET ${path} HTTP/1.1\r\nHost: ${HOST}:${port}\r\nConnection: close\r\n\r\n`),
    );
    socket.on('data', (chunk: Buffer) => {
      try {
        const answer = reader.push(chunk);
        if (answer) finish(() => resolve(answer.body));
      } catch (error) {
        fail(error instanceof Error ? error : new Error(String(error)));
      }
    });
    socket.on('error', fail);
    socket.on('close', () => fail(new Error('the connection ended')));
  });
}
