import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { escapeHtml } from '../../src/render/html.ts';
import { renderFlamegraph } from '../../src/render/profile/flamegraph.ts';
import type { ProcessProfile } from '../../src/report/profile.ts';
import { Browser, CHROMIUM, type Page } from './browser.ts';
import { KIB, node, ordersProfile, processProfile } from './profile-sample.ts';

const PAGE = readFileSync(new URL('../../dist/flamegraph.html', import.meta.url), 'utf8');

/** What ends a script, a comment, an attribute or a template, in a name that a stranger's program may have. */
const HOSTILE = [
  '</script><script>window.broken = 1</script>',
  '<!--<script>',
  '"><img src=x onerror="window.broken = 2">',
  '{{data}}{{script}}',
  "$& $' $` ${x}",
  '\u2028\u2029\ud800\u0000',
  '&lt;b&gt;',
];

function hostileProfile(): ProcessProfile {
  const children = HOSTILE.map((name) => node({ name, url: `/srv/${name}.js`, line: 1, column: 1 }, 64 * KIB));
  return processProfile(node({ name: '(root)' }, 0, ...children), { name: HOSTILE.join(' ') });
}

function dataOf(html: string): unknown {
  return JSON.parse(/<script type="application\/json" id="data">([^<]*)<\/script>/.exec(html)?.[1] ?? '');
}

describe('the page of a flame graph', () => {
  const html = renderFlamegraph(ordersProfile(), PAGE);

  test('says of what, when, how long it was watched, how it was sampled and what it cost', () => {
    const text = html.slice(html.indexOf('<h1>'), html.indexOf('<div id="tools"')).replace(/<[^>]*>/g, ' ');
    expect(text.replace(/\s+/g, ' ').trim()).toMatchInlineSnapshot(
      `"Live memory of orders-api (4242) Process orders-api, pid 4242, Node 20.20.2, up 1h Taken 2026-01-02 03:04:05 UTC Live 480.0 KiB of the V8 heap, told from 4 samples Sample interval 512.0 KiB Watched for 5m 12s; what was allocated before is not shown, nor are buffers Pause 61 ms"`,
    );
  });

  test('lists the functions that hold most, for those who see no graph', () => {
    const rows = [
      ...html.matchAll(/<tr><td>(.*?)<\/td><td>(.*?)<\/td><td><i class="(\w+)"><\/i>(.*?)<\/td><td>(.*?)<\/td>/g),
    ];
    expect(rows.map(([, ...cells]) => cells)).toEqual([
      ['256.0 KiB', '53.3 %', 'package', 'parse', '/srv/orders/node_modules/@scope/csv/index.js:1:21'],
      ['128.0 KiB', '26.7 %', 'application', '(anonymous) rows.js:5:12', '/srv/orders/rows.js:5:12'],
      ['64.0 KiB', '13.3 %', 'application', 'load', '/srv/orders/cache file.js:10:5'],
      ['32.0 KiB', '6.7 %', 'node', 'readFileSync', 'node:fs:501:1'],
    ]);
  });

  test('needs nothing from anywhere, and its policy forbids it', () => {
    expect(html).not.toMatch(/(src|href)=|url\(|import\(|https?:/);
    expect(html).toContain("default-src 'none'");
    expect(html).not.toMatch(/\{\{\w+\}\}/);
  });

  test('takes what is in names for text', () => {
    const hostile = renderFlamegraph(hostileProfile(), PAGE);
    expect(hostile.match(/<script/g)).toHaveLength(2);
    expect(hostile).not.toContain('<img');
    expect(dataOf(hostile)).toMatchObject({ frames: [{}, ...HOSTILE.map((name) => ({ name }))] });
  });

  test('has no other elements, whatever the names are', () => {
    const elements = html.match(/<[a-z!/]/g)?.length;
    const name = fc.string({
      unit: fc.constantFrom('<', '>', '/', '!', '-', '"', "'", '&', '{{', '}}', '$', 'script', 'data'),
    });
    fc.assert(
      fc.property(name, name, (first, second) => {
        const found = ordersProfile();
        found.name = second;
        for (const child of found.profile.head.children) child.callFrame.functionName = `${first}x`;
        const strange = renderFlamegraph(found, PAGE);
        expect(strange.match(/<[a-z!/]/g)?.length).toBe(elements);
        expect(dataOf(strange)).toMatchObject({ stacks: expect.any(Array) });
      }),
    );
  });

  test('escapes what HTML reads', () =>
    expect(escapeHtml(`<a b="c" d='e'>&`)).toBe('&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;'));
});

describe.skipIf(CHROMIUM === undefined)('in a browser (Chromium; skipped where there is none)', () => {
  let browser: Browser | undefined;
  beforeAll(() => {
    if (CHROMIUM !== undefined) browser = new Browser(CHROMIUM);
  });
  afterAll(() => browser?.close());

  async function show(found: ProcessProfile, scheme: 'light' | 'dark' = 'light'): Promise<Page> {
    if (!browser) throw new Error('there is no browser');
    const directory = mkdtempSync(join(tmpdir(), 'memtool-page-'));
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
    const file = join(directory, 'heap.html');
    writeFileSync(file, renderFlamegraph(found, PAGE));
    return browser.open(file, scheme);
  }

  /** Label, row, and the share of the width, in percent. */
  const FRAMES = `[...document.querySelectorAll('.frame')].map((one) =>
    [one.textContent, parseInt(one.style.top) / 22, Math.round(parseFloat(one.style.left)), Math.round(parseFloat(one.style.width))])`;

  test('callers are above what they call, the largest on the left, as wide as what they hold', async () => {
    const page = await show(ordersProfile());
    expect(await page.evaluate(FRAMES)).toEqual([
      ['all 480.0 KiB', 0, 0, 100],
      ['load 448.0 KiB', 1, 0, 93],
      ['parse 256.0 KiB', 2, 0, 53],
      ['(anonymous) rows.js:5:12 128.0 KiB', 2, 53, 27],
      ['readFileSync 32.0 KiB', 1, 93, 7],
    ]);
    expect(await page.evaluate(`[...document.querySelectorAll('.frame')].map((one) => one.classList[1])`)).toEqual([
      'engine',
      'application',
      'package',
      'application',
      'node',
    ]);
  });

  test('a click zooms in and tells all of a frame, Escape shows all again', async () => {
    const page = await show(ordersProfile());
    await page.click('.frame.package');
    expect(await page.evaluate(FRAMES)).toEqual([
      ['all 480.0 KiB', 0, 0, 100],
      ['load 448.0 KiB', 1, 0, 100],
      ['parse 256.0 KiB', 2, 0, 100],
    ]);
    expect(await page.evaluate('document.getElementById("detail").textContent')).toBe(
      'parse (/srv/orders/node_modules/@scope/csv/index.js:1:21), of the package @scope/csv: 256.0 KiB, 53.3 % of all, 256.0 KiB of it itself',
    );
    await page.press('Escape');
    expect(await page.evaluate('document.querySelectorAll(".frame").length')).toBe(5);
  });

  test('arrows and Enter do it without a mouse', async () => {
    const page = await show(ordersProfile());
    await page.evaluate('document.querySelector(".frame[tabindex=\\"0\\"]").focus()');
    for (const key of ['ArrowDown', 'ArrowRight', 'ArrowLeft', 'ArrowDown', 'ArrowRight']) await page.press(key);
    expect(await page.evaluate('document.activeElement.textContent')).toBe('(anonymous) rows.js:5:12 128.0 KiB');
    expect(await page.evaluate('document.getElementById("detail").textContent')).toContain('26.7 % of all');
    await page.press('Enter');
    expect(await page.evaluate('document.activeElement.style.width')).toBe('100%');
    expect(await page.evaluate('document.querySelectorAll("[tabindex=\\"0\\"]").length')).toBe(1);
  });

  test('a search marks what it finds by name or file, and adds it up once', async () => {
    const page = await show(ordersProfile());
    await page.click('#search');
    await page.type('ORDERS');
    expect(await page.evaluate('document.getElementById("found").textContent')).toBe(
      '3 frames, 448.0 KiB, 93.3 % of all',
    );
    expect(await page.evaluate('document.querySelectorAll(".match").length')).toBe(3);
    await page.click('#reset');
    expect(await page.evaluate('document.getElementById("found").textContent')).toBe('');
  });

  test('what is written can be read on light and on dark', async () => {
    for (const scheme of ['light', 'dark'] as const) {
      const page = await show(ordersProfile(), scheme);
      expect(await page.evaluate(CONTRASTS)).toEqual([]);
      expect(await page.evaluate('getComputedStyle(document.body).backgroundColor')).toBe(
        { light: 'rgb(253, 253, 252)', dark: 'rgb(24, 24, 27)' }[scheme],
      );
    }
  });

  test('names are text there, too, and run nothing', async () => {
    const page = await show(hostileProfile());
    expect(await page.evaluate('window.broken')).toBe(undefined);
    expect(await page.evaluate('document.images.length')).toBe(0);
    expect(await page.evaluate('document.querySelectorAll(".frame").length')).toBe(HOSTILE.length + 1);
    expect(await page.evaluate('document.querySelectorAll(".frame")[1].textContent')).toBe(`${HOSTILE[0]} 64.0 KiB`);
  });

  test('a thousand frames that are too narrow to see are not drawn, and zooming in draws them', async () => {
    const many = Array.from({ length: 3000 }, (_, index) =>
      node({ name: `f${index}`, url: '/srv/many.js', line: index }, 1),
    );
    const head = node({ name: '(root)' }, 0, node({ name: 'many' }, 0, ...many), node({ name: 'one' }, 100_000));
    const page = await show(processProfile(head));
    expect(await page.evaluate('document.querySelectorAll(".frame").length')).toBe(3);
    await page.click('.frame:nth-child(3)');
    expect(await page.evaluate('document.querySelectorAll(".frame").length')).toBe(2);
  });

  test('a profile of nothing says so', async () => {
    const page = await show(processProfile(node({ name: '(root)' }, 0)));
    expect(await page.evaluate('document.getElementById("graph").textContent')).toContain('Nothing');
  });
});

/** Every frame whose text has less than 4.5 times the contrast of its ground (WCAG 2, AA). */
const CONTRASTS = `(() => {
  const channels = (color) => color.match(/[\\d.]+/g).slice(0, 3).map((value) => value / 255)
    .map((value) => (value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
  const luminance = ([red, green, blue]) => 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  return [...document.querySelectorAll('.frame')].filter((one) => {
    const { color, backgroundColor } = getComputedStyle(one);
    const [dark, light] = [color, backgroundColor].map((value) => luminance(channels(value))).sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05) < 4.5;
  }).map((one) => one.textContent);
})()`;
