import type { Finding } from '../../report/doctor.ts';
import type { Resource } from '../../report/pressure.ts';
import { formatBytes, formatPercent, formatSeconds } from '../../units.ts';
import type { Examined } from '../examined.ts';
import { finding, poolText, quoted, sentences, steps } from '../finding.ts';
import { IMMINENT_SECONDS, SOON_PERCENT_MIN, SOON_SECONDS } from '../thresholds.ts';

/** Thousands of queries may be near their limits at once. */
const SCOPES_TOLD_MAX = 3;

/** Pools, managers, scopes and observed pools that are near their limit, or will be soon. */
export function limitNear(examined: Examined): Finding[] {
  const { pressure } = examined;
  const own = pressure.resources.filter(({ kind }) => ['pool', 'manager', 'observed'].includes(kind));
  const scopes = pressure.resources.filter(({ kind, level }) => kind === 'scope' && level !== 'normal');
  const more = Math.max(scopes.length, pressure.scopesNearLimit ?? 0) - SCOPES_TOLD_MAX;
  return [
    ...own.filter(({ level }) => level !== 'normal').map((found) => near(found, examined, 0)),
    ...own.filter(isSoon).map((found) => soon(found, examined)),
    ...scopes.slice(0, SCOPES_TOLD_MAX).map((found, index) => near(found, examined, index === 0 ? more : 0)),
  ];
}

function isSoon({ level, usedPercent, secondsToLimit }: Resource): boolean {
  return (
    level === 'normal' &&
    secondsToLimit !== null &&
    secondsToLimit <= SOON_SECONDS &&
    (usedPercent ?? 0) >= SOON_PERCENT_MIN
  );
}

function near(found: Resource, examined: Examined, moreScopes: number): Finding {
  const { usedPercent, secondsToLimit, level, bytesPerMinute, kind } = found;
  const when =
    secondsToLimit === null ? '' : `; as it grew in the last minute, it is full in ${formatSeconds(secondsToLimit)}`;
  const isImminent = secondsToLimit !== null && secondsToLimit <= IMMINENT_SECONDS;
  const isSteady =
    kind === 'pool' && secondsToLimit === null && bytesPerMinute !== null && !hasRefused(found, examined);
  return finding({
    kind: 'limit-near',
    // A cache that evicts by itself is as full as it may be, and well.
    severity: isImminent || (level === 'critical' && !isSteady) ? 'critical' : 'warning',
    certainty: 'certain',
    title: `${capital(nameOf(found, examined))} is at ${formatPercent(usedPercent ?? 0)} of its limit (${sizes(found)})${when}.`,
    evidence: evidenceOf(found),
    cause: sentences(
      kind === 'scope'
        ? 'At its limit what is asked for in this scope is refused; others are not touched by that.'
        : 'At its limit what is asked for is refused.',
      isSteady &&
        'It does not grow just now, and has refused nothing: a cache that evicts by itself may well stay here.',
      moreScopes > 0 && `${moreScopes} more ${moreScopes === 1 ? 'scope is' : 'scopes are'} near the limit, too.`,
    ),
    next: nextOf(found, examined),
    secondsToLimit,
  });
}

function hasRefused({ manager, name }: Resource, { stats }: Examined): boolean {
  return stats.pools.some((pool) => pool.manager === manager && pool.name === name && pool.rejections > 0);
}

function soon(found: Resource, examined: Examined): Finding {
  const { secondsToLimit, bytesPerMinute } = found;
  return finding({
    kind: 'limit-soon',
    severity: (secondsToLimit ?? 0) <= IMMINENT_SECONDS ? 'critical' : 'warning',
    certainty: 'likely',
    title: `${capital(nameOf(found, examined))} will be full in ${formatSeconds(secondsToLimit ?? 0)} if it goes on growing as in the last minute: ${sizes(found)}, and ${formatBytes(bytesPerMinute ?? 0)} more each minute.`,
    evidence: evidenceOf(found),
    cause: 'One minute does not make a trend: a batch that ends soon looks the same.',
    next: [
      { command: `memtool pressure ${examined.stats.pid} --watch`, why: 'shows whether it goes on' },
      ...nextOf(found, examined),
    ],
    secondsToLimit,
  });
}

function nextOf({ kind, name }: Resource, { stats: { pid } }: Examined) {
  if (kind === 'scope')
    return steps({ command: `memtool stats ${pid} --scopes 20`, why: 'shows what the scopes hold, the largest first' });
  if (kind === 'observed') return steps({ command: null, why: 'the one who manages it has to make room, or raise it' });
  const pool = kind === 'pool' ? ` --pool ${quoted(name)}` : '';
  return steps(
    { command: `memtool leaks ${pid} --age 0`, why: 'says who holds it, by tag and age' },
    { command: `memtool cleanup ${pid}${pool}`, why: 'gives back what nobody needs any more' },
  );
}

function nameOf({ kind, manager, name }: Resource, examined: Examined): string {
  switch (kind) {
    case 'pool':
      return `the pool ${poolText(examined, manager, name)}`;
    case 'manager':
      return `the manager ${name}, all of its pools together,`;
    case 'observed':
      return `the observed pool ${poolText(examined, manager, name)}`;
    // A scope's name begins with what kind of scope it is.
    case 'scope':
      return `the ${name}`;
    case 'heap':
    case 'container':
      return name;
  }
}

function sizes({ usedBytes, limitBytes }: Resource): string {
  return `${formatBytes(usedBytes)} of ${formatBytes(limitBytes ?? 0)}`;
}

function evidenceOf({ name, usedBytes, limitBytes, usedPercent, bytesPerMinute, secondsToLimit }: Resource) {
  return {
    name,
    usedBytes,
    ...(limitBytes === null ? {} : { limitBytes }),
    ...(usedPercent === null ? {} : { usedPercent }),
    ...(bytesPerMinute === null ? {} : { bytesPerMinute }),
    ...(secondsToLimit === null ? {} : { secondsToLimit }),
  };
}

function capital(text: string): string {
  return text.replace(/^./, (first) => first.toUpperCase());
}
