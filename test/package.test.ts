import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const root = new URL('../', import.meta.url);

interface PackageJson {
  bin: Record<string, string>;
  exports: Record<string, string | { types: string; default: string }>;
}

const { bin, exports }: PackageJson = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));

/** What `npm install memtool` brings. */
function packed(): string[] {
  const output = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const answer: { files: { path: string }[] }[] | Record<string, { files: { path: string }[] }> = JSON.parse(output);
  return Object.values(answer).flatMap(({ files }) => files.map(({ path }) => path));
}

test('what the package names is in it, and nothing of the tests is', () => {
  const files = packed();
  const targets = Object.values(exports).flatMap((target) => (typeof target === 'string' ? [] : [target]));
  for (const file of [...Object.values(bin), ...targets.map((target) => target.default)]) {
    expect(files).toContain(file.replace(/^\.\//, ''));
  }
  // The tests build no declarations: of these only the source can be looked for.
  for (const { types } of targets) {
    expect(existsSync(new URL(types.replace('./dist/types/', 'src/').replace(/\.d\.ts$/, '.ts'), root)), types).toBe(
      true,
    );
  }
  expect(files.filter((file) => /(^|\/)(test|bench|node_modules)\//.test(file))).toEqual([]);
});

test.each(Object.keys(exports).filter((entry) => entry !== './package.json'))(
  '%s can be imported, and keeps no process alive',
  (entry) => {
    const specifier = entry.replace(/^\./, 'memtool');
    const script = `process.stdout.write(String(Object.keys(await import(${JSON.stringify(specifier)})).length >= 0))`;
    const output = execFileSync(process.execPath, ['--input-type=module', '--eval', script], {
      cwd: root,
      encoding: 'utf8',
      timeout: 20_000,
    });
    expect(output).toBe('true');
  },
);
