import { MemtoolError } from '../errors.ts';
import { packageVersion } from './version.ts';
import { EXIT_NOTHING, type Context } from './context.ts';
import { DEFINITIONS } from './definitions.ts';

/** Whoever presses a key waits for no longer. */
const CANDIDATES_WAIT_MS = 1000;
/** Kinds that are not for the shell to choose from: what the printed script asks for, and the man page of a build. */
const LIVE = ['target', 'agent', 'bare', 'ended', 'pool'] as const;
type Live = (typeof LIVE)[number];

/** `memtool completion <bash|zsh|fish>` */
export async function completion([shell = '']: string[], context: Context): Promise<number> {
  const manual = await import('../manual/manual.ts');
  const write = (text: string): number => {
    context.output.write(text);
    return EXIT_NOTHING;
  };
  switch (shell) {
    case 'bash':
      return write(manual.bashCompletion(DEFINITIONS));
    case 'zsh':
      return write(manual.zshCompletion(DEFINITIONS));
    case 'fish':
      return write(manual.fishCompletion(DEFINITIONS));
    case 'man':
      return write(manual.manPage(DEFINITIONS, { version: packageVersion(), date: buildDate() }));
    default:
      if (isLive(shell)) return write(await candidatesInTime(shell, context));
      throw new MemtoolError('MEMTOOL_USAGE', `There is no completion for ${JSON.stringify(shell)}.`, {
        hint: 'Give one of bash, zsh, fish.',
      });
  }
}

/** What could be meant, a word and a description a line; nothing when that cannot be told quickly. */
async function candidatesInTime(kind: Live, context: Context): Promise<string> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve(''), CANDIDATES_WAIT_MS);
  });
  try {
    const { candidates } = await import('./candidates.ts');
    return await Promise.race([candidates(kind, context), late]);
  } catch {
    // Nobody wants to read a failure between two words that are typed.
    return '';
  } finally {
    clearTimeout(timer);
  }
}

function isLive(shell: string): shell is Live {
  return LIVE.some((kind) => kind === shell);
}

/** So that the same source gives the same page: reproducible-builds.org. */
function buildDate(): Date {
  const seconds = process.env['SOURCE_DATE_EPOCH'];
  return seconds === undefined ? new Date() : new Date(Number(seconds) * 1000);
}
