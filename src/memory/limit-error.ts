import { MemtoolError } from '../errors.ts';
import { formatBytes, formatPercent } from '../units.ts';
import type { Account } from './account.ts';
import type { RecordGroup } from './ledger/scan.ts';
import { usedPercent } from './level.ts';

export interface Consumer {
  tag: string | null;
  count: number;
  bytes: number;
}

export interface Refusal {
  /** The account whose limit stood in the way. */
  account: Account;
  pool: string;
  askedBytes: number;
  tag: string | null;
  consumers: Consumer[];
}

const CONSUMERS_SHOWN = 3;

/** A request over a limit: who asked for how much, what is held and by whom, what is left, what to do. */
export class MemoryLimitError extends MemtoolError {
  override name = 'MemoryLimitError';
  readonly pool: string;
  /** Name of the account that refused: the pool, or the manager. */
  readonly account: string;
  readonly askedBytes: number;
  readonly usedBytes: number;
  readonly limitBytes: number;
  readonly availableBytes: number;
  readonly topConsumers: readonly Consumer[];

  constructor({ account, pool, askedBytes, tag, consumers }: Refusal) {
    const { usedBytes, limitBytes } = account;
    const availableBytes = Math.max(0, limitBytes - usedBytes);
    const overLimit = askedBytes > availableBytes;
    super(
      'MEMTOOL_LIMIT',
      `${sentence(account, askedBytes, tag, pool)} ${overLimit ? held(account, availableBytes, consumers) : 'The system has no memory for it.'}`,
      {
        hint: advice(account, pool, askedBytes, overLimit),
      },
    );
    this.pool = pool;
    this.account = account.name;
    this.askedBytes = askedBytes;
    this.usedBytes = usedBytes;
    this.limitBytes = limitBytes;
    this.availableBytes = availableBytes;
    this.topConsumers = consumers;
  }

  /** What a server answers with: Express, Fastify and Koa, and what is written for them, look for it in errors. */
  get statusCode(): number {
    return 503;
  }
}

function sentence(account: Account, askedBytes: number, tag: string | null, pool: string): string {
  const who = `${account.kind.charAt(0).toUpperCase()}${account.kind.slice(1)} ${account.name}`;
  const where = account.kind === 'pool' ? '' : ` in pool ${pool}`;
  return `${who} refused ${formatBytes(askedBytes)}${tag === null ? '' : ` for ${tag}`}${where}.`;
}

function held(account: Account, availableBytes: number, consumers: Consumer[]): string {
  const percent = usedPercent(account.usedBytes, account.limitBytes) ?? 0;
  const used = `${formatBytes(account.usedBytes)} of ${formatBytes(account.limitBytes)} (${formatPercent(percent)}) are in use, ${formatBytes(availableBytes)} are free.`;
  const top = consumers
    .slice(0, CONSUMERS_SHOWN)
    .map(({ tag, count, bytes }) => `${tag ?? '(no tag)'} ${formatBytes(bytes)} in ${count}`)
    .join(', ');
  return top === '' ? used : `${used} Held by: ${top}.`;
}

function advice(account: Account, pool: string, askedBytes: number, overLimit: boolean): string {
  if (!overLimit) return 'Ask for less at a time, or give the machine or container more memory.';
  if (askedBytes > account.limitBytes)
    return `It is more than the whole limit: ask for less at a time, or raise the limit of ${account.name}.`;
  return `Free what is no longer needed, register onReclaim('${pool}', ...) so that it can be asked for, or raise the limit of ${account.name}; memtool leaks ${process.pid} shows what has been held for long.`;
}

/** Groups of records as consumers, one for each tag, largest first. */
export function byTag(groups: readonly RecordGroup[], tagText: (label: number) => string | null): Consumer[] {
  const consumers = new Map<string | null, Consumer>();
  for (const { label, count, bytes } of groups) {
    const tag = tagText(label);
    const consumer = consumers.get(tag) ?? { tag, count: 0, bytes: 0 };
    consumer.count += count;
    consumer.bytes += bytes;
    consumers.set(tag, consumer);
  }
  return [...consumers.values()].toSorted((a, b) => b.bytes - a.bytes);
}
