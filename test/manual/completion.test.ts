import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { DEFINITIONS } from '../../src/commands/definitions.ts';
import { optionsOf, shapeOf } from '../../src/manual/verb.ts';
import { hasProgram } from '../commands/container.ts';
import { BIN, environment, freshDirectory, memtool, startAgent, startProgram } from '../commands/memtool.ts';

const VERBS = DEFINITIONS.map(({ name }) => name);

/** A directory in which `memtool` is found, as when it is installed. */
function installed(): { directory: string; env: NodeJS.ProcessEnv } {
  const directory = freshDirectory();
  const bin = join(directory, 'bin');
  mkdirSync(bin);
  writeFileSync(join(bin, 'memtool'), `#!/bin/sh\nexec '${process.execPath}' '${BIN}' "$@"\n`);
  chmodSync(join(bin, 'memtool'), 0o755);
  return {
    directory,
    env: { ...environment(directory), PATH: `${bin}${delimiter}${process.env['PATH']}`, HOME: directory },
  };
}

type Complete = (typed: string, env: NodeJS.ProcessEnv) => string[];

/** Calls the function that a press of the key would call. */
const bash: Complete = (typed, env) => {
  const script = `source <(memtool completion bash)
    COMP_WORDS=(${typed.endsWith(' ') ? `${typed} ''` : typed}); COMP_CWORD=$(( \${#COMP_WORDS[@]} - 1 )); COMPREPLY=()
    _memtool; printf '%s\\n' "\${COMPREPLY[@]}"`;
  return words(execFileSync('bash', ['--norc', '-c', script], { env, encoding: 'utf8' }));
};

const fish: Complete = (typed, env) => {
  const script = `memtool completion fish | source; complete -C '${typed}'`;
  return words(execFileSync('fish', ['--no-config', '-c', script], { env, encoding: 'utf8' })).map(
    (line) => line.split('\t')[0] ?? '',
  );
};

/** zsh completes only in its line editor: in a terminal of its own, where the words that it would add are noted. */
const zsh: Complete = (typed, env) => {
  const script = fileURLToPath(new URL('../fixtures/zsh-complete.zsh', import.meta.url));
  return words(execFileSync('zsh', ['-f', script, typed], { env, encoding: 'utf8', timeout: 25_000 }));
};

function words(text: string): string[] {
  return text.split('\n').filter((word) => word !== '');
}

const SHELLS: [string, Complete][] = [
  ['bash', bash],
  ['zsh', zsh],
  ['fish', fish],
];

describe.each(SHELLS)('in %s', (shell, complete) => {
  let isThere = false;
  beforeAll(() => {
    isThere = hasProgram(shell);
  });

  test('verbs, options, values of options, files and shells', (context) => {
    if (!isThere) return context.skip();
    const { env, directory } = installed();
    writeFileSync(join(directory, 'plan.json'), '{}');
    const at = (typed: string): string[] => complete(typed, env).toSorted();
    expect(at('memtool ')).toEqual(expect.arrayContaining(VERBS));
    expect(at('memtool st')).toEqual(['stats']);
    expect(at('memtool --timeout 5 st')).toEqual(['stats']);
    expect(at('memtool stats --sor')).toEqual(['--sort']);
    expect(at('memtool stats --sort ')).toEqual(['age', 'peak', 'used']);
    expect(at('memtool profile --format f')).toEqual(['flamegraph']);
    expect(at('memtool completion ')).toEqual(['bash', 'fish', 'zsh']);
    expect(at(`memtool budget ${directory}/pl`).map((file) => file.replace(/^.*\//, ''))).toEqual(['plan.json']);
  }, 60_000);

  test('processes that run, and the pools that they have', async (context) => {
    if (!isThere) return context.skip();
    const { env, directory } = installed();
    const { pid } = await startAgent('calm', directory, 'orders-api');
    const bare = await startProgram(['-e', 'console.log("ready"); setInterval(() => {}, 1000)'], directory);
    const at = (typed: string): string[] => complete(typed, env);
    expect(at('memtool stats ')).toEqual(expect.arrayContaining([String(pid), 'orders-api', String(bare.pid)]));
    expect(at('memtool detach ')).toEqual(expect.arrayContaining([String(pid)]));
    expect(at('memtool detach ')).not.toContain(String(bare.pid));
    expect(at('memtool attach ')).not.toContain(String(pid));
    expect(at('memtool cleanup orders-api --pool ').toSorted()).toEqual(['cache', 'query', 'temp']);
  }, 60_000);

  test('nothing of a name that a shell would take for more, and nothing is run', async (context) => {
    if (!isThere) return context.skip();
    const { env, directory } = installed();
    const trap = join(directory, 'trap');
    const { pid } = await startAgent('calm', directory, `a$(touch ${trap});\`touch ${trap}\``);
    const found = complete('memtool stats ', env);
    expect(found).toContain(String(pid));
    expect(found.join('\n')).not.toContain('touch');
    expect(existsSync(trap)).toBe(false);
  }, 60_000);

  test('nothing, and no word on stderr, where memtool fails', (context) => {
    if (!isThere) return context.skip();
    const { env, directory } = installed();
    chmodSync(directory, 0o755);
    const broken = { ...env, MEMTOOL_DIR: directory };
    expect(complete('memtool detach ', broken)).toEqual([]);
  }, 60_000);

  test('each option of each verb is in the script that is printed', async () => {
    const { stdout, stderr, exitCode } = await memtool(['completion', shell], freshDirectory());
    expect([stderr, exitCode]).toEqual(['', 0]);
    for (const verb of DEFINITIONS) {
      for (const option of optionsOf(verb)) {
        for (const name of shapeOf(option).names) expect(stdout).toContain(name.replace(/^--/, ''));
      }
    }
  });

  test('the script is one that the shell can read', (context) => {
    if (!isThere) return context.skip();
    const { env, directory } = installed();
    const file = join(directory, 'script');
    writeFileSync(file, execFileSync('memtool', ['completion', shell], { env, encoding: 'utf8' }));
    const checked = spawnSync(shell, ['-n', file], { encoding: 'utf8', env });
    expect([checked.status, checked.stderr]).toEqual([0, '']);
  });
});

test.skipIf(!hasProgram('zsh'))(
  'zsh finds it on its fpath, too (needs zsh)',
  () => {
    const { env, directory } = installed();
    const functions = join(directory, 'functions');
    mkdirSync(functions);
    writeFileSync(
      join(functions, '_memtool'),
      execFileSync('memtool', ['completion', 'zsh'], { env, encoding: 'utf8' }),
    );
    const script = fileURLToPath(new URL('../fixtures/zsh-complete.zsh', import.meta.url));
    const found = execFileSync('zsh', ['-f', script, 'memtool pres', functions], {
      env,
      encoding: 'utf8',
      timeout: 25_000,
    });
    expect(words(found)).toEqual(['pressure']);
  },
  60_000,
);

test('what is asked for is answered in time although an agent is silent', async () => {
  const directory = freshDirectory();
  const { pid } = await startAgent('hung', directory);
  const { stdout, stderr, exitCode } = await memtool(['completion', 'agent'], directory);
  expect([stderr, exitCode]).toEqual(['', 0]);
  expect(stdout).toContain(`${pid}\tagent.js\n`);
  expect(stdout).toContain(`agent.js\tpid ${pid}\n`);
});

test('an unknown shell is bad usage, and its help says how to install it', async () => {
  expect(await memtool(['completion', 'tcsh'], freshDirectory())).toEqual({
    stdout: '',
    stderr: 'memtool: There is no completion for "tcsh".\n  Give one of bash, zsh, fish.\n',
    exitCode: 2,
  });
  const { stdout } = await memtool(['completion', '--help'], freshDirectory());
  for (const [shell] of SHELLS) expect(stdout).toMatch(new RegExp(`^ {2}${shell} .*memtool completion ${shell}`, 'm'));
});
