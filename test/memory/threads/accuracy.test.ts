import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { auditEmpty, auditHoldings, auditLedger } from './accuracy-audit.ts';
import { Crew } from './accuracy-crew.ts';
import { LedgerView } from './accuracy-ledger-view.ts';
import { Scripts } from './accuracy-scripts.ts';

const OPERATIONS = 100_000;
const THREADS = 4;
/** Other seeds: `ACCURACY_SEEDS=7,8,9 npx vitest run test/memory/threads/accuracy.test.ts`. */
const SEEDS = (process.env['ACCURACY_SEEDS'] ?? '1').split(',').map(Number);
const TIMEOUT_MS = 120_000;

let scripts: Scripts;
beforeAll(async () => {
  scripts = await Scripts.build();
});
afterAll(() => scripts.remove());

describe('four threads, of which three die again and again', () => {
  it.each(SEEDS)(
    'account for every byte, and exceed no limit at any moment (seed %i)',
    async (seed) => {
      const crew = new Crew({ scripts, seed, operations: OPERATIONS });
      try {
        const view = new LedgerView(crew.shared.ledger);
        await crew.work();
        await crew.settle();
        expect(auditLedger(view), 'once quiet').toEqual([]);

        const holdings = await crew.ask('clean up');
        expect(auditHoldings(view, holdings), 'after a cleanup').toEqual([]);
        expect(auditLedger(view), 'after a cleanup').toEqual([]);

        await crew.ask('clear');
        // What dead threads had sent and nobody received is given up when it is a second old.
        const second = crew.memory.ledger.beat();
        // oxlint-disable-next-line no-await-in-loop -- until the clock has moved on
        while (crew.memory.ledger.beat() <= second) await setTimeout(10);
        await crew.ask('drop');
        expect(auditEmpty(view, THREADS), 'after everything was freed').toEqual([]);

        const { findings, looks } = await crew.stopObserver();
        expect(findings, 'over a limit').toEqual([]);
        expect(looks).toBeGreaterThan(0);
        expect(crew.deaths).toBeGreaterThan(9);
      } finally {
        await crew.end();
      }
    },
    TIMEOUT_MS,
  );
});
