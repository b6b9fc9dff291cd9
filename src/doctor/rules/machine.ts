import type { Finding } from '../../report/doctor.ts';
import { formatBytes, formatPercent } from '../../units.ts';
import type { Examined } from '../examined.ts';
import { finding, sentences } from '../finding.ts';
import { MACHINE_CRITICAL_SHARE, MACHINE_LOW_SHARE, SWAP_BYTES_MIN, SWAP_SHARE_MIN } from '../thresholds.ts';

/** What the machine has left. */
export function machineMemoryLow({ system, stats }: Examined): Finding[] {
  if (!system?.machine) return [];
  const { totalBytes, availableBytes } = system.machine;
  const share = availableBytes / totalBytes;
  if (share >= MACHINE_LOW_SHARE) return [];
  const { oomScore } = system;
  const ownShare = (stats.rssBytes ?? 0) / totalBytes;
  return [
    finding({
      kind: 'machine-memory-low',
      severity: share < MACHINE_CRITICAL_SHARE ? 'critical' : 'warning',
      certainty: 'certain',
      title: `The machine has ${formatBytes(availableBytes)} of its ${formatBytes(totalBytes)} left (${formatPercent(share * 100)}); this process has ${formatPercent(ownShare * 100)} of it.`,
      evidence: { availableBytes, totalBytes, ...(oomScore === null ? {} : { oomScore }) },
      cause: sentences(
        'When none is left, the kernel kills the process with the highest score.',
        oomScore !== null && `That of this one is ${oomScore}.`,
      ),
      next: [
        { command: 'memtool ps', why: 'lists all Node.js processes, the largest first among those without an agent' },
      ],
    }),
  ];
}

/** What of the process lies on the disk. */
export function swappedOut({ system, stats }: Examined): Finding[] {
  const swapBytes = system?.swapBytes ?? 0;
  const share = swapBytes / (swapBytes + (stats.rssBytes ?? 0) || 1);
  if (swapBytes < SWAP_BYTES_MIN || share < SWAP_SHARE_MIN) return [];
  return [
    finding({
      kind: 'swapped-out',
      severity: 'warning',
      certainty: 'certain',
      title: `${formatBytes(swapBytes)} of it are in swap (${formatPercent(share * 100)} of what it holds).`,
      evidence: { swapBytes, rssBytes: stats.rssBytes ?? 0 },
      cause:
        'A full garbage collection touches all of the heap: what is swapped out has to be read back for it, while the program stands still.',
      next: [
        {
          command: `memtool stats ${stats.pid}`,
          why: 'shows what it holds; a smaller heap limit, or more memory, keeps it out of swap',
        },
      ],
    }),
  ];
}
