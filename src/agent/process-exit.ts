/** Calls back when this thread leaves, with its exit code, without a warning for the application, whose tenth listener may be there already. */
export function onProcessExit(leave: (code: number) => void): () => void {
  const listenersMax = process.getMaxListeners();
  if (listenersMax > 0) process.setMaxListeners(listenersMax + 1);
  const listener = (code: number): void => {
    try {
      leave(code);
    } catch {
      // Nobody is left to be told.
    }
  };
  process.once('exit', listener);
  return () => {
    process.off('exit', listener);
    if (process.getMaxListeners() === listenersMax + 1) process.setMaxListeners(listenersMax);
  };
}
