import { readFileSync, statSync } from 'node:fs';
import { SourceMap, type SourceMapping } from 'node:module';
import { dirname, isAbsolute, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The agent's own heap is small, and a map takes ten times its size while it is read. */
const MAP_BYTES_MAX = 8 * 1024 * 1024;
const SCRIPT_BYTES_MAX = 32 * 1024 * 1024;
const FILES_MAX = 32;

const FRAME = /^(.*) \((\/.*):(\d+):(\d+)\)$/s;
const COMMENT = /^\/\/[#@] sourceMappingURL=(\S+)\s*$/gm;
const DATA = /^data:application\/json[^,]*?(;base64)?,(.*)$/s;

interface MapOfFile {
  map: SourceMap;
  /** What its sources are relative to. */
  directory: string;
}

/** Tells the places of compiled files as their sources have them, where the files say what their maps are. */
export class SourceMaps {
  readonly #files = new Map<string, MapOfFile | undefined>();

  /** Of a frame `fn (file:line:col)`; any other, and one without a map, stays as it is. */
  original(frame: string): string {
    const [, fn = '', file, line, column] = FRAME.exec(frame) ?? [];
    const known = file === undefined ? undefined : this.#mapOf(file);
    if (!known) return frame;
    const entry = known.map.findEntry(Number(line) - 1, Number(column) - 1);
    if (!isMapping(entry)) return frame;
    const source = sourcePath(entry.originalSource, known.directory);
    return `${entry.name ?? fn} (${source}:${entry.originalLine + 1}:${entry.originalColumn + 1})`;
  }

  #mapOf(file: string): MapOfFile | undefined {
    if (this.#files.has(file)) return this.#files.get(file);
    if (this.#files.size >= FILES_MAX) return undefined;
    const found = readMap(file);
    this.#files.set(file, found);
    return found;
  }
}

/** @returns `undefined` when there is none, or none that can be read */
function readMap(file: string): MapOfFile | undefined {
  try {
    if (statSync(file).size > SCRIPT_BYTES_MAX) return undefined;
    const url = [...readFileSync(file, 'utf8').matchAll(COMMENT)].at(-1)?.[1];
    if (url === undefined) return undefined;
    const [, isBase64, data] = DATA.exec(url) ?? [];
    if (data !== undefined) {
      if (data.length > MAP_BYTES_MAX) return undefined;
      const text = isBase64 === undefined ? decodeURIComponent(data) : Buffer.from(data, 'base64').toString('utf8');
      return { map: new SourceMap(JSON.parse(text)), directory: dirname(file) };
    }
    const path = url.startsWith('file:') ? fileURLToPath(url) : resolve(dirname(file), decodeURIComponent(url));
    if (statSync(path).size > MAP_BYTES_MAX) return undefined;
    return { map: new SourceMap(JSON.parse(readFileSync(path, 'utf8'))), directory: dirname(path) };
  } catch {
    return undefined;
  }
}

function sourcePath(source: string, directory: string): string {
  if (source.startsWith('file:')) return fileURLToPath(source);
  // `webpack://app/./src/x.ts`: a name of the bundler's, and no place in the file system.
  return /^[a-z][a-z0-9+.-]*:/i.test(source) || isAbsolute(source) ? source : resolve(directory, source);
}

function isMapping(entry: object): entry is SourceMapping & { name?: string } {
  return 'originalSource' in entry && typeof entry.originalSource === 'string';
}
