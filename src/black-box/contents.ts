import { MemtoolError } from '../errors.ts';
import type { Verdict } from '../report/leaks.ts';
import { LEVELS } from '../report/level.ts';
import type { ScopeKind } from '../report/scopes.ts';
import { decodeBlock, decodeNewest } from './block.ts';
import { readPreamble } from './file.ts';
import { BLACK_BOX_VERSION, DETAILS, ENDINGS, HEAD, MINUTES, POOLS_MAX, SECONDS } from './layout.ts';
import type { BoxError, BoxGroup, Details, Head, OwnEnding, StarterEnding } from './notes.ts';
import { fieldsOf, numberOf, numberOrNull, oneOf, rowsOf, textOf, textOrNull, textsOf } from './sanitize.ts';
import { readRing, type BoxSample } from './slot.ts';

/** What is whole of a black box; any part may be missing. */
export interface BoxContents {
  head: Head | null;
  details: Details | null;
  own: OwnEnding | null;
  starter: StarterEnding | null;
  /** Oldest first, each with its time. */
  seconds: TimedSample[];
  minutes: TimedSample[];
}

export interface TimedSample extends BoxSample {
  atMs: number;
}

/** @throws MemtoolError `MEMTOOL_BAD_BLACK_BOX` when it is none, or of a version that is not known here */
export function readContents(file: Buffer, path: string): BoxContents {
  const { isBlackBox, version } = readPreamble(file);
  if (!isBlackBox)
    throw bad(path, 'it does not begin as one', 'It may have been cut off, or belong to something else.');
  if (version !== BLACK_BOX_VERSION) {
    throw bad(
      path,
      `it is of version ${version}, and this memtool knows ${BLACK_BOX_VERSION}`,
      'Read it with the memtool that the application was built with.',
    );
  }
  return {
    head: headOf(decodeNewest(file, HEAD)),
    details: detailsOf(decodeNewest(file, DETAILS)),
    own: ownEndingOf(decodeBlock(file, ENDINGS.own)?.value),
    starter: starterEndingOf(decodeBlock(file, ENDINGS.starter)?.value),
    seconds: timed(readRing(file, SECONDS)),
    minutes: timed(readRing(file, MINUTES)),
  };
}

function bad(path: string, problem: string, hint: string): MemtoolError {
  return new MemtoolError('MEMTOOL_BAD_BLACK_BOX', `${path} is no black box that can be read: ${problem}.`, { hint });
}

/** Beyond that no Date can be made of it. */
const TIME_MS_MAX = 8.64e15;

function timed(samples: BoxSample[]): TimedSample[] {
  return samples.flatMap((sample) => {
    const { atMs } = sample.figures;
    return atMs !== null && Math.abs(atMs) <= TIME_MS_MAX ? [{ ...sample, atMs }] : [];
  });
}

function timeOf(value: unknown): number {
  const time = numberOf(value, 0);
  return Math.abs(time) <= TIME_MS_MAX ? time : 0;
}

function headOf(value: unknown): Head | null {
  const head = fieldsOf(value);
  if (!head) return null;
  return {
    name: textOf(head['name'], ''),
    scriptName: textOf(head['scriptName'], ''),
    pid: numberOf(head['pid'], 0),
    startTime: textOf(head['startTime'], '0'),
    startedAtMs: timeOf(head['startedAtMs']),
    nodeVersion: textOf(head['nodeVersion'], ''),
    memtoolVersion: textOf(head['memtoolVersion'], ''),
    hostname: textOf(head['hostname'], ''),
    bootId: textOrNull(head['bootId']),
    hasHostPid: head['hasHostPid'] === true,
    group: groupOf(head['group']),
    pools: rowsOf(head['pools'])
      .slice(0, POOLS_MAX)
      .map((pool) => ({
        manager: textOf(pool['manager'], ''),
        name: textOf(pool['name'], ''),
        limitBytes: numberOrNull(pool['limitBytes']),
      })),
    poolsLeftOut: numberOf(head['poolsLeftOut'], 0),
  };
}

function groupOf(value: unknown): BoxGroup | null {
  const group = fieldsOf(value);
  return (
    group && {
      path: textOf(group['path'], '/'),
      eventsFile: textOf(group['eventsFile'], ''),
      inode: numberOf(group['inode'], 0),
    }
  );
}

const SCOPE_KINDS: readonly ScopeKind[] = ['query', 'transaction', 'user', 'procedure'];
const VERDICTS: readonly Verdict[] = ['leak', 'suspect', 'cache', 'undecided'];

function detailsOf(value: unknown): Details | null {
  const details = fieldsOf(value);
  if (!details) return null;
  const sitesReadAtMs = numberOrNull(details['sitesReadAtMs']);
  return {
    atMs: timeOf(details['atMs']),
    events: rowsOf(details['events']).map((event) => ({
      atMs: timeOf(event['atMs']),
      name: textOf(event['name'], ''),
      level: oneOf(event['level'], LEVELS, 'normal'),
      usedBytes: numberOf(event['usedBytes'], 0),
      limitBytes: numberOf(event['limitBytes'], 0),
    })),
    scopes: rowsOf(details['scopes']).map((scope) => ({
      manager: textOf(scope['manager'], ''),
      kind: oneOf(scope['kind'], SCOPE_KINDS, 'query'),
      name: textOf(scope['name'], ''),
      user: textOrNull(scope['user']),
      usedBytes: numberOf(scope['usedBytes'], 0),
      limitBytes: numberOrNull(scope['limitBytes']),
      ageSeconds: numberOf(scope['ageSeconds'], 0),
    })),
    scopeCount: numberOf(details['scopeCount'], 0),
    holders: rowsOf(details['holders']).map((holder) => ({
      manager: textOf(holder['manager'], ''),
      pool: textOf(holder['pool'], ''),
      tag: textOrNull(holder['tag']),
      stack: textsOf(holder['stack']),
      count: numberOf(holder['count'], 0),
      bytes: numberOf(holder['bytes'], 0),
    })),
    sitesReadAtMs: sitesReadAtMs === null ? null : timeOf(sitesReadAtMs),
    sites: rowsOf(details['sites']).map((site) => ({
      source: oneOf(site['source'], ['heap', 'buffers'], 'heap'),
      stack: textsOf(site['stack']),
      bytes: numberOf(site['bytes'], 0),
      verdict: oneOf(site['verdict'], VERDICTS, 'undecided'),
    })),
    oomKills: numberOrNull(details['oomKills']),
  };
}

function ownEndingOf(value: unknown): OwnEnding | null {
  const ending = fieldsOf(value);
  return (
    ending && {
      atMs: timeOf(ending['atMs']),
      code: numberOf(ending['code'], 1),
      error: errorOf(ending['error']),
      rssBytes: numberOf(ending['rssBytes'], 0),
      heapUsedBytes: numberOf(ending['heapUsedBytes'], 0),
    }
  );
}

function errorOf(value: unknown): BoxError | null {
  const error = fieldsOf(value);
  return error && { text: textOf(error['text'], ''), stack: textsOf(error['stack']), atMs: timeOf(error['atMs']) };
}

function starterEndingOf(value: unknown): StarterEnding | null {
  const ending = fieldsOf(value);
  return (
    ending && {
      atMs: timeOf(ending['atMs']),
      code: numberOrNull(ending['code']),
      signal: textOrNull(ending['signal']),
    }
  );
}
