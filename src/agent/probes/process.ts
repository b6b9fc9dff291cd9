import { cpuUsage, memoryUsage, uptime } from 'node:process';

/** CPU is averaged over about this long: shorter jumps about, longer hides what happens now. */
const WINDOW_SECONDS = 5;
/** A shorter stretch than this says more about the agent's own start than about the application. */
const WINDOW_SECONDS_MIN = 0.5;

interface CpuSample {
  atSeconds: number;
  cpuSeconds: number;
}

/** What the agent's thread can tell of the whole process: the kernel counts CPU and RSS by process, not by thread. */
export class ProcessProbe {
  readonly #samples: CpuSample[] = [];

  /** To be called about once a second. */
  sample(): void {
    this.#samples.push(readCpu());
    if (this.#samples.length > WINDOW_SECONDS + 1) this.#samples.shift();
  }

  /** Of one core, over the last seconds; since the process started while the agent is younger than half a second. */
  cpuPercent(): number {
    const now = readCpu();
    const since = this.#samples.find(
      ({ atSeconds }) =>
        now.atSeconds - atSeconds <= WINDOW_SECONDS + 1 && now.atSeconds - atSeconds >= WINDOW_SECONDS_MIN,
    );
    const from = since ?? { atSeconds: now.atSeconds - uptime(), cpuSeconds: 0 };
    return Math.max(0, ((now.cpuSeconds - from.cpuSeconds) / (now.atSeconds - from.atSeconds)) * 100);
  }

  cpuSeconds(): number {
    return readCpu().cpuSeconds;
  }

  uptimeSeconds(): number {
    return uptime();
  }

  rssBytes(): number {
    return memoryUsage.rss();
  }
}

function readCpu(): CpuSample {
  const { user, system } = cpuUsage();
  return { atSeconds: performance.now() / 1000, cpuSeconds: (user + system) / 1e6 };
}
