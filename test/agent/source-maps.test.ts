import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { expect, test } from 'vitest';
import { SourceMaps } from '../../src/agent/source-maps.ts';
import { freshDirectory } from '../commands/memtool.ts';

const SOURCE = `export interface Order { id: number }
const kept: Order[] = [];

export function remember(order: Order): void {
  kept.push({ ...order });
}
globalThis.remember = remember;
`;

/** Where the compiled file has the function. */
function built(sourcemap: true | 'inline'): { directory: string; frame: string } {
  const directory = freshDirectory();
  writeFileSync(join(directory, 'orders.ts'), SOURCE);
  const outfile = join(directory, 'out.js');
  const { outputFiles } = buildSync({
    entryPoints: [join(directory, 'orders.ts')],
    outfile,
    sourcemap,
    minify: true,
    format: 'iife',
    bundle: true,
    write: false,
  });
  for (const { path, contents } of outputFiles) writeFileSync(path, contents);
  const text = outputFiles.find(({ path }) => path === outfile)?.text ?? '';
  const [name = ''] = /(?<=function )\w+(?=\(\w+\)\{)/.exec(text) ?? [];
  const offset = text.indexOf(`function ${name}(`) + 'function '.length;
  const lines = text.slice(0, offset).split('\n');
  return { directory, frame: `${name} (${outfile}:${lines.length}:${(lines.at(-1) ?? '').length + 1})` };
}

test.each([true, 'inline'] as const)(
  'a place in a compiled file is told as its source has it (map: %s)',
  (sourcemap) => {
    const { directory, frame } = built(sourcemap);
    expect(new SourceMaps().original(frame)).toBe(`remember (${join(directory, 'orders.ts')}:4:17)`);
  },
);

test('what has no map, or a broken one, stays as it is', () => {
  const directory = freshDirectory();
  const broken = join(directory, 'broken.js');
  writeFileSync(broken, 'let a;\n//# sourceMappingURL=broken.js.map\n');
  writeFileSync(`${broken}.map`, '{ "version": 3');
  const plain = join(directory, 'plain.js');
  writeFileSync(plain, 'let a;\n');
  const maps = new SourceMaps();
  for (const frame of [`f (${broken}:1:1)`, `f (${plain}:1:1)`, 'f (/nowhere/x.js:1:1)', 'push', 'f (node:fs:1:1)'])
    expect(maps.original(frame)).toBe(frame);
});
