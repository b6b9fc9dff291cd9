import { MemtoolError } from '../../errors.ts';
import { askHealth } from '../../inspect/client.ts';
import { discoverAll } from '../../inspect/discover.ts';
import { open, type Target } from '../../inspect/open.ts';
import type { Context } from '../context.ts';

/** The processes that a target names, looked for again and again: what has the name and starts later is found too. */
export class Targets {
  readonly #target: string | undefined;
  readonly #context: Context;
  /** By life. What has not answered yet is not in it. */
  readonly #isNamed = new Map<string, boolean>();
  readonly #asked = new Set<string>();
  #isFirst = true;

  constructor(target: string | undefined, context: Context) {
    this.#target = target;
    this.#context = context;
  }

  /** @throws MemtoolError at the first look, when it names none; later that is an empty list. */
  async find(): Promise<Target[]> {
    const target = this.#target;
    if (target === undefined || target === 'all') return open(target, this.#context);
    const isPid = /^\d+$/.test(target);
    if (!this.#isFirst) return isPid ? this.#byPid(target) : this.#byName(target);
    const found = await open(target, this.#context);
    this.#isFirst = false;
    for (const one of found) this.#isNamed.set(keyOf(one), true);
    return found;
  }

  /** It was attached to once; an agent that somebody has taken away since is not put back. */
  async #byPid(pid: string): Promise<Target[]> {
    try {
      return await open(pid, { ...this.#context, attach: false });
    } catch (error) {
      if (error instanceof MemtoolError && error.code === 'MEMTOOL_NO_PROCESS') return [];
      throw error;
    }
  }

  async #byName(part: string): Promise<Target[]> {
    const targets = (await discoverAll(this.#context.directory)).map((agent): AgentOf => ({ kind: 'agent', agent }));
    const living = new Set(targets.map(keyOf));
    for (const key of this.#isNamed.keys()) if (!living.has(key)) this.#isNamed.delete(key);
    for (const target of targets) if (!this.#isNamed.has(keyOf(target))) void this.#judge(target, part);
    return targets.filter((target) => this.#isNamed.get(keyOf(target)));
  }

  /** Nobody waits for it: who does not answer must not hide the others, and who does is there at the next look. */
  async #judge(target: AgentOf, part: string): Promise<void> {
    const key = keyOf(target);
    if (this.#asked.has(key)) return;
    this.#asked.add(key);
    const health = await askHealth(target.agent, this.#context.timeoutMs).catch(() => undefined);
    this.#asked.delete(key);
    if (health === undefined) return;
    this.#isNamed.set(
      key,
      [target.agent.name, health.name, ...health.managers].some((name) => name.includes(part)),
    );
  }
}

type AgentOf = Extract<Target, { kind: 'agent' }>;

export function keyOf(target: Target): string {
  const { pid, startTime } = target.kind === 'agent' ? target.agent : target.process;
  return `${pid}-${startTime}`;
}
