import { channel } from 'node:diagnostics_channel';
import { MemoryManager, type MemoryPool } from 'memtool';
import { contest, type BenchRow } from './ratio.ts';

const LIMIT_BYTES = 1000;

function refuse(pool: MemoryPool): (count: number) => void {
  return (count) => {
    for (let index = 0; index < count; index += 1) pool.reserve(LIMIT_BYTES, { tag: 'profile-rows' });
  };
}

/** A refused `reserve` while nobody subscribes to `memtool:refusal`, and while somebody does. */
export async function bench(): Promise<BenchRow[]> {
  const memory = new MemoryManager({ name: 'bench', agent: false, pools: { full: { limit: LIMIT_BYTES } } });
  const pool = memory.pool('full');
  pool.reserveOrThrow(1);
  const refusals = channel('memtool:refusal');
  let heard = 0;
  const hear = (): void => void (heard += 1);
  const subject = refuse(pool);
  const result = await contest({
    baseline: subject,
    subject: (count) => {
      refusals.subscribe(hear);
      subject(count);
      refusals.unsubscribe(hear);
    },
    count: 200_000,
  });
  memory.close();
  if (heard === 0) throw new Error('Nobody was told.');
  return [
    {
      work: 'a refused reserve, with a subscriber',
      baseline: 'the same, without one',
      ratio: result.ratio,
      target: { max: 5 },
      note: `${result.subjectNs.toFixed(1)} ns against ${result.baselineNs.toFixed(1)} ns`,
    },
  ];
}
