import { MemtoolError } from './errors.ts';

const BYTE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

const BYTES_BY_UNIT: Record<string, number> = {
  '': 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  k: 1024,
  m: 1024 ** 2,
  g: 1024 ** 3,
  t: 1024 ** 4,
  kib: 1024,
  mib: 1024 ** 2,
  gib: 1024 ** 3,
  tib: 1024 ** 4,
};

const SECONDS_BY_UNIT: Record<string, number> = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86_400 };

/**
 * Reads `50MB` (decimal), `50MiB` or `50m` (binary) or a number of bytes; fractions are rounded down to whole bytes.
 *
 * @throws MemtoolError `MEMTOOL_INVALID_OPTION` when it is none of these, is negative or is above 2^53 - 1.
 */
export function parseBytes(value: string | number, option: string): number {
  const match = typeof value === 'string' ? /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(value) : null;
  const factor = match ? BYTES_BY_UNIT[(match[2] ?? '').toLowerCase()] : undefined;
  const bytes =
    typeof value === 'number' ? value : factor === undefined ? NaN : Math.floor(Number(match?.[1]) * factor);
  if (!Number.isSafeInteger(bytes) || bytes < 0) {
    throw new MemtoolError('MEMTOOL_INVALID_OPTION', `${option} is ${shown(value)}, which is no number of bytes.`, {
      hint: "Give whole bytes, or a text such as '50MB' (decimal) or '50MiB' (binary).",
    });
  }
  return bytes;
}

/**
 * Reads a duration of the form `300`, `300s`, `1.5h`, `250ms` and gives seconds; a bare number means seconds.
 *
 * @throws MemtoolError `MEMTOOL_INVALID_OPTION` on anything else.
 */
export function parseSeconds(value: string | number, option: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)?$/.exec(String(value));
  const seconds = match ? Number(match[1]) * (SECONDS_BY_UNIT[match[2] ?? 's'] ?? NaN) : NaN;
  if (!Number.isFinite(seconds)) {
    throw new MemtoolError('MEMTOOL_INVALID_OPTION', `${option} is ${shown(value)}, which is no duration.`, {
      hint: 'Give seconds, or a number with ms, s, m, h or d: 300, 90s, 5m, 1.5h.',
    });
  }
  return seconds;
}

/** `1536` as `1.5 KiB`; whole bytes below one KiB, one decimal above. */
export function formatBytes(bytes: number): string {
  const sign = bytes < 0 ? '-' : '';
  let rest = Math.abs(bytes);
  let unit = 0;
  // 1023.95 would print as "1024.0 KiB": step up at what rounds to 1024.
  while (unit < BYTE_UNITS.length - 1 && rest >= (unit === 0 ? 1024 : 1023.95)) {
    rest /= 1024;
    unit += 1;
  }
  return `${sign}${unit === 0 ? Math.round(rest) : rest.toFixed(1)} ${BYTE_UNITS[unit]}`;
}

/** `+1.5 MiB`, `-64 B`; `0 B` without a sign. */
export function formatChange(bytes: number): string {
  return bytes > 0 ? `+${formatBytes(bytes)}` : formatBytes(bytes);
}

/** `312` as `5m 12s`; the two largest units, `0s` for nothing, milliseconds below one second. */
export function formatSeconds(seconds: number): string {
  if (seconds > 0 && seconds < 0.9995) return `${Math.round(seconds * 1000)}ms`;
  const whole = Math.round(seconds);
  const parts: [number, string][] = [
    [Math.floor(whole / 86_400), 'd'],
    [Math.floor(whole / 3600) % 24, 'h'],
    [Math.floor(whole / 60) % 60, 'm'],
    [whole % 60, 's'],
  ];
  const first = parts.findIndex(([count]) => count > 0);
  if (first < 0) return '0s';
  return parts
    .slice(first, first + 2)
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count}${unit}`)
    .join(' ');
}

/** `82.345` as `82.3 %`. */
export function formatPercent(percent: number): string {
  return `${percent.toFixed(1)} %`;
}

/** Numbers as they are, since JSON has no NaN or Infinity. */
function shown(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}
