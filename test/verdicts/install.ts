import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { setup as build } from '../build.ts';

const CACHE = fileURLToPath(new URL('../../node_modules/.cache/memtool-packages/', import.meta.url));

/**
 * p-map up to 7.0.2 never removes its listener from the signal it is given (https://github.com/sindresorhus/p-map/issues/75);
 * 7.0.3 does (https://github.com/sindresorhus/p-map/pull/81).
 */
export const LEAKY = 'p-map@7.0.2';
export const FIXED = 'p-map@7.0.3';

/** Where a package was installed, in its node_modules. */
export function directoryOf(nameAndVersion: string): string {
  return `${CACHE}${nameAndVersion}`;
}

export function setup(): void {
  build();
  for (const each of [LEAKY, FIXED]) {
    const directory = directoryOf(each);
    if (existsSync(`${directory}/node_modules/p-map/package.json`)) continue;
    mkdirSync(directory, { recursive: true });
    execFileSync('npm', ['install', '--prefix', directory, '--no-audit', '--no-fund', '--loglevel=error', each], {
      stdio: 'inherit',
    });
  }
}
