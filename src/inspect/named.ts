import { askHealth } from './client.ts';
import { discoverAll, type AgentTarget } from './discover.ts';

/**
 * The processes with an agent that have exactly this name: of a manager, or of their script. One that does not answer has
 * only its script's.
 */
export async function findNamed(name: string, directory: string, timeoutMs: number): Promise<AgentTarget[]> {
  const agents = await discoverAll(directory);
  const named = await Promise.all(
    agents.map(async (agent) => {
      if (agent.name === name) return agent;
      const health = await askHealth(agent, timeoutMs).catch(() => undefined);
      return health !== undefined && [health.name, ...health.managers].includes(name) ? agent : undefined;
    }),
  );
  return named.filter((agent) => agent !== undefined);
}
