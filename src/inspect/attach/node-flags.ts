import { readFileSync } from 'node:fs';
import { readCommandLine } from '../command-line.ts';

/** What the command line and NODE_OPTIONS say of where the inspector opens, and whether. */
export interface NodeFlags {
  port: number;
  /** It was started with the inspector open. */
  isInspected: boolean;
  /** It listens, and does not say where to connect. */
  isUnlisted: boolean;
  disablesSigusr1: boolean;
  hasPermissionModel: boolean;
}

const INSPECTOR_PORT = 9229;

export function readNodeFlags(pid: number): NodeFlags {
  const flags: NodeFlags = {
    port: INSPECTOR_PORT,
    isInspected: false,
    isUnlisted: false,
    disablesSigusr1: false,
    hasPermissionModel: false,
  };
  for (const word of [...nodeOptions(pid), ...optionsBeforeScript(readCommandLine(pid))]) {
    const [, name = '', value = ''] =
      /^--(inspect|inspect-brk|inspect-wait|inspect-port|debug-port)(?:=(.*))?$/.exec(word) ?? [];
    if (name.startsWith('inspect') && name !== 'inspect-port') flags.isInspected = true;
    const port = name === '' ? undefined : /(?:^|:)(\d+)$/.exec(value)?.[1];
    if (port !== undefined) flags.port = Number(port);
    const published = /^--inspect-publish-uid=(.*)$/.exec(word)?.[1];
    if (published !== undefined && !published.split(',').includes('http')) flags.isUnlisted = true;
    if (word === '--disable-sigusr1') flags.disablesSigusr1 = true;
    if (word === '--permission' || word === '--experimental-permission') flags.hasPermissionModel = true;
  }
  return flags;
}

function optionsBeforeScript([, ...words]: string[]): string[] {
  const end = words.findIndex((word) => !word.startsWith('-') || word === '--');
  return end < 0 ? words : words.slice(0, end);
}

function nodeOptions(pid: number): string[] {
  try {
    const environment = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
    const options = environment.find((line) => line.startsWith('NODE_OPTIONS='))?.slice('NODE_OPTIONS='.length) ?? '';
    return options.split(/\s+/).filter((word) => word !== '');
  } catch {
    return [];
  }
}
