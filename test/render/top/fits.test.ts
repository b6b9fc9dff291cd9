import { stripVTControlCharacters } from 'node:util';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { press, type Key } from '../../../src/commands/top/keys.ts';
import { update, type TopEvent } from '../../../src/commands/top/state.ts';
import { loadTheme, PLAIN_THEME } from '../../../src/render/style.ts';
import { textWidth } from '../../../src/render/text.ts';
import { renderTop } from '../../../src/render/top/top.ts';
import { CLEANUP, IDENTITY, LOST, STALE } from '../sample.ts';
import { afterLooks, keyOf, pressureOf, START_MS, statsOf, type Shape } from './sample.ts';

const NAMES = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 30 }),
  fc.constantFrom('orders-api', '検索サービス', '\u001b[2Jevil', 'a\nb', '👩‍👩‍👧‍👦 family', 'e\u0301e\u0301'),
);
const SHAPE: fc.Arbitrary<Shape> = fc.record({
  name: NAMES,
  pid: fc.integer({ min: 1, max: 4_194_304 }),
  rssMib: fc.double({ min: 0, max: 1e7, noNaN: true }),
  cpuPercent: fc.double({ min: 0, max: 3200, noNaN: true }),
  pools: fc.array(
    fc.tuple(
      NAMES,
      fc.integer({ min: 0, max: 200 }),
      fc.integer({ min: 1, max: 100 }),
      fc.integer({ min: -5, max: 1000 }),
    ),
    { maxLength: 8 },
  ),
});
const [report] = CLEANUP.processes;
if (!report || 'error' in report) throw new Error('the sample has no report');
const cleanup = report;
const error = { code: 'MEMTOOL_TIMEOUT', message: 'It did not answer.\u001b[31m', hint: 'Wait `memtool ps`.' };

function event(shape: Shape, kind: TopEvent['kind']): TopEvent {
  const key = keyOf(shape);
  switch (kind) {
    case 'tick':
      return { kind };
    case 'listed':
      return { kind, found: [{ key, pid: shape.pid, name: shape.name }], startable: { pid: 7, name: shape.name } };
    case 'not-listed':
      return { kind, error };
    case 'answered':
      return { kind, key, stats: statsOf(shape, START_MS), pressure: pressureOf(shape, START_MS) };
    case 'silent':
    case 'cleanup-failed':
    case 'leaks-failed':
      return { kind, key, error };
    case 'ended':
      return { kind, key };
    case 'foreseen':
    case 'cleaned':
      return { kind, key, report: cleanup };
    case 'leaks':
      return { kind, key, report: { ...IDENTITY, leaks: [LOST, STALE], totals: { count: 2, bytes: 9 } } };
    case 'drawn':
      return { kind, scrollMax: 5 };
  }
}

const KINDS: TopEvent['kind'][] = ['tick', 'listed', 'not-listed', 'answered', 'silent', 'ended', 'foreseen', 'cleaned', 'cleanup-failed', 'leaks', 'leaks-failed', 'drawn']; // prettier-ignore
const KEYS = ['q', 's', 'r', '/', 'x', '1', ' ', 'c', 'y', 'l', 'h', 'a', 'p', '?', '+', '-', '2', '3', '4', 'j', 'k', 'up', 'down', 'return', 'escape', 'tab', 'left', 'right', 'pageup', 'pagedown', 'home', 'end', 'backspace']; // prettier-ignore

function keyNamed(name: string): Key {
  return { text: name.length === 1 ? name : '', name: name === ' ' ? 'space' : name, ctrl: false, shift: false };
}

const STEP = fc.oneof(
  fc.record({ key: fc.constantFrom(...KEYS) }),
  fc.record({ of: fc.nat({ max: 3 }), event: fc.constantFrom(...KINDS) }),
);

test('whatever happens and is typed, a screen has exactly its lines, none wider than it, and steers no terminal', async () => {
  const colours = await loadTheme(true);
  fc.assert(
    fc.property(
      fc.array(SHAPE, { minLength: 1, maxLength: 4 }),
      fc.array(STEP, { maxLength: 25 }),
      fc.integer({ min: 1, max: 200 }),
      fc.integer({ min: 1, max: 60 }),
      fc.boolean(),
      (shapes, steps, width, height, isColoured) => {
        let state = afterLooks(shapes, 3);
        let nowMs = START_MS + 10_000;
        for (const step of steps) {
          nowMs += 700;
          const shape = 'of' in step ? shapes[step.of % shapes.length] : undefined;
          if ('key' in step) state = press(state, keyNamed(step.key), nowMs).state;
          else if (shape) state = update(state, event(shape, step.event), nowMs);
          const { lines, scrollMax } = renderTop(state, width, height, isColoured ? colours : PLAIN_THEME);
          expect(lines).toHaveLength(height);
          for (const line of lines) {
            const plain = stripVTControlCharacters(line);
            expect(textWidth(plain)).toBeLessThanOrEqual(width);
            // oxlint-disable-next-line no-control-regex -- what must not be there
            expect(line.replace(/\u001b\[[0-9;]*m/g, '')).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
            if (!isColoured) expect(line).toBe(plain);
          }
          state = update(state, { kind: 'drawn', scrollMax }, nowMs);
        }
      },
    ),
    { numRuns: 150 },
  );
});
