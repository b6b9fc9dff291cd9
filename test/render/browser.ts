/** A real browser for the tests of what is looked at in one: Chromium, spoken to over its debugging pipe. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';

/** Its program; `undefined` where there is none. MEMTOOL_CHROMIUM names another. */
export const CHROMIUM: string | undefined = [
  process.env['MEMTOOL_CHROMIUM'],
  'chromium',
  'chromium-browser',
  'google-chrome',
].find((name) => name !== undefined && spawnSync(name, ['--version']).status === 0);

const QUIET = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--window-size=1200,900',
  '--remote-debugging-pipe',
];

/** Keys that do more than to be known by their name. */
const KEY_DETAILS: Readonly<Record<string, object>> = { Enter: { text: '\r', windowsVirtualKeyCode: 13 } };

type Result = Record<string, unknown>;

interface Answer {
  id?: number;
  result?: Result;
  error?: { message: string };
}

export class Browser {
  readonly #to: Writable;
  readonly #ended: Promise<void>;
  readonly #profile: string;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #sent = 0;

  constructor(program: string) {
    this.#profile = mkdtempSync(join(tmpdir(), 'memtool-chromium-'));
    const child = spawn(program, [...QUIET, `--user-data-dir=${this.#profile}`], {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
    });
    this.#ended = new Promise((resolve) => void child.once('close', () => resolve()));
    const [, , , to, from] = child.stdio;
    if (!(to instanceof Writable) || !(from instanceof Readable)) throw new Error('it has no debugging pipe');
    this.#to = to;
    let text = '';
    from.setEncoding('utf8').on('data', (chunk: string) => {
      const answers = (text + chunk).split('\0');
      text = answers.pop() ?? '';
      for (const answer of answers) this.#receive(JSON.parse(answer));
    });
  }

  /** Shows a file in a page of its own. */
  async open(file: string, scheme: 'light' | 'dark'): Promise<Page> {
    const { targetId } = await this.ask('Target.createTarget', { url: 'about:blank' });
    const { sessionId } = await this.ask('Target.attachToTarget', { targetId, flatten: true });
    const page = new Page(this, String(sessionId));
    await page.ask('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: scheme }] });
    await page.ask('Page.navigate', { url: pathToFileURL(file).href });
    await page.until('location.protocol === "file:" && document.readyState === "complete"');
    return page;
  }

  async ask(method: string, params: object, sessionId?: string): Promise<Result> {
    this.#sent += 1;
    const id = this.#sent;
    const answer = new Promise<Answer>((resolve) => void this.#waiting.set(id, resolve));
    this.#to.write(`${JSON.stringify({ id, method, params, ...(sessionId === undefined ? {} : { sessionId }) })}\0`);
    const { result, error } = await answer;
    if (error) throw new Error(`${method}: ${error.message}`);
    return result ?? {};
  }

  /** Asked to, it ends with all its processes, which write to its directory until they do. */
  async close(): Promise<void> {
    void this.ask('Browser.close', {});
    await this.#ended;
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }

  #receive(answer: Answer): void {
    if (answer.id === undefined) return;
    this.#waiting.get(answer.id)?.(answer);
    this.#waiting.delete(answer.id);
  }
}

export class Page {
  readonly #browser: Browser;
  readonly #session: string;

  constructor(browser: Browser, session: string) {
    this.#browser = browser;
    this.#session = session;
  }

  ask(method: string, params: object): Promise<Result> {
    return this.#browser.ask(method, params, this.#session);
  }

  /** @returns What the expression is in the page, as JSON has it. */
  async evaluate(expression: string): Promise<unknown> {
    const { result, exceptionDetails } = await this.ask('Runtime.evaluate', { expression, returnByValue: true });
    if (exceptionDetails !== undefined) throw new Error(JSON.stringify(exceptionDetails));
    return typeof result === 'object' && result !== null && 'value' in result ? result.value : undefined;
  }

  async until(expression: string): Promise<void> {
    while ((await this.evaluate(expression)) !== true) await sleep(20);
  }

  /** As a person would: by the place that the element takes on the screen. */
  async click(selector: string): Promise<void> {
    const box = `document.querySelector(${JSON.stringify(selector)}).getBoundingClientRect()`;
    const event = {
      x: Number(await this.evaluate(`${box}.x + ${box}.width / 2`)),
      y: Number(await this.evaluate(`${box}.y + ${box}.height / 2`)),
      button: 'left',
      clickCount: 1,
    };
    await this.ask('Input.dispatchMouseEvent', { ...event, type: 'mousePressed' });
    await this.ask('Input.dispatchMouseEvent', { ...event, type: 'mouseReleased' });
  }

  async press(key: string): Promise<void> {
    await this.ask('Input.dispatchKeyEvent', { type: 'keyDown', key, ...KEY_DETAILS[key] });
    await this.ask('Input.dispatchKeyEvent', { type: 'keyUp', key });
  }

  async type(text: string): Promise<void> {
    await this.ask('Input.insertText', { text });
  }
}
