import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/** What the threads of an accuracy run execute: worker threads of Node 20 take no TypeScript. */
export class Scripts {
  readonly worker: string;
  readonly observer: string;
  private readonly directory: string;

  private constructor(directory: string) {
    this.directory = directory;
    this.worker = join(directory, 'accuracy-worker.mjs');
    this.observer = join(directory, 'accuracy-observer.mjs');
  }

  /** Bundled with the library from its sources, as dist/ is. */
  static async build(): Promise<Scripts> {
    const outdir = mkdtempSync(join(tmpdir(), 'memtool-accuracy-'));
    await build({
      entryPoints: ['accuracy-worker.ts', 'accuracy-observer.ts'].map((name) =>
        fileURLToPath(new URL(name, import.meta.url)),
      ),
      outdir,
      outExtension: { '.js': '.mjs' },
      bundle: true,
      platform: 'node',
      target: 'node20',
      format: 'esm',
      minifySyntax: true,
    });
    return new Scripts(outdir);
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}
