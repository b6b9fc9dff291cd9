import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';

/** RFC 6455, 5.2. */
const OPCODE = { continuation: 0, text: 1, close: 8, ping: 9, pong: 10 } as const;
const FINAL = 0x80;
const MASKED = 0x80;

/** What the inspector answers to our few questions has kilobytes. */
const MESSAGE_BYTES_MAX = 16 * 1024 * 1024;

export interface WebSocketHandlers {
  onText(text: string): void;
  /** The connection has ended; said once. */
  onEnd(error: Error): void;
}

/**
 * A WebSocket client for one kind of server: the inspector of a Node.js process on this machine. It sends text and takes
 * text; there are no extensions and no TLS. As a package it costs 5 to 20 ms of the command's start.
 */
export class WebSocketClient {
  readonly #socket: Socket;
  readonly #handlers: WebSocketHandlers;
  #pending: Buffer = Buffer.alloc(0);
  #parts: Buffer[] = [];
  #hasEnded = false;

  private constructor(socket: Socket, handlers: WebSocketHandlers) {
    this.#socket = socket;
    this.#handlers = handlers;
  }

  /** @throws Error when it cannot be had in time */
  static open(
    address: { host: string; port: number; path: string },
    timeoutMs: number,
    handlers: WebSocketHandlers,
  ): Promise<WebSocketClient> {
    const { host, port, path } = address;
    return new Promise((resolve, reject) => {
      const socket = connect({ host, port, noDelay: true });
      const fail = (error: Error): void => {
        clearTimeout(timer);
        socket.destroy();
        reject(error);
      };
      const timer = setTimeout(() => fail(new Error(`no answer within ${Math.round(timeoutMs)} ms`)), timeoutMs);
      let head: Buffer = Buffer.alloc(0);
      const onData = (chunk: Buffer): void => {
        head = Buffer.concat([head, chunk]);
        const end = head.indexOf('\r\n\r\n');
        if (end < 0) {
          if (head.length > MESSAGE_BYTES_MAX) fail(new Error('it is no inspector'));
          return;
        }
        if (!head.toString('latin1', 0, end).startsWith('HTTP/1.1 101')) return fail(new Error('it is no inspector'));
        clearTimeout(timer);
        socket.off('data', onData);
        socket.removeAllListeners('error');
        socket.removeAllListeners('close');
        const client = new WebSocketClient(socket, handlers);
        client.#listen();
        resolve(client);
        client.#receive(head.subarray(end + 4));
      };
      socket.on('error', fail);
      socket.on('close', () => fail(new Error('the connection ended')));
      socket.on('data', onData);
      socket.on('connect', () => {
        const key = randomBytes(16).toString('base64');
        socket.write(
          `GET ${path} HTTP/1.1\r\nHost: ${host}:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n\r\n`,
        );
      });
    });
  }

  send(text: string): void {
    this.#socket.write(frame(OPCODE.text, Buffer.from(text)));
  }

  /** The last word and the goodbye in one. @returns when the other side has hung up, or `timeoutMs` is over */
  sendLast(text: string, timeoutMs: number): Promise<void> {
    this.#hasEnded = true;
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#socket.destroy(), timeoutMs);
      this.#socket.once('close', () => {
        clearTimeout(timer);
        resolve();
      });
      this.#socket.end(Buffer.concat([frame(OPCODE.text, Buffer.from(text)), frame(OPCODE.close, Buffer.alloc(0))]));
      this.#socket.resume();
    });
  }

  destroy(): void {
    this.#hasEnded = true;
    this.#socket.destroy();
  }

  #listen(): void {
    this.#socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    this.#socket.on('error', (error) => this.#end(error));
    this.#socket.on('close', () => this.#end(new Error('the connection ended')));
  }

  #end(error: Error): void {
    this.#socket.destroy();
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#handlers.onEnd(error);
  }

  #receive(chunk: Buffer): void {
    this.#pending = Buffer.concat([this.#pending, chunk]);
    if (this.#pending.length > MESSAGE_BYTES_MAX) return this.#end(new Error('the answer is too long'));
    while (!this.#hasEnded && this.#readFrame());
  }

  /** @returns whether there was a whole one */
  #readFrame(): boolean {
    const bytes = this.#pending;
    if (bytes.length < 2) return false;
    const opcode = bytes.readUInt8(0) & 0x0f;
    let length = bytes.readUInt8(1) & 0x7f;
    let start = 2;
    if (length === 126 && bytes.length >= 4) [length, start] = [bytes.readUInt16BE(2), 4];
    else if (length === 127 && bytes.length >= 10) [length, start] = [Number(bytes.readBigUInt64BE(2)), 10];
    else if (length >= 126) return false;
    if (bytes.length < start + length) return false;
    const payload = bytes.subarray(start, start + length);
    this.#pending = bytes.subarray(start + length);
    if (opcode === OPCODE.close) this.#end(new Error('the inspector closed'));
    else if (opcode === OPCODE.ping) this.#socket.write(frame(OPCODE.pong, payload));
    else if (opcode === OPCODE.text || opcode === OPCODE.continuation) {
      this.#parts.push(payload);
      if ((bytes.readUInt8(0) & FINAL) !== 0) this.#handlers.onText(Buffer.concat(this.#parts.splice(0)).toString());
    }
    return true;
  }
}

/** A client must mask what it sends: RFC 6455, 5.3. */
function frame(opcode: number, payload: Buffer): Buffer {
  const { length } = payload;
  const lengthBytes = length < 126 ? 0 : length < 65_536 ? 2 : 8;
  const header = Buffer.alloc(2 + lengthBytes);
  header.writeUInt8(FINAL | opcode, 0);
  header.writeUInt8(MASKED | (lengthBytes === 0 ? length : lengthBytes === 2 ? 126 : 127), 1);
  if (lengthBytes === 2) header.writeUInt16BE(length, 2);
  if (lengthBytes === 8) header.writeBigUInt64BE(BigInt(length), 2);
  const mask = randomBytes(4);
  const masked = Buffer.from(payload);
  for (let index = 0; index < length; index += 1) masked[index] = masked.readUInt8(index) ^ mask.readUInt8(index & 3);
  return Buffer.concat([header, mask, masked]);
}
