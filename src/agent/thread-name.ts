import { MAIN_THREAD } from './messages.ts';

/** How a thread is called in a report. */
export function threadName(threadId: number): string {
  return threadId === MAIN_THREAD ? 'the main thread' : `thread ${threadId}`;
}
