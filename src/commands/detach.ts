import { askDetach } from '../inspect/client.ts';
import { vanishesSocket } from '../inspect/discover.ts';
import { open } from '../inspect/open.ts';
import { readProcess } from '../inspect/processes.ts';
import type { DetachReport, ProcessAttachment } from '../report/attachment.ts';
import { SCHEMA_VERSION } from '../report/document.ts';
import { collectEach, identify, needsAgent, nothingRunning } from './collect.ts';
import { EXIT_NOTHING, type Context } from './context.ts';
import { exitCodeOf, show } from './show.ts';

/** `memtool detach <target>` */
export function detach(target: string, context: Context): Promise<number> {
  return show<DetachReport>(
    {
      collect: async () => {
        const targets = await open(target, { ...context, attach: false });
        if (targets.length === 0) throw nothingRunning();
        const processes = await collectEach(targets, async (one): Promise<ProcessAttachment> => {
          if (one.kind === 'bare') throw needsAgent(one, 'there is nothing to detach');
          await askDetach(one.agent, context.timeoutMs);
          await vanishesSocket(one.agent, context.timeoutMs);
          return {
            ...identify(one),
            nodeVersion: null,
            uptimeSeconds: readProcess(one.agent.pid)?.uptimeSeconds ?? 0,
            sampledAt: new Date().toISOString(),
            agent: false,
            changed: true,
            inspectorWasOpen: false,
            socket: null,
          };
        });
        return { schemaVersion: SCHEMA_VERSION, command: 'detach', processes };
      },
      load: async () => (await import('../render/attachment.ts')).renderAttachment,
      exitCode: ({ processes }) => exitCodeOf(processes, EXIT_NOTHING),
    },
    context,
  );
}
