import type { Finding } from '../../report/doctor.ts';
import type { Examined } from '../examined.ts';
import { finding, steps } from '../finding.ts';

/** What cannot be seen, and how it could be. */
export function noAgent({ noAgent: found, stats: { pid } }: Examined): Finding[] {
  if (found === null) return [];
  if (!found.isNode) {
    return [
      finding({
        kind: 'no-agent',
        severity: 'note',
        certainty: 'certain',
        title: 'It is not a Node.js process: only what the system tells of it was looked at.',
        next: [
          { command: `memtool record ${pid} --for 1h -o run.jsonl`, why: 'notes what it holds, for `memtool report`' },
        ],
      }),
    ];
  }
  return [
    finding({
      kind: found.failed ? 'agent-failed' : 'no-agent',
      severity: found.failed ? 'warning' : 'note',
      certainty: 'certain',
      title: found.failed
        ? 'Its agent does not work, so that little can be told of it.'
        : 'It has no agent, so that only what the system tells of it was looked at.',
      cause: sentence(found.reason),
      next: steps(
        found.isSilent && {
          command: `memtool doctor ${pid} --timeout 30`,
          why: 'waits longer for its answer',
        },
        found.attachable && { command: `memtool attach ${pid}`, why: 'starts one, without a restart' },
        !found.attachable && !found.isSilent && { command: found.restartCommand, why: 'starts it with an agent in it' },
      ),
    }),
  ];
}

function sentence(reason: string): string {
  const text = reason.replace(/^./, (first) => first.toUpperCase());
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
