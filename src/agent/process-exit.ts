/** Calls back when this thread leaves, without a warning for the application, whose tenth listener may be there already. */
export function onProcessExit(leave: () => void): void {
  const listenersMax = process.getMaxListeners();
  if (listenersMax > 0) process.setMaxListeners(listenersMax + 1);
  process.once('exit', () => {
    try {
      leave();
    } catch {
      // Nobody is left to be told.
    }
  });
}
