/**
 * pprof's profile.proto (github.com/google/pprof/blob/main/proto/profile.proto), for `go tool pprof` and Pyroscope.
 *
 * There is no `inuse_objects`: of each sample V8 computes how many objects it stands for, but tells only the product of that
 * and their size, from which neither can be had. `inuse_samples` says instead how many samples a stack was seen in.
 */
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import * as pprof from 'pprof-format';
import type { ProcessProfile } from '../../report/profile.ts';
import { frameOf, type Frame } from './frame.ts';
import { stacksOf } from './live-profile.ts';

const NANOSECONDS_PER_MS = 1_000_000n;

/** One location a function: V8 does not tell the line that allocated, only where its function begins. */
class Locations {
  readonly #strings: pprof.StringTable;
  readonly #ids = new Map<string, number>();
  readonly functions: pprof.Function[] = [];
  readonly locations: pprof.Location[] = [];

  constructor(strings: pprof.StringTable) {
    this.#strings = strings;
  }

  idOf({ name, file, line, column }: Frame): number {
    const key = JSON.stringify([name, file, line, column]);
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    const id = this.#ids.size + 1;
    this.#ids.set(key, id);
    const index = this.#strings.dedup(name);
    this.functions.push(
      new pprof.Function({ id, name: index, systemName: index, filename: this.#strings.dedup(file), startLine: line }),
    );
    this.locations.push(new pprof.Location({ id, line: [new pprof.Line({ functionId: id, line, column })] }));
    return id;
  }
}

/** @returns The gzipped profile. */
export async function encodePprof({ profile, ...found }: ProcessProfile): Promise<Uint8Array> {
  const strings = new pprof.StringTable();
  const valueType = (type: string, unit: string): pprof.ValueType =>
    new pprof.ValueType({ type: strings.dedup(type), unit: strings.dedup(unit) });
  const locations = new Locations(strings);
  const samplesOf = countSamples(profile.samples);
  const stacks = stacksOf(profile.head);
  const ids = stacks.map(({ node }) => locations.idOf(frameOf(node.callFrame)));
  const samples: pprof.Sample[] = [];
  for (const [place, { node }] of stacks.entries()) {
    const count = samplesOf.get(node.id) ?? 0;
    if (node.selfSize === 0 && count === 0) continue;
    const locationId: number[] = [];
    // Innermost first. The root calls every stack: it would be in each, and tell nothing.
    for (let at = place; at > 0; at = stacks[at]?.parent ?? 0) locationId.push(ids[at] ?? 0);
    samples.push(new pprof.Sample({ locationId, value: [count, node.selfSize] }));
  }
  const encoded = new pprof.Profile({
    sampleType: [valueType('inuse_samples', 'count'), valueType('inuse_space', 'bytes')],
    sample: samples,
    location: locations.locations,
    function: locations.functions,
    stringTable: strings,
    timeNanos: nanoseconds(found.endedMs),
    durationNanos: nanoseconds(found.endedMs - found.startedMs),
    periodType: valueType('space', 'bytes'),
    period: found.sampleBytes ?? 0,
    comment: [strings.dedup(`memtool profile of ${found.name}, pid ${found.pid}, Node ${found.nodeVersion ?? '?'}`)],
    defaultSampleType: strings.dedup('inuse_space'),
  });
  return promisify(gzip)(encoded.encode());
}

function countSamples(samples: ProcessProfile['profile']['samples']): Map<number, number> {
  const counts = new Map<number, number>();
  for (const { nodeId } of samples) counts.set(nodeId, (counts.get(nodeId) ?? 0) + 1);
  return counts;
}

function nanoseconds(milliseconds: number): bigint {
  return BigInt(Math.round(milliseconds)) * NANOSECONDS_PER_MS;
}
