import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { renderProgress, renderProgressPlain } from '../../src/render/progress.ts';
import { textWidth } from '../../src/render/text.ts';
import { AT_80 } from './sample.ts';

test('the bar, the share and the figures, on one line', () => {
  expect(
    renderProgress({ label: 'Querying', fraction: 0.5, detail: '120 queries, 3 refused' }, AT_80),
  ).toMatchInlineSnapshot(`"Querying ███████████████░░░░░░░░░░░░░░░  50 %  120 queries, 3 refused"`);
  expect(
    renderProgress({ label: 'Querying', fraction: 0.5, detail: '120 queries, 3 refused' }, { ...AT_80, width: 40 }),
  ).toMatchInlineSnapshot(`"Querying  50 %  120 queries, 3 refused"`);
  expect(
    renderProgressPlain({ label: 'Querying', fraction: 0.5, detail: '120 queries, 3 refused' }),
  ).toMatchInlineSnapshot(`"Querying: 50 %, 120 queries, 3 refused"`);
});

test('the line never fills the terminal, where it would wrap and could not be drawn over', () => {
  const state = fc.record({
    label: fc.string({ maxLength: 30 }),
    fraction: fc.double({ min: 0, max: 2, noNaN: true }),
    detail: fc.string({ maxLength: 60 }),
  });
  fc.assert(
    fc.property(state, fc.integer({ min: 10, max: 120 }), (progress, width) => {
      expect(textWidth(renderProgress(progress, { ...AT_80, width }))).toBeLessThan(width);
    }),
  );
});
