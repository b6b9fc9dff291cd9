import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { median, type BenchRow } from './ratio.ts';

const SERVER = fileURLToPath(new URL('../../test/fixtures/bench-server.js', import.meta.url));
const CONNECTIONS = 16;
const ROUND_MS = 500;
const WARM_UPS = 2;
const ROUNDS = 11;
const REQUEST = 'GET /orders/17 HTTP/1.1\r\nHost: bench\r\nX-User: ana\r\n\r\n';

interface Round {
  /** Answers a second. */
  rate: number;
  /** Of the server, for each answer. */
  cpuMicroseconds: number;
}

/**
 * Requests a second of a server in a process of its own: AsyncLocalStorage, which the first scope starts, makes every await of
 * its process slower on Node 20, and that is a part of the price. Each connection asks as soon as it was answered.
 */
class Load {
  private readonly child: ChildProcess;
  private readonly sockets: Socket[] = [];
  private answers = 0;
  private isAsking = false;
  private readonly answerBytes: number;

  private constructor(child: ChildProcess, sockets: Socket[], answerBytes: number) {
    this.child = child;
    this.sockets = sockets;
    this.answerBytes = answerBytes;
    for (const socket of sockets) this.serve(socket);
  }

  static async start(kind: string, line: 'with' | 'without' | 'storage'): Promise<Load> {
    const child = spawn(process.execPath, [SERVER, kind, line], { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });
    if (child.stdout === null) throw new Error('its output is not piped');
    const [port] = await once(child.stdout, 'data');
    const sockets = Array.from({ length: CONNECTIONS }, () => connect(Number(String(port)), '127.0.0.1'));
    await Promise.all(sockets.map((socket) => once(socket, 'connect')));
    // All answers are as long as the first.
    const [first] = sockets;
    if (first === undefined) throw new Error('no connection');
    first.write(REQUEST);
    const [answer] = await once(first, 'data');
    if (!Buffer.isBuffer(answer) || !answer.toString().startsWith('HTTP/1.1 200')) throw new Error(String(answer));
    return new Load(child, sockets, answer.length);
  }

  async round(): Promise<Round> {
    const before = await this.cpuMicroseconds();
    this.isAsking = true;
    this.answers = 0;
    const start = performance.now();
    for (const socket of this.sockets) socket.write(REQUEST);
    await setTimeout(ROUND_MS);
    const rate = this.answers / ((performance.now() - start) / 1000);
    this.isAsking = false;
    // What is on its way comes before the next round.
    await setTimeout(ROUND_MS / 10);
    return { rate, cpuMicroseconds: ((await this.cpuMicroseconds()) - before) / this.answers };
  }

  private async cpuMicroseconds(): Promise<number> {
    this.child.send('cpu');
    const [usage] = await once(this.child, 'message');
    return usage.user + usage.system;
  }

  stop(): void {
    for (const socket of this.sockets) socket.destroy();
    this.child.kill();
  }

  private serve(socket: Socket): void {
    let missing = this.answerBytes;
    socket.on('data', (bytes: Buffer) => {
      missing -= bytes.length;
      if (missing > 0) return;
      missing = this.answerBytes;
      this.answers += 1;
      if (this.isAsking) socket.write(REQUEST);
    });
  }
}

/**
 * Each server with its one line against the same without, in turn; and against one in which each request runs in an
 * AsyncLocalStorage of its own, which costs much on Node 20 and nothing on 24, and which many programs have anyway.
 */
export async function bench(): Promise<BenchRow[]> {
  const rows: BenchRow[] = [];
  for (const kind of ['http', 'express', 'fastify']) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other, on two cores
    rows.push(...(await compare(kind)));
  }
  return rows;
}

async function compare(kind: string): Promise<BenchRow[]> {
  const loads = {
    without: await Load.start(kind, 'without'),
    storage: await Load.start(kind, 'storage'),
    with: await Load.start(kind, 'with'),
  };
  const rounds: Record<keyof typeof loads, Round>[] = [];
  for (let round = -WARM_UPS; round < ROUNDS; round += 1) {
    // oxlint-disable-next-line no-await-in-loop
    const done = {
      without: await loads.without.round(),
      storage: await loads.storage.round(),
      with: await loads.with.round(),
    };
    if (round >= 0) rounds.push(done);
  }
  for (const load of Object.values(loads)) load.stop();
  const server = kind === 'http' ? 'node:http' : kind;
  const row = (
    what: string,
    baseline: 'without' | 'storage',
    figure: keyof Round,
    target: BenchRow['target'],
  ): BenchRow => ({
    work: `${what}, ${server}, each in a scope with a user`,
    baseline: baseline === 'without' ? 'without' : 'each in an AsyncLocalStorage',
    ratio: median(rounds.map((round) => round.with[figure] / round[baseline][figure])),
    target,
    note: [median(rounds.map((round) => round.with[figure])), median(rounds.map((round) => round[baseline][figure]))]
      .map((value) => value.toFixed(0))
      .join(' against '),
  });
  return [
    row('requests a second', 'without', 'rate', { min: 0.9 }),
    // What others do on the machine meanwhile changes this less.
    row('CPU time of a request, microseconds', 'without', 'cpuMicroseconds', { max: 1.2 }),
    row('CPU time of a request, microseconds', 'storage', 'cpuMicroseconds', { max: 1.2 }),
  ];
}
