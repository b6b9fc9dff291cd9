import { askHealth, askStats } from '../inspect/client.ts';
import { discoverAll, type AgentTarget } from '../inspect/discover.ts';
import { findBoxes } from '../inspect/last/find.ts';
import { listNodeProcesses } from '../inspect/processes.ts';
import { printable } from '../render/text.ts';
import { formatBytes, formatSeconds } from '../units.ts';
import type { Context } from './context.ts';

/** An agent answers within a few milliseconds; one that does not has its script's name. */
const ANSWER_WAIT_MS = 300;
/** Names are other programs' text: what a shell might take for more than a word is left out, and the pid is there. */
const PLAIN = /^[\p{L}\p{N}_@%+,./-]+$/u;

interface Candidate {
  word: string;
  description: string;
}

/** Words that could stand here, each on a line with its description behind a tab. */
export async function candidates(
  kind: 'target' | 'agent' | 'bare' | 'ended' | 'pool',
  context: Context,
): Promise<string> {
  const found = await {
    target: async () => [...(await agents(context)), ...(await bare(context))],
    agent: () => agents(context),
    bare: () => bare(context),
    ended: () => ended(context),
    pool: () => pools(context),
  }[kind]();
  const lines = found
    .filter(({ word }) => PLAIN.test(word))
    .map(({ word, description }) => `${word}\t${printable(description)}`);
  return [...new Set(lines)].map((line) => `${line}\n`).join('');
}

async function agents({ directory }: Context): Promise<Candidate[]> {
  const found = await Promise.all((await discoverAll(directory)).map(named));
  return found.flatMap(({ pid, name, uptime }) => [
    { word: String(pid), description: `${name}${uptime}` },
    { word: name, description: `pid ${pid}${uptime}` },
  ]);
}

async function named(agent: AgentTarget): Promise<{ pid: number; name: string; uptime: string }> {
  const health = await askHealth(agent, ANSWER_WAIT_MS).catch(() => undefined);
  return {
    pid: agent.pid,
    name: health?.name ?? agent.name,
    uptime: health === undefined ? '' : `, up ${formatSeconds(health.uptimeSeconds)}`,
  };
}

async function bare({ directory }: Context): Promise<Candidate[]> {
  const known = new Set((await discoverAll(directory)).map(({ pid }) => pid));
  return listNodeProcesses()
    .filter(({ pid }) => !known.has(pid))
    .map(({ pid, name, rssBytes }) => ({
      word: String(pid),
      description: `${name}, no agent${rssBytes === null ? '' : `, RSS ${formatBytes(rssBytes)}`}`,
    }));
}

async function ended({ directory }: Context): Promise<Candidate[]> {
  const boxes = await findBoxes(directory);
  return boxes.flatMap((box) =>
    'contents' in box && !box.isAlive
      ? [
          {
            word: String(box.pid),
            description: `${box.contents.head?.name ?? 'unknown'}, ${formatSeconds((Date.now() - box.writtenAtMs) / 1000)} ago`,
          },
        ]
      : [],
  );
}

async function pools({ directory }: Context): Promise<Candidate[]> {
  const stats = await Promise.all(
    (await discoverAll(directory)).map((agent) => askStats(agent, ANSWER_WAIT_MS).catch(() => undefined)),
  );
  return stats.flatMap((found) =>
    (found?.pools ?? [])
      .filter(({ kind }) => kind === 'pool')
      .map(({ name }) => ({ word: name, description: `pool of ${found?.name ?? ''}` })),
  );
}
