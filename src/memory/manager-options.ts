import { basename, extname } from 'node:path';
import { MemtoolError } from '../errors.ts';
import { parseBytes, parseSeconds } from '../units.ts';
import { POOL_NAME_BYTES } from './ledger/layout.ts';
import { DEFAULT_THRESHOLDS, type Thresholds } from './level.ts';
import { checkName, NAME_CHARACTERS_MAX } from './name.ts';
import type { PoolConfig } from './pool-options.ts';

export interface PoolOptions {
  /** Bytes, or a text such as '50MB' or '50MiB'. Without it the pool has no limit of its own. */
  limit?: number | string;
  /** The unit in which the arena hands memory out: a power of two from 256 B to 1 MiB. Default 4 KiB. */
  blockSize?: number | string;
  /** Lets cleanup and the manager itself take what is held for longer than this, in seconds or as '5m'. Default never. */
  staleAfter?: number | string;
}

export interface MemoryManagerOptions {
  /** What `memtool` calls the process. Default: the script's file name without its ending. */
  name?: string;
  /** Pools beside, or other settings for, the default ones: query, cache, temp. */
  pools?: Record<string, PoolOptions>;
  /** A limit for all pools together. */
  limit?: number | string;
  /** Shares of a limit, 0-1. Default `{ warning: 0.8, critical: 0.95 }`. */
  thresholds?: Partial<Thresholds>;
  /** Cleans up once when a level rises to warning. Default true. */
  autoCleanup?: boolean;
  /** Starts the agent that `memtool` talks to. Default true. */
  agent?: boolean;
  /** How many live reservations and allocations can have a record. Default 4,194,304; 32 bytes each once used. */
  recordsMax?: number;
  /** Fills freed bytes and checks them when they are used again, to find writes after free. Slow. Default false. */
  poison?: boolean;
}

/** A manager's options as they are used, or as another thread's manager has them. */
export interface ManagerSettings {
  name: string;
  limitBytes: number;
  thresholds: Thresholds;
  wantsAgent: boolean;
  autoCleanup: boolean;
  poison: boolean;
  pools: PoolConfig[];
}

/** @throws MemtoolError `MEMTOOL_INVALID_OPTION` */
export function managerSettings(options: MemoryManagerOptions): ManagerSettings {
  return {
    pools: poolConfigs(options.pools),
    name: managerName(options.name),
    limitBytes: limitBytes(options.limit, 'limit'),
    thresholds: thresholds(options.thresholds),
    wantsAgent: options.agent ?? true,
    autoCleanup: options.autoCleanup ?? true,
    poison: options.poison ?? false,
  };
}

const DEFAULT_POOLS: Record<string, PoolOptions> = {
  query: { limit: '50MiB', blockSize: '8KiB' },
  cache: { limit: '100MiB', blockSize: '4KiB' },
  temp: { limit: '25MiB', blockSize: '1KiB' },
};

const BLOCK_BYTES_DEFAULT = 4096;
const BLOCK_BYTES_MIN = 256;
const BLOCK_BYTES_MAX = 1024 * 1024;
/** What a pool's row in the ledger has room for: a name that was cut would be another pool's. */
const NAME_BYTES_MAX: number = POOL_NAME_BYTES - 4;

/** The default pools with the application's settings over them, then its own. */
export function poolConfigs(pools: Record<string, PoolOptions> = {}): PoolConfig[] {
  const names = new Set([...Object.keys(DEFAULT_POOLS), ...Object.keys(pools)]);
  return [...names].map((name) => poolConfig(name, { ...DEFAULT_POOLS[name], ...pools[name] }));
}

/** @throws MemtoolError `MEMTOOL_INVALID_OPTION` */
export function poolConfig(name: string, options: PoolOptions): PoolConfig {
  checkName(name, 'A pool', NAME_BYTES_MAX);
  const option = (key: string) => `pools.${name}.${key}`;
  const blockBytes =
    options.blockSize === undefined ? BLOCK_BYTES_DEFAULT : parseBytes(options.blockSize, option('blockSize'));
  if (blockBytes < BLOCK_BYTES_MIN || blockBytes > BLOCK_BYTES_MAX || !Number.isInteger(Math.log2(blockBytes))) {
    throw new MemtoolError('MEMTOOL_INVALID_OPTION', `${option('blockSize')} is ${blockBytes} bytes.`, {
      hint: `Give a power of two from ${BLOCK_BYTES_MIN} to ${BLOCK_BYTES_MAX}: '1KiB', '4KiB', '8KiB'.`,
    });
  }
  return {
    name,
    limitBytes: limitBytes(options.limit, option('limit')),
    blockBytes,
    staleAfterSeconds:
      options.staleAfter === undefined ? Infinity : parseSeconds(options.staleAfter, option('staleAfter')),
  };
}

export function limitBytes(limit: number | string | undefined, option: string): number {
  return limit === undefined ? Infinity : parseBytes(limit, option);
}

/** @throws MemtoolError `MEMTOOL_INVALID_OPTION` unless 0 < warning <= critical <= 1 */
export function thresholds(given: Partial<Thresholds> = {}): Thresholds {
  const { warning, critical } = { ...DEFAULT_THRESHOLDS, ...given };
  if (warning > 0 && warning <= critical && critical <= 1) return { warning, critical };
  throw new MemtoolError('MEMTOOL_INVALID_OPTION', `thresholds are { warning: ${warning}, critical: ${critical} }.`, {
    hint: 'Give shares of the limit with 0 < warning <= critical <= 1.',
  });
}

export function managerName(name: string | undefined): string {
  if (name !== undefined) {
    checkName(name, 'A manager', NAME_BYTES_MAX);
    return name;
  }
  const script = process.argv[1];
  return script === undefined ? 'node' : basename(script, extname(script)).slice(0, NAME_CHARACTERS_MAX) || 'node';
}
