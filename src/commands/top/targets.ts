import { MemtoolError } from '../../errors.ts';
import { askHealth } from '../../inspect/client.ts';
import { discoverAll, type AgentTarget } from '../../inspect/discover.ts';
import { open, type Target } from '../../inspect/open.ts';
import type { Context } from '../context.ts';

/** The processes that a target names, looked for again and again: what has the name and starts later is found too. */
export class Targets {
  readonly #target: string | undefined;
  readonly #context: Context;
  /** By life: whether it has the name. What has not answered is asked again. */
  #isNamed = new Map<string, boolean>();
  #opened = false;

  constructor(target: string | undefined, context: Context) {
    this.#target = target;
    this.#context = context;
  }

  /** @throws MemtoolError at the first look, when it names none; later that is an empty list. */
  async find(): Promise<Target[]> {
    if (this.#opened && this.#target !== undefined && this.#target !== 'all') {
      return /^\d+$/.test(this.#target) ? this.#byPid(this.#target) : this.#byName(this.#target);
    }
    const found = await open(this.#target, this.#context);
    this.#opened = true;
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
    const agents = await discoverAll(this.#context.directory);
    const judged = await Promise.all(agents.map((agent) => this.#hasName(agent, part)));
    const targets = agents.filter((_, index) => judged[index]).map((agent): Target => ({ kind: 'agent', agent }));
    const living = new Set(agents.map((agent) => keyOf({ kind: 'agent', agent })));
    this.#isNamed = new Map([...this.#isNamed].filter(([key]) => living.has(key)));
    return targets;
  }

  async #hasName(agent: AgentTarget, part: string): Promise<boolean> {
    const key = keyOf({ kind: 'agent', agent });
    const known = this.#isNamed.get(key);
    if (known !== undefined) return known;
    const health = await askHealth(agent, this.#context.timeoutMs).catch(() => undefined);
    const isNamed = [agent.name, health?.name ?? '', ...(health?.managers ?? [])].some((name) => name.includes(part));
    if (health !== undefined) this.#isNamed.set(key, isNamed);
    return isNamed;
  }
}

export function keyOf(target: Target): string {
  const { pid, startTime } = target.kind === 'agent' ? target.agent : target.process;
  return `${pid}-${startTime}`;
}
