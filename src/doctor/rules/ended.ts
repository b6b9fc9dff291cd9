import type { Finding, NextStep } from '../../report/doctor.ts';
import type { LastListing } from '../../report/last.ts';
import { formatBytes, formatSeconds } from '../../units.ts';
import type { Examined } from '../examined.ts';
import { finding, sentences } from '../finding.ts';

/** Others of its name that have ended for want of memory: it may well be next. */
export function diedBefore({ predecessors }: Examined): Finding[] {
  const [newest] = predecessors;
  if (newest === undefined) return [];
  const how = endingText(newest);
  return [
    finding({
      kind: 'died-before',
      severity: 'warning',
      certainty: newest.ending.certainty === 'certain' ? 'certain' : 'likely',
      title:
        predecessors.length === 1
          ? `A process of this name ${how}.`
          : `${predecessors.length} processes of this name have ended for want of memory; the last ${how}.`,
      evidence: evidenceOf(newest),
      cause: sentences(...newest.ending.because, held(newest)),
      next: [lastStep(newest)],
    }),
  ];
}

/** A process that is asked for, and is no more. */
export function ended(box: LastListing): Finding {
  const { ending } = box;
  return finding({
    kind: 'ended',
    severity: ending.ofMemory ? 'critical' : 'warning',
    certainty: ending.certainty === 'certain' ? 'certain' : ending.certainty === 'likely' ? 'likely' : 'possible',
    title: `It does not run any more: it ${endingText(box)}.`,
    evidence: evidenceOf(box),
    cause: sentences(...ending.because, held(box)),
    next: [
      lastStep(box),
      { command: 'memtool run app.js', why: 'starts it again with an agent, to be asked before it happens again' },
    ],
  });
}

function endingText({ ending }: LastListing): string {
  const { how, agoSeconds, code, signal } = ending;
  const when = agoSeconds === null ? '' : ` ${formatSeconds(agoSeconds)} ago`;
  switch (how) {
    case 'oom-kill':
      return `was killed by the kernel for want of memory${when}`;
    case 'heap-limit':
      return `ended${when} because its V8 heap was full`;
    case 'error':
      return `ended${when} by an error that nobody caught`;
    case 'exit':
      return `ended${when}${code === null ? '' : ` with the exit code ${code}`}`;
    case 'signal':
      return `was ended by ${signal ?? 'a signal'}${when}`;
    case 'killed':
      return `was killed${when}`;
    case 'restart':
      return `ended${when} with the machine`;
    case 'running':
      return 'is running';
  }
}

function held({ rssBytes, heapUsedBytes, heapLimitBytes }: LastListing): string | false {
  if (rssBytes === null) return false;
  const heap =
    heapUsedBytes === null
      ? ''
      : `, its heap ${formatBytes(heapUsedBytes)}${heapLimitBytes === null ? '' : ` of ${formatBytes(heapLimitBytes)}`}`;
  return `It held ${formatBytes(rssBytes)} then${heap}.`;
}

function evidenceOf({ pid, ending, rssBytes, heapUsedBytes }: LastListing): Finding['evidence'] {
  return {
    pid,
    how: ending.how,
    ...(ending.agoSeconds === null ? {} : { agoSeconds: ending.agoSeconds }),
    ...(rssBytes === null ? {} : { rssBytes }),
    ...(heapUsedBytes === null ? {} : { heapUsedBytes }),
  };
}

function lastStep({ pid }: LastListing): NextStep {
  return { command: `memtool last ${pid}`, why: 'shows its last minutes, and who held what' };
}
