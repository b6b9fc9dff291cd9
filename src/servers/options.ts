import type { MemoryManager } from '../memory/manager.ts';

/** What the servers' one-liners have in common. */
export interface ServerOptions<Incoming> {
  memory: MemoryManager;
  /** What one request may hold, of all pools together: bytes, or a text such as '10MB'. Default: no limit of its own. */
  limit?: number | string;
  /**
   * Whose a request is. It is asked when the request comes, and while it says nothing, again when more is known: before the
   * handler and at the end. So authentication may come later. Default: nobody's.
   */
  user?: (request: Incoming) => string | number | null | undefined;
  /** What `Retry-After` says to a request that was refused. Default 1. */
  retryAfterSeconds?: number;
  /** Refuses requests before they begin while the manager, or the pool they live on, is at this level. Default: never. */
  shedAt?: 'warning' | 'critical';
  /** The pool whose level `shedAt` looks at, beside the manager's. Default 'query'. */
  shedPool?: string;
}
