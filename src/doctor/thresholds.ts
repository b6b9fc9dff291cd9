/** From where on something is worth a sentence, and why there. */

export const MIB: number = 1024 ** 2;

/**
 * Less than this in all is not judged: a Node.js that does nothing takes 40 to 60 MiB, an agent 10 more, so that most of it is
 * nobody's to save. (Redis' doctor has 5 MB, of a server that starts with one.)
 */
export const FLOOR_RSS_BYTES: number = 100 * MIB;
/** A program that starts loads and compiles: what grows in its first minute is no trend. */
export const FLOOR_UPTIME_SECONDS = 60;

/** Growth that fills a limit within this is worth a look today. */
export const SOON_SECONDS = 3600;
/** And within this one cannot wait for it. */
export const IMMINENT_SECONDS = 600;
/** Growth of the last minute foretells nothing of what is nearly empty. */
export const SOON_PERCENT_MIN = 25;
/** The heap of V8 rises and falls with its garbage: from this on what is rising has little left to fall. */
export const HEAP_SOON_PERCENT_MIN = 50;

/** Of a container, what a heap may take so that buffers, stacks and code have room beside it. */
export const HEAP_SHARE_OF_CONTAINER = 0.75;
/** A heap limit above this share of the container is reached by the kernel before it is by V8. */
export const HEAP_SHARE_MAX = 0.9;
/** A heap limit below this share wastes most of what the container was given. */
export const HEAP_SHARE_MIN = 0.25;
/** And matters once so much of it is used. */
export const HEAP_SHARE_MATTERS_PERCENT = 50;

/** Waiting for memory for this share of the time is felt. */
export const STALL_PERCENT_MIN = 10;
/** Of the machine's memory; below the latter the kernel is about to kill. */
export const MACHINE_LOW_SHARE = 0.1;
export const MACHINE_CRITICAL_SHARE = 0.05;
/** So much of a process in swap is felt at the next full collection, which touches all of the heap. */
export const SWAP_BYTES_MIN: number = 64 * MIB;
export const SWAP_SHARE_MIN = 0.1;

/** What is only old is worth a sentence from here on. */
export const STALE_BYTES_MIN: number = 10 * MIB;
/** A cache of this much, and of this share of what lives, is worth knowing when memory is looked for. */
export const CACHE_BYTES_MIN: number = 32 * MIB;
export const CACHE_SHARE_MIN = 0.3;
/** Of a kind, what is told one by one; `leaks` has the rest. */
export const ROWS_TOLD_MAX = 3;

/** Refusals of which one is no coincidence; and their share of what was asked for. */
export const REFUSALS_MIN = 10;
export const REFUSALS_SHARE_MIN = 0.01;

/** A pool that never took a quarter of its limit could do with half of it. */
export const OVERSIZED_PEAK_SHARE_MAX = 0.25;
export const OVERSIZED_LIMIT_BYTES_MIN: number = 32 * MIB;
/** Before that its peak may be yet to come. */
export const OVERSIZED_UPTIME_SECONDS = 600;

/** An arena that holds twice what is used, and this much more, is worth a cleanup. */
export const IDLE_BYTES_MIN: number = 16 * MIB;
export const IDLE_RATIO_MIN = 2;

/** glibc gives each thread up to 8 MiB; touched, they are a few hundred KiB: so much means hundreds of threads, or deep recursion. */
export const STACKS_BYTES_MIN: number = 64 * MIB;

/** What is neither heap nor buffers nor code is 5 to 40 MiB in a usual program. */
export const NATIVE_BYTES_MIN: number = 100 * MIB;
export const NATIVE_SHARE_MIN = 0.4;
/** Node.js itself has 4 threads in its pool and 4 of V8; glibc gives each an arena of its own. */
export const ARENAS_MANY = 10;

/** Each worker has a heap of its own: together worth a sentence from here on. */
export const WORKERS_BYTES_MIN: number = 100 * MIB;
export const WORKERS_MIN = 2;

/** Requests and queries end within seconds; one that is open for this long was forgotten, or is a job. */
export const SCOPE_AGE_SECONDS = 600;
export const SCOPES_MIN = 5;

/** Pages that V8 keeps and does not use: a busy service of 30 MiB that live was seen to need 100 more for its garbage. */
export const GARBAGE_BYTES_MIN: number = 128 * MIB;
export const GARBAGE_SHARE_MIN = 0.5;

/** A healthy program collects for 1 to 3 % of its time. */
export const GC_SHARE_WARNING = 0.1;
/** V8 itself gives up when most of the time goes into collecting. */
export const GC_SHARE_CRITICAL = 0.4;
/** A shorter look says too little. */
export const ACTIVITY_SECONDS_MIN = 1;
/** Of a thread that never sleeps, nearly all the time; the rest is how exact the two looks are. */
export const BUSY_PERCENT = 95;

/** A rise of RSS that matters: of its level, and in itself. */
export const TREND_SHARE_MIN = 0.05;
export const TREND_BYTES_MIN: number = 8 * MIB;
/** Of a rise, what one part of it must be to be named. */
export const TREND_PART_SHARE_MIN = 0.5;
/** A rise of the ends of a history that has no clear trend is worth a recording. */
export const UNCLEAR_BYTES_MIN: number = 16 * MIB;
