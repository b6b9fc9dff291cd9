import { readFileSync } from 'node:fs';

/** Resident memory of a process by what kind of mapping it is in; they add up to `rssBytes`. */
export interface MappedMemory {
  rssBytes: number;
  /** The program, libraries, and other files that are mapped. */
  fileBytes: number;
  stackBytes: number;
  /** Where V8 puts its pages: the heaps of all isolates, their code, WebAssembly memories, growable buffers. */
  v8Bytes: number;
  /** All that malloc and mmap gave: array buffers, and native memory. */
  otherBytes: number;
}

/** V8 asks for its pages at random addresses below this (46 bits); mmap and the stacks are above it. Seen so on Node 20 to 26, x86-64. */
const V8_ADDRESSES_END = 0x4000_0000_0000;
/** Below this are the program itself and its break heap. */
const V8_ADDRESSES_START = 0x1_0000_0000;
/** A thread's stack begins behind a page that may not be touched. */
const GUARD_BYTES = 4096;

const HEADER = /^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \d+\s*(.*)$/;

/**
 * Reads where a process' resident memory is. Takes the kernel 8 to 12 ms for a process of a gigabyte: not for every look.
 *
 * @returns `undefined` when there is no such process, it is not ours to read, or there is no /proc
 */
export function readMemoryMap(pid: number): MappedMemory | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/smaps`, 'latin1');
  } catch {
    return undefined;
  }
  // The kernel shows an empty map of a process that has just ended.
  return text === '' ? undefined : sumUp(text);
}

export function sumUp(smaps: string): MappedMemory {
  const sums = { fileBytes: 0, stackBytes: 0, v8Bytes: 0, otherBytes: 0 };
  let kind: keyof typeof sums = 'otherBytes';
  let guardEnd = -1;
  for (const line of smaps.split('\n')) {
    const resident = /^Rss:\s+(\d+) kB/.exec(line)?.[1];
    if (resident !== undefined) {
      sums[kind] += Number(resident) * 1024;
      continue;
    }
    const header = HEADER.exec(line);
    if (header === null) continue;
    const start = Number.parseInt(header[1] ?? '', 16);
    const end = Number.parseInt(header[2] ?? '', 16);
    const name = header[4] ?? '';
    if (name.startsWith('[stack') || (name === '' && start === guardEnd)) kind = 'stackBytes';
    else if (name.startsWith('/') || /^\[v(dso|var|syscall)/.test(name)) kind = 'fileBytes';
    else if (name !== '[heap]' && start >= V8_ADDRESSES_START && start < V8_ADDRESSES_END) kind = 'v8Bytes';
    else kind = 'otherBytes';
    guardEnd = header[3] === '---p' && end - start === GUARD_BYTES ? end : -1;
  }
  const rssBytes = sums.fileBytes + sums.stackBytes + sums.v8Bytes + sums.otherBytes;
  return { rssBytes, ...sums };
}
