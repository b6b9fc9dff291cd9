import type { AttachReport, DetachReport, ProcessAttachment } from '../report/attachment.ts';
import { isFailure } from '../report/document.ts';
import { blocks, failureLines, heading } from './process.ts';
import type { Style } from './style.ts';
import { hanging } from './text.ts';

/** What was done to somebody's process, and how to take it back. */
export function renderAttachment(report: AttachReport | DetachReport, style: Style): string {
  return blocks(
    report.processes.map((found) =>
      isFailure(found)
        ? failureLines(found, style)
        : [heading(found, style), '', ...sentences(found).flatMap((text) => hanging('  ', text, style.width))],
    ),
  );
}

function sentences({ pid, agent, changed, inspectorWasOpen }: ProcessAttachment): string[] {
  if (!agent) return ['The agent has gone: its thread, its socket and its timers. The process is as it was before.'];
  if (!changed) return [`It has an agent already. What it holds: \`memtool stats ${pid}\`.`];
  const inspector = inspectorWasOpen
    ? 'Its inspector was open already, and is open still.'
    : 'Its inspector was opened for a moment and is closed again; Node.js has written a few lines about that to its stderr.';
  return [
    `An agent runs in it now, as a thread of its own. ${inspector}`,
    `What it holds: \`memtool stats ${pid}\`. To take the agent away again: \`memtool detach ${pid}\`; it also goes by itself when nobody asks it anything for a while.`,
  ];
}
