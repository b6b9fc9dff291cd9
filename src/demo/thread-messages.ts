/** What the service's main thread and its query threads say to each other. A thread answers each request before the next. */
import type { MemoryManager } from 'memtool';
import type { Refused } from './engine.ts';
import type { TableData } from './table.ts';
import type { QueryOwner } from './working-memory.ts';

/** What a query thread starts with. */
export interface ThreadData {
  memory: ReturnType<MemoryManager['share']>;
  tables: TableData[];
  cacheBytesMax: number;
}

export type ThreadRequest = { type: 'query'; owner: QueryOwner; text: string } | { type: 'collect-garbage' };

export type QueryAnswer = { kind: 'answered'; rowCount: number } | Refused;

export type ThreadAnswer = QueryAnswer | { kind: 'collected' };
