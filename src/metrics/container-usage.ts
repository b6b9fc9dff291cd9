import { totalmem } from 'node:os';

/**
 * Of the control group that this process is in, by what Node.js says of it; the agent reads the files itself.
 *
 * @returns `undefined` without a limit
 */
export function containerUsage(): { usedBytes: number; limitBytes: number } | undefined {
  // Without a group it is 0, and without a limit more than there is; what is available is then that of the machine.
  const limitBytes = process.constrainedMemory();
  if (!(limitBytes > 0) || limitBytes > totalmem()) return undefined;
  return { usedBytes: Math.max(0, limitBytes - process.availableMemory()), limitBytes };
}
