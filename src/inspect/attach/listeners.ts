import { closeSync, openSync, readdirSync, readlinkSync, readSync } from 'node:fs';

/** A listening TCP socket. */
export interface Listener {
  address: string;
  port: number;
  inode: string;
}

type TableName = 'tcp' | 'tcp6';

const LISTENING = '0A';
const CHUNK_BYTES = 32 * 1024;

/** Those of a process' network namespace. The kernel lists them first, so that little of a long table is read. */
export function listListeners(pid: number, tables: readonly TableName[] = ['tcp', 'tcp6']): Listener[] {
  return tables.flatMap((table) => readTable(`/proc/${pid}/net/${table}`));
}

/** Those among them that the process itself has. */
export function ownListeners(pid: number, among: Listener[] = listListeners(pid)): Listener[] {
  if (among.length === 0) return [];
  const own = socketInodes(pid);
  return among.filter(({ inode }) => own.has(inode));
}

function readTable(path: string): Listener[] {
  const found: Listener[] = [];
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    return found;
  }
  try {
    const buffer = Buffer.alloc(CHUNK_BYTES);
    let rest = '';
    for (;;) {
      const bytes = readSync(file, buffer, 0, buffer.length, null);
      if (bytes === 0) return found;
      const lines = (rest + buffer.toString('latin1', 0, bytes)).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const [slot, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/);
        if (slot === 'sl') continue;
        if (state !== LISTENING) return found;
        const [address = '', port = ''] = local.split(':');
        found.push({ address: decodeAddress(address), port: Number.parseInt(port, 16), inode });
      }
    }
  } finally {
    closeSync(file);
  }
}

function socketInodes(pid: number): Set<string> {
  const inodes = new Set<string>();
  let descriptors: string[];
  try {
    descriptors = readdirSync(`/proc/${pid}/fd`);
  } catch {
    return inodes;
  }
  for (const descriptor of descriptors) {
    try {
      const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${descriptor}`))?.[1];
      if (inode !== undefined) inodes.add(inode);
    } catch {
      // Closed meanwhile.
    }
  }
  return inodes;
}

/** `0100007F` as `127.0.0.1`; of version 6 only what the inspector may listen on is told apart. */
function decodeAddress(hex: string): string {
  if (hex.length === 8) {
    const bytes = hex.match(/../g) ?? [];
    return bytes
      .toReversed()
      .map((byte) => Number.parseInt(byte, 16))
      .join('.');
  }
  if (/^0+$/.test(hex)) return '::';
  return hex === '00000000000000000000000001000000' ? '::1' : hex;
}
