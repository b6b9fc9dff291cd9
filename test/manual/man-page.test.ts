import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { DEFINITIONS } from '../../src/commands/definitions.ts';
import { optionsOf, shapeOf } from '../../src/manual/verb.ts';
import { hasProgram } from '../commands/container.ts';

/** As it was built. */
const PAGE = fileURLToPath(new URL('../../dist/memtool.1', import.meta.url));
const source = readFileSync(PAGE, 'utf8');

function run(command: string, words: string[]): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(command, words, {
    encoding: 'utf8',
    env: { ...process.env, MANWIDTH: '80' },
  });
  return { status, output: stdout + stderr };
}

test('is where package.json says, in the version that this is', () => {
  expect(PAGE.endsWith(packageJson.man)).toBe(true);
  expect(source).toContain(`This is version ${packageJson.version}.`);
});

test('has every verb with every option of its own, and the common ones once', () => {
  for (const verb of DEFINITIONS) {
    const section = source.slice(source.indexOf(`.Ss memtool ${verb.name}\n`)).split(/\n\.S[sh] /)[0] ?? '';
    expect(section, verb.name).toContain(`.Ss memtool ${verb.name}`);
    for (const option of verb.options) {
      for (const name of shapeOf(option).names) expect(section).toContain(`Fl ${name.slice(1).replaceAll('-', '\\-')}`);
    }
    for (const example of verb.examples) expect(section.replaceAll('\\', '')).toContain(example);
  }
  const common = source.slice(source.indexOf('.Sh COMMON OPTIONS'));
  for (const option of optionsOf({ options: [], watchable: true })) {
    for (const name of shapeOf(option).names) expect(common).toContain(`Fl ${name.slice(1).replaceAll('-', '\\-')}`);
  }
});

test.skipIf(!hasProgram('mandoc'))('mandoc has nothing to say of it (needs mandoc)', () => {
  expect(run('mandoc', ['-T', 'lint', PAGE])).toEqual({ status: 0, output: '' });
});

test.skipIf(!hasProgram('groff'))('groff has nothing to say of it (needs groff)', () => {
  const { status, stderr } = spawnSync('groff', ['-ww', '-mdoc', '-Tutf8', PAGE], { encoding: 'utf8' });
  expect([status, stderr]).toEqual([0, '']);
});

test.skipIf(!hasProgram('mandoc'))('what is read fits 80 columns', () => {
  const lines = run('mandoc', ['-T', 'utf8', '-O', 'width=78', PAGE]).output.split('\n');
  expect(lines.filter((line) => widthOf(line) > 80)).toEqual([]);
});

/** A terminal sees a bold character as one that is typed over itself. */
function widthOf(line: string): number {
  return line.length - 2 * (line.split('\b').length - 1);
}
