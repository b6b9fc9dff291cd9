import { MemtoolError } from '../errors.ts';
import type { UserRefusal } from '../demo/messages.ts';
import { askLeaks } from '../inspect/client.ts';
import { open } from '../inspect/open.ts';
import type { Leak } from '../report/leaks.ts';
import type { Context } from './context.ts';

/** What is certain to have leaked, to the byte, and says for whose query and what it was taken. */
export interface LeakedBytes {
  lost: number;
  orphaned: number;
}

/** What a demo has seen: it does not claim more. */
export interface Evidence {
  refusal: UserRefusal | undefined;
  before: LeakedBytes;
  after: LeakedBytes;
}

export async function leakedBytes(pid: number, { directory, timeoutMs }: Context): Promise<LeakedBytes> {
  const [target] = await open(String(pid), { directory, timeoutMs });
  if (target?.kind !== 'agent') return { lost: 0, orphaned: 0 };
  const { leaks } = await askLeaks(target.agent, timeoutMs);
  const named = leaks.filter(isNamed);
  const sum = (kind: Leak['kind']): number =>
    named.filter((leak) => leak.kind === kind).reduce((total, { bytes }) => total + bytes, 0);
  return { lost: sum('lost'), orphaned: sum('orphaned') };
}

/** @throws MemtoolError `MEMTOOL_CHILD_FAILED` */
export function assertShown({ refusal, before, after }: Evidence): void {
  const missing = [
    ...(refusal !== undefined && refusal.account === refusal.user ? [] : ['no user was refused at a limit']),
    ...(before.lost > 0 && before.orphaned > 0 ? [] : ['what the queries of a user forgot was not found']),
    ...(after.lost + after.orphaned === 0 ? [] : ['what was found was not given back']),
  ];
  if (missing.length === 0) return;
  throw new MemtoolError('MEMTOOL_CHILD_FAILED', `The demo did not work: ${missing.join(', and ')}.`, {
    hint: 'Give the service more time to forget some: `memtool demo --seconds 20`',
  });
}

function isNamed({ tag, scope }: Leak): boolean {
  return tag !== null && scope !== null && scope.kind === 'query' && scope.user !== null;
}
