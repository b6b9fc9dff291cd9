import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { setup as build } from '../build.ts';

/** What users run. */
export const MAJORS = [20, 22, 24, 26] as const;

const CACHE = fileURLToPath(new URL('../../node_modules/.cache/memtool-targets/', import.meta.url));

/** The executable of a Node.js version, as the npm package `node` brings it. */
export function executable(major: number): string {
  return `${CACHE}${major}/node_modules/node/bin/node`;
}

export function setup(): void {
  build();
  for (const major of MAJORS) {
    if (existsSync(executable(major))) continue;
    const directory = `${CACHE}${major}`;
    mkdirSync(directory, { recursive: true });
    execFileSync(
      'npm',
      ['install', '--prefix', directory, '--no-audit', '--no-fund', '--loglevel=error', `node@${major}`],
      {
        stdio: 'inherit',
      },
    );
  }
}
