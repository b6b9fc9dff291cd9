import type { ServerResponse } from 'node:http';
import { MemtoolError } from '../errors.ts';
import { limitBytes } from '../memory/manager-options.ts';
import type { MemoryManager } from '../memory/manager.ts';
import type { MemoryPool } from '../memory/pool.ts';
import { LEVELS } from '../report/level.ts';
import type { ServerOptions } from './options.ts';
import { refuse } from './refusal.ts';
import { RequestScope } from './request-scope.ts';

const RETRY_AFTER_SECONDS_DEFAULT = 1;

/** What one of the servers' one-liners does with requests, whatever framework hands them over. */
export class RequestMemory<Incoming> {
  readonly memory: MemoryManager;
  readonly retryAfterSeconds: number;
  private readonly limitBytes: number;
  private readonly user: NonNullable<ServerOptions<Incoming>['user']>;
  private readonly shedLevel: number;
  private readonly shedPool: MemoryPool | undefined;

  /** @throws MemtoolError `MEMTOOL_INVALID_OPTION`, `MEMTOOL_UNKNOWN_POOL` */
  constructor(options: ServerOptions<Incoming>) {
    const { memory, limit, user, retryAfterSeconds = RETRY_AFTER_SECONDS_DEFAULT, shedAt, shedPool } = options;
    if (!(retryAfterSeconds >= 0 && retryAfterSeconds < Infinity)) {
      throw new MemtoolError('MEMTOOL_INVALID_OPTION', `retryAfterSeconds is ${String(retryAfterSeconds)}.`, {
        hint: 'Give seconds, 0 or more.',
      });
    }
    if (shedAt !== undefined && shedAt !== 'warning' && shedAt !== 'critical') {
      throw new MemtoolError('MEMTOOL_INVALID_OPTION', `shedAt is ${JSON.stringify(shedAt)}, which is no level.`, {
        hint: "Give 'warning' or 'critical', or leave it out.",
      });
    }
    this.memory = memory;
    this.limitBytes = limitBytes(limit, 'limit');
    this.user = user ?? (() => undefined);
    // Whole seconds is what the header has.
    this.retryAfterSeconds = Math.ceil(retryAfterSeconds);
    this.shedLevel = shedAt === undefined ? Infinity : LEVELS.indexOf(shedAt);
    this.shedPool = shedAt === undefined && shedPool === undefined ? undefined : memory.pool(shedPool ?? 'query');
  }

  /** Whether memory is so short that no request should begin. */
  get isShedding(): boolean {
    const { shedLevel, shedPool, memory } = this;
    if (shedLevel === Infinity) return false;
    return Math.max(LEVELS.indexOf(memory.level), LEVELS.indexOf(shedPool?.level ?? 'normal')) >= shedLevel;
  }

  /** The scope of a request that comes. Its user is asked of `request`, which is what the framework calls so. */
  open(request: Incoming, response: ServerResponse, name: string): RequestScope {
    return new RequestScope(this.memory, response, {
      name,
      limitBytes: this.limitBytes,
      user: () => this.user(request),
    });
  }

  refuse(response: ServerResponse): void {
    refuse(response, this.retryAfterSeconds);
  }
}
