import { execFileSync } from 'node:child_process';

/** The CLI tests run the real `bin`, so `dist/` must be what `src/` says. */
export function setup(): void {
  execFileSync(process.execPath, ['esbuild.config.js'], { stdio: 'inherit' });
}
