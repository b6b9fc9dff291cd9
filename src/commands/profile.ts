import { readFile } from 'node:fs/promises';
import { MemtoolError } from '../errors.ts';
import { askProfile } from '../inspect/client.ts';
import { open, type Target } from '../inspect/open.ts';
import { SCHEMA_VERSION } from '../report/document.ts';
import {
  PROFILE_FORMATS,
  type ProcessExport,
  type ProcessProfile,
  type ProfileFormat,
  type ProfileReport,
} from '../report/profile.ts';
import type * as Formats from '../render/profile/formats.ts';
import { collectEach, identify, needsAgent, nothingRunning } from './collect.ts';
import { EXIT_NOTHING, type Context } from './context.ts';
import { readMaxPause } from './max-pause.ts';
import { checkName, fileStem, OutputFile } from './output-file.ts';
import { exitCodeOf, show } from './show.ts';

export interface ProfileFlags {
  format?: string;
  output?: string;
  force?: boolean;
  maxPause?: string;
}

interface ExportRequest {
  format: ProfileFormat;
  output?: string;
  force?: boolean;
  /** The reading is not made when the application would probably stand still for longer. */
  pauseSecondsMax: number;
}

const STDOUT = '-';
const EXTENSIONS: Readonly<Record<ProfileFormat, string>> = {
  heapprofile: 'heapprofile',
  pprof: 'pb.gz',
  flamegraph: 'html',
};

/** `memtool profile <target> [--format heapprofile|pprof|flamegraph] [-o FILE] [--force] [--max-pause 1s]` */
export async function profile(target: string, flags: ProfileFlags, context: Context): Promise<number> {
  const format = readFormat(flags.format);
  const pauseSecondsMax = readMaxPause(flags.maxPause);
  const toStdout = flags.output === STDOUT;
  if (flags.output !== undefined && !toStdout) checkName(flags.output);
  if (toStdout) checkStdout(format, context);
  const targets = await open(target, context);
  if (targets.length === 0) throw nothingRunning();
  if (flags.output !== undefined && targets.length > 1) throw severalInOne(targets);
  return show<ProfileReport>(
    {
      collect: async () => ({
        schemaVersion: SCHEMA_VERSION,
        command: 'profile',
        processes: await collectEach(targets, (one) => exportOf(one, { ...flags, format, pauseSecondsMax }, context)),
      }),
      load: async () => (await loadFormats()).renderProfile,
      exitCode: ({ processes }) => exitCodeOf(processes, EXIT_NOTHING),
    },
    // What is said of the profile must not be in it.
    toStdout ? { ...context, output: context.errors } : context,
  );
}

async function exportOf(
  target: Target,
  { format, output, force = false, pauseSecondsMax }: ExportRequest,
  context: Context,
): Promise<ProcessExport> {
  if (target.kind === 'bare') throw needsAgent(target, 'only an agent can tell what holds its heap');
  const path = output ?? defaultName(identify(target), format);
  const file = path === STDOUT ? undefined : new OutputFile(path, force);
  // Reading a profile stops the application for a while: not for a file that cannot be written.
  await file?.check();
  const asked = await askProfile(target.agent, context.timeoutMs, pauseSecondsMax);
  const { withoutMarks, liveBytesOf } = await loadFormats();
  const found = { ...asked, profile: withoutMarks(asked.profile) };
  const content = await encode(found, format);
  if (file) await file.write(content);
  else await writeTo(context.output, content);
  const { profile: read, startedMs: _, endedMs: __, ...rest } = found;
  return {
    ...rest,
    file: path,
    format,
    bytes: content.length,
    liveBytes: liveBytesOf(read),
    samples: read.samples.length,
  };
}

async function encode(found: ProcessProfile, format: ProfileFormat): Promise<Uint8Array> {
  const { renderHeapprofile, encodePprof, renderFlamegraph } = await loadFormats();
  switch (format) {
    case 'heapprofile':
      return Buffer.from(renderHeapprofile(found.profile));
    case 'pprof':
      return encodePprof(found);
    case 'flamegraph':
      return Buffer.from(
        renderFlamegraph(found, await readFile(new URL('./flamegraph.html', import.meta.url), 'utf8')),
      );
  }
}

function loadFormats(): Promise<typeof Formats> {
  return import('../render/profile/formats.ts');
}

function readFormat(format: string = 'heapprofile'): ProfileFormat {
  const known = PROFILE_FORMATS.find((one) => one === format);
  if (known !== undefined) return known;
  throw new MemtoolError('MEMTOOL_INVALID_OPTION', `--format is ${JSON.stringify(format)}.`, {
    hint: `Give one of ${PROFILE_FORMATS.join(', ')}.`,
  });
}

function checkStdout(format: ProfileFormat, { json, output }: Context): void {
  if (json) {
    throw new MemtoolError(
      'MEMTOOL_USAGE',
      'With `-o -` the profile goes to stdout, and so does the report of --json.',
      {
        hint: 'Give a file: -o heap.heapprofile',
      },
    );
  }
  if (format === 'pprof' && output.isTTY) {
    throw new MemtoolError('MEMTOOL_USAGE', 'A pprof profile is binary, and stdout is a terminal.', {
      hint: 'Give a file: -o heap.pb.gz',
    });
  }
}

function severalInOne(targets: Target[]): MemtoolError {
  const [first] = targets;
  return new MemtoolError(
    'MEMTOOL_SEVERAL_PROCESSES',
    `There are ${targets.length} processes to choose from, and one output: ${targets
      .map(identify)
      .map(({ pid, name }) => `${pid} (${name})`)
      .join(', ')}.`,
    {
      hint: `Name one, for example \`memtool profile ${first ? identify(first).pid : ''}\`, or leave out -o for a file each.`,
    },
  );
}

/** In the current directory, and nowhere else whatever the process is called. */
function defaultName({ pid, name }: { pid: number; name: string }, format: ProfileFormat): string {
  return `${fileStem(name)}-${pid}.${EXTENSIONS[format]}`;
}

function writeTo(stream: NodeJS.WriteStream, content: Uint8Array): Promise<void> {
  // A stream that cannot be written says so to those who listen for its errors.
  return new Promise((done) => stream.write(content, () => done()));
}
