import { MemtoolError } from '../../errors.ts';
import { askCleanup, askLeaks } from '../../inspect/client.ts';
import type { Target } from '../../inspect/open.ts';
import { listNodeProcesses } from '../../inspect/processes.ts';
import { DEFAULT_AGE_SECONDS, PAUSE_SECONDS_DEFAULT } from '../../protocol.ts';
import { identify, needsAgent } from '../collect.ts';
import type { Context } from '../context.ts';
import { reported } from '../failure.ts';
import { pressureOf } from '../pressure.ts';
import { ResidentMaps } from '../resident-maps.ts';
import { statsOf } from '../stats.ts';
import { Slots } from './slots.ts';
import type { TopEvent } from './state.ts';
import { keyOf, Targets } from './targets.ts';

/** Enough that one slow answer hides behind others. */
const AT_ONCE_MAX = 8;
/** An agent answers within a few milliseconds. */
const SLOW_MS = 250;
/** Of an opened process. */
const SCOPES_SHOWN_MAX = 100;
/** A reading of the heap that may stop nothing is not made; the agent then says for how long it would have. */
const NO_PAUSE_SECONDS = 0;

/** Asks the processes, and tells what they answer. Of each there is never more than one question under way. */
export class Poll {
  readonly #context: Context;
  readonly #targets: Targets;
  readonly #tell: (event: TopEvent) => void;
  readonly #slots = new Slots(AT_ONCE_MAX, SLOW_MS);
  readonly #maps = new ResidentMaps();
  readonly #asked = new Set<string>();
  #known = new Map<string, Target>();
  #listing: Promise<void> | undefined;

  constructor(target: string | undefined, context: Context, tell: (event: TopEvent) => void) {
    this.#context = context;
    this.#targets = new Targets(target, context);
    this.#tell = tell;
  }

  /** @throws MemtoolError what the first look fails with */
  async start(): Promise<void> {
    this.#told(await this.#targets.find());
  }

  /** Which processes there are now. */
  list(): Promise<void> {
    this.#listing ??= this.#list().finally(() => (this.#listing = undefined));
    return this.#listing;
  }

  /** @param opened the one of which all is asked; of the others it is what a line of the overview needs. */
  look(keys: readonly string[], opened: string | null): void {
    for (const key of keys) {
      const target = this.#known.get(key);
      if (!target || this.#asked.has(key)) continue;
      this.#asked.add(key);
      void this.#slots.run(() => this.#look(key, target, key === opened)).finally(() => this.#asked.delete(key));
    }
  }

  async cleanup(key: string, dryRun: boolean): Promise<void> {
    try {
      const report = await askCleanup(
        this.#agentOf(key, 'only an agent can give its memory back'),
        this.#context.timeoutMs,
        {
          ageSeconds: DEFAULT_AGE_SECONDS,
          dryRun,
        },
      );
      this.#tell({ kind: dryRun ? 'foreseen' : 'cleaned', key, report });
    } catch (error) {
      this.#tell({ kind: 'cleanup-failed', key, error: reported(error) });
    }
  }

  /** @param withHeap whether the heap is read, which stops the process for a moment. */
  async leaks(key: string, ageSeconds: number, withHeap: boolean): Promise<void> {
    try {
      const agent = this.#agentOf(key, 'only an agent can tell what is leaked');
      const pauseSecondsMax = withHeap ? PAUSE_SECONDS_DEFAULT : NO_PAUSE_SECONDS;
      const report = await askLeaks(agent, this.#context.timeoutMs, ageSeconds, pauseSecondsMax);
      this.#tell({ kind: 'leaks', key, report });
    } catch (error) {
      this.#tell({ kind: 'leaks-failed', key, error: reported(error) });
    }
  }

  async #list(): Promise<void> {
    try {
      this.#told(await this.#targets.find());
    } catch (error) {
      this.#tell({ kind: 'not-listed', error: reported(error) });
    }
  }

  #told(targets: Target[]): void {
    this.#known = new Map(targets.map((target) => [keyOf(target), target]));
    const [startable] = targets.length === 0 ? listNodeProcesses() : [];
    this.#tell({
      kind: 'listed',
      found: [...this.#known].map(([key, target]) => ({ key, ...identify(target) })),
      startable: startable ? { pid: startable.pid, name: startable.name } : null,
    });
  }

  /** One after the other: two questions at once would be twice the work in the same moment. */
  async #look(key: string, target: Target, isOpened: boolean): Promise<void> {
    try {
      const scopes = { count: isOpened ? SCOPES_SHOWN_MAX : 0, sort: 'used' } as const;
      const stats = await statsOf(target, scopes, this.#context, { workers: isOpened, gcSeconds: 0 });
      const pressure = await pressureOf(target, this.#context);
      if (target.kind === 'bare') {
        const { readUsage } = await import('../../inspect/usage.ts');
        stats.cpuPercent = (await readUsage([target.process.pid])).get(target.process.pid)?.cpuPercent ?? null;
      }
      if (isOpened) {
        const resident = this.#maps.read(stats, target.kind === 'agent' || target.process.isNode);
        if (resident) stats.resident = resident;
      }
      this.#tell({ kind: 'answered', key, stats, pressure });
    } catch (error) {
      const isGone = error instanceof MemtoolError && error.code === 'MEMTOOL_TARGET_GONE';
      this.#tell(isGone ? { kind: 'ended', key } : { kind: 'silent', key, error: reported(error) });
    }
  }

  #agentOf(key: string, reason: string): Extract<Target, { kind: 'agent' }>['agent'] {
    const target = this.#known.get(key);
    if (!target) throw new MemtoolError('MEMTOOL_TARGET_GONE', 'The process has ended.');
    if (target.kind === 'bare') throw needsAgent(target, reason);
    return target.agent;
  }
}
