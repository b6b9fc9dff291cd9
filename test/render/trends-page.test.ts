import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { readRecording } from '../../src/recording/reader.ts';
import { renderTrendPage } from '../../src/render/trends/page.ts';
import { differencesOf } from '../../src/trends/difference.ts';
import { plotsOf } from '../../src/trends/plots.ts';
import { judgeRecording } from '../../src/trends/trends.ts';
import { recordingText } from '../recording/sample-recording.ts';
import { Browser, CHROMIUM, type Page } from './browser.ts';

const PAGE = readFileSync(new URL('../../dist/trends.html', import.meta.url), 'utf8');
const MIB = 1024 * 1024;
const HOSTILE = '</script><img src=x onerror="window.broken = 1">{{data}}$&';

function directory(): string {
  const made = mkdtempSync(join(tmpdir(), 'memtool-page-'));
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

/** The page of these recordings. */
async function pageOf(...texts: string[]): Promise<string> {
  const folder = directory();
  const judged = await Promise.all(
    texts.map(async (text, place) => {
      const file = join(folder, `run-${place}.jsonl`);
      writeFileSync(file, text);
      return judgeRecording(await readRecording(file), `run-${place}.jsonl`);
    }),
  );
  const [baseline, current] = judged;
  return renderTrendPage(
    {
      schemaVersion: 1,
      command: 'report',
      processes: judged.map(({ report }) => report),
      ...(baseline && current ? { differences: differencesOf(baseline, current) } : {}),
    },
    plotsOf(judged),
    PAGE,
  );
}

describe('the page of a recording', () => {
  test('needs nothing from anywhere, and its policy forbids it', async () => {
    const html = await pageOf(recordingText(2 * MIB));
    expect(html.replace(/<script>.*<\/script>/s, '')).not.toMatch(/(src|href)=|url\(|https?:/);
    expect(html).toContain("default-src 'none'");
  });

  test('takes what is in names for text', async () => {
    const html = await pageOf(recordingText(0, { header: { name: HOSTILE, nodeVersion: HOSTILE } }));
    expect(html).not.toContain('<img');
    expect(html.match(/<script/g)).toHaveLength(2);
  });
});

describe.skipIf(CHROMIUM === undefined)('in a browser (Chromium; skipped where there is none)', () => {
  let browser: Browser | undefined;
  beforeAll(() => {
    if (CHROMIUM !== undefined) browser = new Browser(CHROMIUM);
  });
  afterAll(() => browser?.close());

  async function show(html: string, scheme: 'light' | 'dark' = 'light'): Promise<Page> {
    if (!browser) throw new Error('there is no browser');
    const file = join(directory(), 'run.html');
    writeFileSync(file, html);
    const page = await browser.open(file, scheme);
    await page.until('document.querySelectorAll("canvas").length > 0');
    return page;
  }

  /** Times at the first and the last tick that uPlot has in view, of each plot. */
  const VIEWS = `memtoolPlots().map(({ min, max }) => [Math.round(min), Math.round(max)])`;

  test('every series has a plot, with its verdict', async () => {
    const page = await show(await pageOf(recordingText(2 * MIB)));
    expect(await page.evaluate('[...document.querySelectorAll("h3")].map((one) => one.textContent)')).toEqual([
      'RSSsettled',
      'heapgrowing',
      'pool orders-api / cachesettled',
    ]);
  });

  test('what is dragged across in one plot is zoomed in all, Escape shows all again', async () => {
    const page = await show(await pageOf(recordingText(2 * MIB)));
    const all = await page.evaluate(VIEWS);
    expect(all).toEqual(
      [
        [0, 600],
        [0, 600],
        [0, 600],
      ].map(() => [expect.any(Number), expect.any(Number)]),
    );
    await drag(page, 0.25, 0.5);
    const views = JSON.parse(String(await page.evaluate(`JSON.stringify(${VIEWS})`)));
    const [first, second]: [number, number][] = views;
    expect(first).toEqual(second);
    expect((first?.[1] ?? 0) - (first?.[0] ?? 0)).toBeLessThan(200);
    await page.press('Escape');
    await page.until(`JSON.stringify(${VIEWS}) === ${JSON.stringify(JSON.stringify(all))}`);
  });

  test('two recordings are in the same plots, and their difference is first', async () => {
    const page = await show(await pageOf(recordingText(0), recordingText(2 * MIB)));
    expect(await page.evaluate('document.querySelectorAll("canvas").length')).toBe(3);
    expect(await page.evaluate('document.querySelector("h2").textContent')).toContain('Current against baseline');
    expect(await page.evaluate('document.querySelector(".u-legend").textContent')).toContain('baseline judged');
  });

  test('it can be read on light and on dark, and something is drawn', async () => {
    const html = await pageOf(recordingText(2 * MIB));
    for (const scheme of ['light', 'dark'] as const) {
      const page = await show(html, scheme);
      expect(await page.evaluate('getComputedStyle(document.body).backgroundColor')).toBe(
        { light: 'rgb(253, 253, 252)', dark: 'rgb(24, 24, 27)' }[scheme],
      );
      expect(await page.evaluate(DRAWN)).toBe(true);
    }
  });

  test('names are text there, too, and run nothing', async () => {
    const page = await show(await pageOf(recordingText(0, { header: { name: HOSTILE } })));
    expect(await page.evaluate('[window.broken ?? null, document.images.length]')).toEqual([null, 0]);
    expect(await page.evaluate('document.querySelector("h1").textContent')).toContain(HOSTILE);
  });
});

/** By the mouse, from one share of the first plot's width to another. */
async function drag(page: Page, from: number, to: number): Promise<void> {
  await page.evaluate('document.querySelector(".u-over").scrollIntoView()');
  const at = async (share: number): Promise<{ x: number; y: number; button: string; clickCount: number }> => {
    const box = 'document.querySelector(".u-over").getBoundingClientRect()';
    const x = Number(await page.evaluate(`${box}.x + ${box}.width * ${share}`));
    return { x, y: Number(await page.evaluate(`${box}.y + 60`)), button: 'left', clickCount: 1 };
  };
  const [start, end] = [await at(from), await at(to)];
  await page.ask('Input.dispatchMouseEvent', { ...start, type: 'mouseMoved' });
  await page.ask('Input.dispatchMouseEvent', { ...start, type: 'mousePressed' });
  await page.ask('Input.dispatchMouseEvent', { ...end, type: 'mouseMoved', buttons: 1 });
  await page.ask('Input.dispatchMouseEvent', { ...end, type: 'mouseReleased' });
}

const DRAWN = `[...document.querySelectorAll('canvas')].every((one) =>
  one.getContext('2d').getImageData(0, 0, one.width, one.height).data.some((value) => value > 0))`;
