import { expect, test } from 'vitest';
import { DEFINITIONS } from '../../src/commands/definitions.ts';
import { renderHelp } from '../../src/manual/help.ts';
import { GROUP_TITLES, GROUPS } from '../../src/manual/verb.ts';

const help = renderHelp(DEFINITIONS);

test('every verb is in it, below the title of its group, in 80 columns', () => {
  for (const { name, group, summary } of DEFINITIONS) {
    const section = help.slice(help.indexOf(GROUP_TITLES[group])).split('\n\n')[0];
    expect(section).toMatch(new RegExp(`^  ${name}( .*)? ${escaped(summary)}$`, 'm'));
  }
  expect(Math.max(...help.split('\n').map(({ length }) => length))).toBeLessThanOrEqual(80);
});

test('it begins with the four verbs, each with an example, and the groups have their order', () => {
  const [, first = ''] = help.split('\n\n');
  expect(first.split('\n')).toHaveLength(9);
  const lines = help.split('\n');
  const titles = GROUPS.map((group) => lines.indexOf(GROUP_TITLES[group]));
  expect(titles).toEqual(titles.toSorted((a, b) => a - b));
  expect(titles).not.toContain(-1);
});

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
