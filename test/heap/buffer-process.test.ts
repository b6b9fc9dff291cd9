import { spawnSync } from 'node:child_process';
import { buildSync } from 'esbuild';
import { expect, test } from 'vitest';

/** As it comes into a process that is attached to: one line of text, without a file. */
const [bundle] = buildSync({
  entryPoints: ['src/heap/buffers.ts'],
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'iife',
  globalName: 'heap',
  minify: true,
  write: false,
}).outputFiles;

function run(flags: string[], program: string): { status: number | null; output: unknown; stderr: string } {
  const text = `${bundle?.text ?? ''}\nconst watch = new heap.BufferWatch(1024);\n${program}`;
  const { status, stdout, stderr } = spawnSync(process.execPath, [...flags, '-'], {
    input: text,
    encoding: 'utf8',
    timeout: 20_000,
    killSignal: 'SIGKILL',
  });
  return { status, output: stdout === '' ? undefined : JSON.parse(stdout), stderr };
}

const MAKE = `
  function makeNamed() { return Buffer.alloc(65536); }
  const state = watch.install();
  const held = makeNamed();
  const stacks = watch.read().samples.map((sample) => sample.stack[0].split(' ')[0]);
  watch.uninstall();
  console.log(JSON.stringify([state, stacks.filter((name) => name === 'makeNamed')]));
`;

test.each([['--frozen-intrinsics'], ['--disallow-code-generation-from-strings'], ['--stack-trace-limit=0']])(
  'it works under %s',
  (flag) => {
    expect(run([flag], MAKE)).toMatchObject({ status: 0, output: [{ installed: true }, ['makeNamed']] });
  },
);

test('a frozen Buffer is left alone, and the reason is told', () => {
  const { status, output, stderr } = run([], `Object.freeze(Buffer); console.log(JSON.stringify(watch.install()));`);
  expect({ status, output, stderr }).toEqual({
    status: 0,
    output: { installed: false, reason: 'Buffer.alloc is frozen' },
    stderr: '',
  });
});

test('errors are those of the originals: code, message and stack', () => {
  const program = `
    const mistakes = [
      () => Buffer.alloc(-1),
      () => Buffer.alloc(10, ''),
      () => Buffer.allocUnsafe('x'),
      () => Buffer.allocUnsafeSlow(NaN),
      () => Buffer.alloc(2 ** 52),
      () => Buffer.from(null),
      () => Buffer.from('x', 'no encoding'),
      () => new Buffer.alloc(-1),
      () => Reflect.construct(Buffer.from, [7]),
      () => Buffer.from({ valueOf() { throw new Error('mine'); } }),
      () => Buffer.from({ valueOf() { throw Object.freeze(new Error('mine')); } }) && 0,
      () => Buffer.from({ valueOf() { throw undefined; } }),
    ];
    const describe = (error) => [error?.name, error?.code, error?.message, Object.isFrozen(error) || error.stack, Object.keys(error ?? {})];
    const tell = (mistake) => { try { mistake(); return 'none'; } catch (error) { return describe(error); } };
    // Ours, taken out, is one of those that the limit leaves.
    Error.stackTraceLimit = 50;
    const told = [() => {}, () => watch.install()].map((prepare) => {
      prepare();
      return mistakes.map(tell);
    });
    console.log(JSON.stringify(told));
  `;
  const { output, stderr } = run(['--no-deprecation'], program);
  expect(stderr).toBe('');
  const [before, after] = Array.isArray(output) ? output : [];
  expect(before).toHaveLength(12);
  expect(after).toEqual(before);
});

test('an error that nobody catches is printed with its own stack, and not with all of our script', () => {
  const program = `watch.install(); Buffer.from(null);`;
  const { status, stderr } = run([], program);
  expect(status).toBe(1);
  expect(stderr).toMatch(/\n {4}at \w+\.from \(node:buffer:\d+:\d+\)\n {4}at \[stdin\]/);
  expect(stderr.length).toBeLessThan(2000);
});

test('an endless recursion ends as it does without', () => {
  const program = `
    watch.install();
    let name;
    function recurse() { Buffer.from('abc'); recurse(); }
    try { recurse(); } catch (error) { name = error.name; }
    console.log(JSON.stringify([name, Buffer.from('abc').toString()]));
  `;
  expect(run([], program)).toMatchObject({ status: 0, output: ['RangeError', 'abc'], stderr: '' });
});

test('the process is asked while it is in an endless loop, from outside', () => {
  const program = `
    const { Worker } = require('node:worker_threads');
    globalThis.watch = watch;
    globalThis.isDone = false;
    watch.install();
    new Worker(\`
      const { Session } = require('node:inspector');
      // A session alone does not keep a thread.
      const alive = setInterval(() => {}, 1000);
      const session = new Session();
      session.connectToMainThread();
      const ask = (expression) => new Promise((resolve) =>
        session.post('Runtime.evaluate', { expression, returnByValue: true }, (_, { result }) => resolve(result.value)));
      (async () => {
        const isSpinning = ({ samples }) => samples.some(({ stack }) => stack[0].startsWith('spin '));
        while (!isSpinning(await ask('watch.read()')));
        await ask('isDone = true');
        // Not at once: Node 24 would abort.
        setTimeout(() => clearInterval(alive), 300);
      })();
    \`, { eval: true });
    function spin() {
      let held;
      while (!isDone) held ??= Buffer.alloc(65536);
    }
    spin();
    console.log(JSON.stringify(isDone));
  `;
  expect(run([], program)).toMatchObject({ status: 0, output: true });
});
