import { fileURLToPath } from 'node:url';

/** The last one: pnpm nests them, and packages bring packages of their own. */
const PACKAGE = /^.*[/\\]node_modules[/\\]((?:@[^/\\]+[/\\])?[^/\\]+)[/\\]?/s;

/** Modules are named by URLs, or by paths, after how they were loaded. */
export function pathOf(url: string): string {
  if (!url.startsWith('file:')) return url;
  try {
    return fileURLToPath(url);
  } catch {
    return url;
  }
}

/** The package that a file belongs to, as `@scope/name`; `null` for the application's own. */
export function packageOf(file: string): string | null {
  return PACKAGE.exec(file)?.[1]?.replace('\\', '/') ?? null;
}

/** The way to a file from within its package. */
export function pathInPackage(file: string): string {
  return file.slice(PACKAGE.exec(file)?.[0].length ?? 0);
}
