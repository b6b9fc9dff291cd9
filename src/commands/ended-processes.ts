import { describeBox, listBox } from '../inspect/last/describe.ts';
import { Evidence } from '../inspect/last/evidence.ts';
import { findBoxes, isNamed, type AnyBox, type Box } from '../inspect/last/find.ts';
import type { ProcessIdentity } from '../report/document.ts';
import type { LastHistory, LastListing } from '../report/last.ts';

/** What has ended longer ago says little of what runs now. */
const RECENT_SECONDS = 24 * 3600;

/** What the black boxes tell: of processes that have ended, and of the past of those that run. */
export class EndedProcesses {
  readonly #boxes: readonly Box[];
  readonly #evidence = new Evidence(false);
  readonly #nowMs = Date.now();

  constructor(boxes: readonly Box[]) {
    this.#boxes = boxes;
  }

  /** Those that have ended and are meant by a target, newest first; without one, all that ended for want of memory. */
  named(target: string | undefined): { identity: ProcessIdentity; listing: LastListing }[] {
    return this.#gone()
      .filter((box) => target === undefined || isNamed(box, target))
      .map((box) => listBox(box, this.#evidence, this.#nowMs))
      .filter((listing) => target !== undefined || isRecent(listing))
      .map((listing) => ({ identity: identityOf(listing), listing }));
  }

  /** Those that had the same name, and ended for want of memory within a day. */
  predecessors(name: string): LastListing[] {
    return this.#gone()
      .filter(({ contents: { head } }) => head !== null && (head.name === name || head.scriptName === name))
      .map((box) => listBox(box, this.#evidence, this.#nowMs))
      .filter(isRecent);
  }

  /** What a process that runs has noted of itself. */
  historyOf(pid: number): LastHistory | null {
    const box = this.#boxes.find((one) => one.isAlive && one.pid === pid);
    return box === undefined ? null : describeBox(box, this.#evidence, this.#nowMs).history;
  }

  #gone(): Box[] {
    return this.#boxes.filter(({ isAlive }) => !isAlive);
  }
}

export async function findEnded(directory: string): Promise<EndedProcesses> {
  const boxes = await findBoxes(directory);
  return new EndedProcesses(boxes.filter((box: AnyBox): box is Box => 'contents' in box));
}

function isRecent({ ending }: LastListing): boolean {
  return ending.ofMemory && (ending.agoSeconds ?? 0) <= RECENT_SECONDS;
}

function identityOf({ pid, pidInside, name, nodeVersion, uptimeSeconds, sampledAt }: LastListing): ProcessIdentity {
  return { pid, ...(pidInside === undefined ? {} : { pidInside }), name, nodeVersion, uptimeSeconds, sampledAt };
}
