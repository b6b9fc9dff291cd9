import type { Finding } from '../../report/doctor.ts';
import { levelAt } from '../../report/level.ts';
import { formatBytes, formatPercent } from '../../units.ts';
import type { Examined } from '../examined.ts';
import { counted, finding, sentences } from '../finding.ts';
import { STALL_PERCENT_MIN } from '../thresholds.ts';

/** The limit of the group around it, and what the kernel has done about that. */
export function container(examined: Examined): Finding[] {
  return examined.container === null ? [] : [...near(examined), ...kills(examined), ...stalls(examined)];
}

function near({ container: group, stats }: Examined): Finding[] {
  if (group === null) return [];
  const heldBytes = group.usedBytes - group.reclaimableBytes;
  const percent = (heldBytes / group.limitBytes) * 100;
  const level = levelAt(percent);
  if (level === 'normal') return [];
  const others = heldBytes - (stats.rssBytes ?? heldBytes);
  return [
    finding({
      kind: 'container-near',
      severity: level === 'critical' ? 'critical' : 'warning',
      certainty: 'certain',
      title: `Its container is at ${formatPercent(percent)} of its limit (${formatBytes(heldBytes)} of ${formatBytes(group.limitBytes)}).`,
      evidence: {
        usedBytes: group.usedBytes,
        reclaimableBytes: group.reclaimableBytes,
        limitBytes: group.limitBytes,
        usedPercent: percent,
      },
      cause: sentences(
        'At the limit the kernel kills, without a word to the process.',
        others > heldBytes / 2 &&
          `Most of it, ${formatBytes(others)}, is of other processes in there, or of files that are in use.`,
      ),
      next: [
        { command: `memtool stats ${stats.pid}`, why: 'shows where its resident memory goes' },
        { command: `memtool cleanup ${stats.pid} --gc`, why: 'gives back what can be given back at once' },
      ],
    }),
  ];
}

function kills({ container: group, stats }: Examined): Finding[] {
  if (group === null || group.oomKills === 0) return [];
  return [
    finding({
      kind: 'container-kills',
      severity: 'warning',
      certainty: 'certain',
      title: `The kernel has killed ${counted(group.oomKills, 'process', 'processes')} of its container for want of memory.`,
      evidence: { oomKills: group.oomKills, limitBytes: group.limitBytes },
      cause:
        'It counts since the container was started, so that this may be long ago, and may have been another program.',
      next: [{ command: 'memtool last', why: 'lists what has ended, how, and what it held' }],
      savesBytes: stats.rssBytes,
    }),
  ];
}

function stalls({ container: group }: Examined): Finding[] {
  const percent = group?.stallPercent ?? 0;
  if (group === null || percent < STALL_PERCENT_MIN) return [];
  return [
    finding({
      kind: 'container-stalls',
      severity: 'warning',
      certainty: 'certain',
      title: `Processes of its container waited for memory for ${formatPercent(percent)} of the last ten seconds.`,
      evidence: { stallPercent: percent },
      cause:
        'The container is too small for what runs in it: the kernel takes pages away that are needed again at once.',
      next: [{ command: null, why: 'Give the container more memory, or run less in it.' }],
    }),
  ];
}
