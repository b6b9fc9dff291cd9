import { connect, type Socket } from 'node:net';
import { ENDPOINTS } from '../../protocol.ts';
import { AnswerReader, badAnswer } from '../answer.ts';
import { agentEnded, gone, readAgentError, timedOut } from '../client.ts';
import type { AgentTarget } from '../discover.ts';
import { vanishes } from '../liveness.ts';
import { pinSocket } from '../pinned.ts';
import { FrameReader, type Stage, type TrackedSnapshot } from './frame-reader.ts';

export interface SnapshotRequest {
  /** For so long allocations are tracked first. */
  seconds: number;
  /** For the whole of it. */
  timeoutMs: number;
  onStage: (stage: Stage) => void;
  onBytes: (snapshotBytes: number) => void;
}

const HEADER_BYTES_MAX = 16 * 1024;
const HEADER_END = '\r\n\r\n';

/**
 * Has the allocations of a process tracked for a while and its heap written down, and reads it as it comes. The connection is
 * what keeps it going: whatever ends it, this process' own end included, ends the tracking.
 *
 * @throws MemtoolError `MEMTOOL_TARGET_GONE`, `MEMTOOL_TIMEOUT`, `MEMTOOL_BAD_ANSWER`, `MEMTOOL_AGENT_FAILED`, or what the agent answered
 */
export async function receiveSnapshot(target: AgentTarget, request: SnapshotRequest): Promise<TrackedSnapshot> {
  const outcome = await exchange(target, request);
  switch (outcome.kind) {
    case 'received':
      return outcome.snapshot;
    case 'failed':
      throw outcome.error;
    case 'timeout':
      throw timedOut(target, request.timeoutMs);
    case 'ended':
      throw (await vanishes(target)) ? gone(target) : badAnswer('the snapshot broke off');
    case 'refused':
      throw (await vanishes(target)) ? gone(target) : agentEnded(target, outcome.code);
  }
}

type Outcome =
  | { kind: 'received'; snapshot: TrackedSnapshot }
  | { kind: 'failed'; error: unknown }
  | { kind: 'timeout' }
  | { kind: 'ended' }
  | { kind: 'refused'; code: string };

function exchange(target: AgentTarget, { seconds, timeoutMs, onStage, onBytes }: SnapshotRequest): Promise<Outcome> {
  return new Promise((resolve) => {
    const socket = connectTo(target);
    if (!socket) return resolve({ kind: 'refused', code: 'ENOENT' });
    const frames = new FrameReader(onStage);
    let header: Buffer | undefined = Buffer.alloc(0);
    let refusal: AnswerReader | undefined;
    let connected = false;
    const finish = (outcome: Outcome): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(outcome);
    };
    const timer = setTimeout(() => finish({ kind: 'timeout' }), timeoutMs);
    const attempt = (read: () => Outcome | undefined): void => {
      try {
        const outcome = read();
        if (outcome) finish(outcome);
      } catch (error) {
        finish({ kind: 'failed', error });
      }
    };
    const receive = (part: Buffer): Outcome | undefined => {
      if (refusal) {
        const answer = refusal.push(part);
        return answer && { kind: 'failed', error: readAgentError(answer) };
      }
      if (!header) {
        frames.push(part);
        onBytes(frames.snapshotBytes);
        return undefined;
      }
      header = Buffer.concat([header, part]);
      const end = header.indexOf(HEADER_END);
      if (end < 0 && header.length <= HEADER_BYTES_MAX) return undefined;
      const begun = header;
      header = undefined;
      if (/^HTTP\/1\.[01] 200 /.test(begun.toString('latin1', 0, 32)) && end >= 0)
        return receive(begun.subarray(end + HEADER_END.length));
      // Whatever it is instead, it is short.
      refusal = new AnswerReader();
      return receive(begun);
    };
    socket.once('connect', () => {
      connected = true;
      socket.write(
        `POST ${ENDPOINTS.snapshot}?seconds=${seconds} HTTP/1.0\r\nHost: memtool\r\nContent-Length: 0\r\n\r\n`,
      );
    });
    socket.on('data', (part: Buffer) => attempt(() => receive(part)));
    socket.once('end', () =>
      attempt(() => {
        const snapshot = frames.end();
        return snapshot ? { kind: 'received', snapshot } : { kind: 'ended' };
      }),
    );
    socket.on('error', (error: NodeJS.ErrnoException) =>
      finish(connected ? { kind: 'ended' } : { kind: 'refused', code: error.code ?? 'unknown' }),
    );
  });
}

function connectTo(target: AgentTarget): Socket | undefined {
  if (!target.place) return connect(target.path);
  const pinned = pinSocket(target, target.place);
  if (!pinned) return undefined;
  try {
    // The connection is made before this returns.
    return connect(pinned.path);
  } finally {
    pinned.close();
  }
}
