/** Stable names of everything that can go wrong; scripts may match on them. */
export type ErrorCode =
  // the library
  | 'MEMTOOL_INVALID_SIZE'
  | 'MEMTOOL_INVALID_OPTION'
  | 'MEMTOOL_UNKNOWN_POOL'
  | 'MEMTOOL_TOO_MANY_POOLS'
  | 'MEMTOOL_TOO_MANY_SCOPES'
  | 'MEMTOOL_TOO_MANY_THREADS'
  | 'MEMTOOL_TOO_MANY_VALUES'
  | 'MEMTOOL_NOT_SHARED'
  | 'MEMTOOL_NOT_IN_TRANSIT'
  | 'MEMTOOL_SCOPE_ENDED'
  | 'MEMTOOL_LIMIT'
  | 'MEMTOOL_DOUBLE_FREE'
  | 'MEMTOOL_USE_AFTER_FREE'
  | 'MEMTOOL_WRITE_AFTER_FREE'
  | 'MEMTOOL_REVOKED'
  | 'MEMTOOL_FOREIGN_BUFFER'
  | 'MEMTOOL_OUT_OF_MEMORY'
  | 'MEMTOOL_CLOSED'
  | 'MEMTOOL_LEDGER_VERSION'
  // the agent and its socket
  | 'MEMTOOL_SOCKET_DIRECTORY'
  | 'MEMTOOL_SOCKET_PATH_TOO_LONG'
  | 'MEMTOOL_AGENT_FAILED'
  | 'MEMTOOL_BAD_REQUEST'
  | 'MEMTOOL_NOT_FOUND'
  | 'MEMTOOL_BUSY'
  | 'MEMTOOL_UNAVAILABLE'
  // the inspector side
  | 'MEMTOOL_USAGE'
  | 'MEMTOOL_NO_PROCESS'
  | 'MEMTOOL_NO_AGENT'
  | 'MEMTOOL_CANNOT_ATTACH'
  | 'MEMTOOL_SEVERAL_PROCESSES'
  | 'MEMTOOL_NOT_CONFIRMED'
  | 'MEMTOOL_NO_PLACE'
  | 'MEMTOOL_NO_ROOM'
  | 'MEMTOOL_TARGET_GONE'
  | 'MEMTOOL_TIMEOUT'
  | 'MEMTOOL_BAD_ANSWER'
  | 'MEMTOOL_FILE_EXISTS'
  | 'MEMTOOL_CANNOT_WRITE'
  | 'MEMTOOL_CANNOT_LISTEN'
  | 'MEMTOOL_CANNOT_READ'
  | 'MEMTOOL_BAD_PLAN'
  | 'MEMTOOL_BAD_BUDGET'
  | 'MEMTOOL_BAD_RECORDING'
  | 'MEMTOOL_RECORDING_VERSION'
  | 'MEMTOOL_CHILD_FAILED'
  | 'MEMTOOL_NO_BLACK_BOX'
  | 'MEMTOOL_BAD_BLACK_BOX'
  | 'MEMTOOL_INTERNAL';

export interface MemtoolErrorOptions {
  /** What to do next, as a sentence; shown after the message. */
  hint?: string | undefined;
  cause?: unknown;
}

/** Every error memtool throws on purpose: a stable `code`, a message that says what happened and why, a `hint` that says what to do. */
export class MemtoolError extends Error {
  override name = 'MemtoolError';
  readonly code: ErrorCode;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, options: MemtoolErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
  }
}
