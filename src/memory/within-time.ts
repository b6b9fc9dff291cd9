/**
 * Waits for an answer of the application's code, for a bounded time and without keeping the process alive.
 *
 * @throws Error when it takes longer than `timeoutMs`, and whatever the answer fails with
 */
export async function withinTime<Answer>(answer: Answer | Promise<Answer>, timeoutMs: number): Promise<Answer> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    timer.unref();
  });
  try {
    return await Promise.race([answer, timeout]);
  } finally {
    clearTimeout(timer);
  }
}

/** What the application's code threw, as a text; anything can be thrown, even what has no text. */
export function errorText(error: unknown): string {
  try {
    return error instanceof Error ? error.message : String(error);
  } catch {
    return `a value of type ${typeof error}`;
  }
}
