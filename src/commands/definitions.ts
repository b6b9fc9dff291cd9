import type { Verb, VerbOption } from '../manual/verb.ts';
import type { CommandName } from '../report/document.ts';
import { PROFILE_FORMATS } from '../report/profile.ts';
import { SCOPE_SORTS } from '../report/scopes.ts';
import type { AttachFlags } from './attach.ts';
import type { BudgetFlags } from './budget.ts';
import type { CheckFlags } from './check.ts';
import type { CleanupFlags } from './cleanup.ts';
import type { CommonFlags, Context } from './context.ts';
import type { DemoFlags } from './demo.ts';
import type { DoctorFlags } from './doctor.ts';
import type { LeaksFlags } from './leaks.ts';
import type { MetricsFlags } from './metrics.ts';
import type { ProfileFlags } from './profile.ts';
import type { RecordFlags } from './record.ts';
import type { ReportFlags } from './report.ts';
import type { StatsFlags } from './stats.ts';
import type { TopFlags } from './top.ts';

/** Which command takes which flags is said below; the command line refuses the others. */
export type Flags = CommonFlags &
  StatsFlags &
  LeaksFlags &
  CleanupFlags &
  ProfileFlags &
  BudgetFlags &
  CheckFlags &
  RecordFlags &
  ReportFlags &
  TopFlags &
  MetricsFlags &
  AttachFlags &
  DoctorFlags &
  DemoFlags;

/** One subcommand, as the command line offers it. */
export interface Definition extends Verb {
  name: CommandName;
  /** Imports the command when it is called: each loads only what it uses. */
  action: (context: Context, flags: Flags, operands: string[], program: string[] | undefined) => Promise<number>;
}

const AGE: VerbOption = ['--age <duration>', 'what is older counts as stale: 300, 90s, 5m (default: 5m)'];

const NO_ATTACH: VerbOption = ['--no-attach', 'start no agent in a process that is named by its pid'];

const SHELLS = ['bash', 'zsh', 'fish'];

const INSTALL_NOTE = `To have it in every new shell:
  bash  put this into ~/.bashrc:          source <(memtool completion bash)
  zsh   into ~/.zshrc, after compinit:    source <(memtool completion zsh)
  fish  memtool completion fish > ~/.config/fish/completions/memtool.fish
Files that are read when they are needed: for bash, memtool in
~/.local/share/bash-completion/completions; for zsh, _memtool in $fpath.`;

/** In the order of the help: the four verbs first. */
export const DEFINITIONS: Definition[] = [
  {
    name: 'stats',
    group: 'verbs',
    operands: '[target]',
    summary: 'what is used, by pool, against its limit',
    examples: ['memtool stats orders-api --watch', 'memtool stats 4242 --scopes 50 --sort peak'],
    options: [
      ['--scopes [count]', 'the largest queries, transactions, users and procedures (default: 10)'],
      ['--sort <figure>', 'put them in order by used, peak or age (default: used)', Object.keys(SCOPE_SORTS)],
      NO_ATTACH,
    ],
    watchable: true,
    action: async (context, flags, [target]) => (await import('./stats.ts')).stats(target, flags, context),
  },
  {
    name: 'pressure',
    group: 'verbs',
    operands: '[target]',
    summary: 'how close each limit is, and when it will be hit',
    examples: ['memtool pressure --watch 5'],
    options: [NO_ATTACH],
    watchable: true,
    action: async (context, _, [target]) => (await import('./pressure.ts')).pressure(target, context),
  },
  {
    name: 'leaks',
    group: 'verbs',
    operands: '[target]',
    summary: 'what has been held too long, and whether it is a leak',
    examples: [
      'memtool leaks 4242 --age 5m',
      'memtool leaks 4242 --age 30s --wait',
      'memtool leaks 4242 --retainers openSession',
    ],
    options: [
      AGE,
      ['--wait', 'watch until there is something older to see, then answer'],
      ['--max-pause <duration>', 'do not read a heap that would stop for longer (default: 1s)'],
      ['--retainers [place]', 'what keeps a leak of the heap alive: the largest, or of this function'],
      ['--yes', 'answer the question that --retainers asks'],
      NO_ATTACH,
    ],
    note: 'The heap of a process is watched from when its agent started; reading it is a full\ngarbage collection, of about 1 ms for each MiB that lives. --retainers takes a heap snapshot, which\nstops the process for much longer and takes many times the memory of its heap:\nit says how much, and asks.',
    watchable: true,
    action: async (context, flags, [target]) => (await import('./leaks.ts')).leaks(target, flags, context),
  },
  {
    name: 'cleanup',
    group: 'verbs',
    operands: '[target]',
    summary: 'give back what nobody needs any more',
    examples: ['memtool cleanup 4242 --dry-run', 'memtool cleanup orders-api --pool temp --age 10m'],
    options: [
      AGE,
      ['--pool <name>', 'only this pool', 'pool'],
      ['--gc', 'collect garbage too; show heap, external memory and RSS before and after'],
      ['--dry-run', 'say what would be given back, and do nothing'],
      ['--force', 'take what is stale too: using it again is then an error in the application'],
      ['--yes', 'answer the question that --force and `all` ask'],
      NO_ATTACH,
    ],
    watchable: true,
    action: async (context, flags, [target]) => (await import('./cleanup.ts')).cleanup(target, flags, context),
  },
  {
    name: 'doctor',
    group: 'closer',
    operands: '[target]',
    summary: 'what is wrong, how sure that is, and what to type next',
    examples: ['memtool doctor', 'memtool doctor 4242'],
    options: [
      AGE,
      ['--max-pause <duration>', 'do not read a heap that would stop for longer (default: 1s)'],
      NO_ATTACH,
    ],
    note: 'It looks for two seconds, and reads the heap as `memtool leaks` does. Below 100 MB, and in\nthe first minute, only limits and leaks are judged. It exits 1 when there is something\nto do.',
    watchable: true,
    action: async (context, flags, [target]) => (await import('./doctor.ts')).doctor(target, flags, context),
  },
  {
    name: 'top',
    group: 'closer',
    operands: '[target]',
    summary: 'all of it, live on a whole screen, with keys',
    examples: ['memtool top', 'memtool top orders-api --interval 5s'],
    options: [['--interval <duration>', 'between two looks (default: 2s)'], NO_ATTACH],
    note: 'Its last line names the keys, and ? explains them. Nothing is asked of a process\nthat is not shown, nor while it is paused; cleanup is asked twice, and a heap is\nonly read for a key.',
    watchable: false,
    action: async (context, flags, [target]) => (await import('./top.ts')).top(target, flags, context),
  },
  {
    name: 'profile',
    group: 'closer',
    operands: '<target>',
    summary: 'live memory by stack, for DevTools, pprof or a browser',
    examples: ['memtool profile 4242', 'memtool profile 4242 --format flamegraph -o heap.html'],
    options: [
      ['--format <format>', 'heapprofile, pprof or flamegraph (default: heapprofile)', PROFILE_FORMATS],
      ['-o, --output <file>', 'where to write it; - is stdout (default: <name>-<pid> here)'],
      ['--force', 'overwrite a file that exists'],
      ['--max-pause <duration>', 'do not read a heap that would stop for longer (default: 1s)'],
      NO_ATTACH,
    ],
    watchable: false,
    action: async (context, flags, [target = '']) => (await import('./profile.ts')).profile(target, flags, context),
  },
  {
    name: 'budget',
    group: 'time',
    operands: '<plan.json>',
    summary: 'whether what is planned fits, before anything runs',
    examples: ['memtool budget plan.json', 'memtool budget plan.json --container 2GiB --heap 1GiB'],
    options: [
      ['--container <bytes>', 'what all has to fit into; auto takes the limit of this container'],
      ['--heap <bytes>', 'the limit of the V8 heap'],
    ],
    note: 'It exits 1 when a limit does not hold. The options override the limits in the file.',
    watchable: false,
    action: async (context, flags, [file = '']) => (await import('./budget.ts')).budget(file, flags, context),
  },
  {
    name: 'check',
    group: 'time',
    operands: '<budgets.json> [program...]',
    summary: 'run a program, and measure it against its budgets',
    examples: ['memtool check memory-budget.json', 'memtool check memory-budget.json --update -- node app.js'],
    options: [
      ['--runs <count>', 'how often it is run; the median counts (default: 3, with --update 5)'],
      ['--for <duration>', 'end a program that does not end by itself'],
      ['--update', 'write what was measured into the file: limits with head-room, and baselines'],
      ['--markdown <file>', 'a summary that a pull request can show'],
    ],
    note: 'It exits 1 when a budget is exceeded. The program is started without an agent; phases are measured\nafter a garbage collection.',
    watchable: false,
    action: async (context, flags, [file = '', ...program]) =>
      (await import('./check.ts')).check(file, program, flags, context),
  },
  {
    name: 'record',
    group: 'time',
    operands: '[target]',
    usage: '[target] [options]\n       memtool record [options] -- node [node options] app.js [arguments]',
    summary: 'write what it holds to a file, sample by sample',
    examples: [
      'memtool record orders-api --for 24h -o run.jsonl',
      'memtool record 4242 --interval 5s --format csv -o run.csv',
      'memtool record -o run.jsonl -- node app.js',
    ],
    options: [
      ['--interval <duration>', 'between two samples (default: 1s)'],
      ['--for <duration>', 'how long from now (default: until Ctrl-C, or its end)'],
      ['-o, --output <file>', 'where to write it; goes on with what is there (default: <name>.jsonl)'],
      ['--format <format>', 'jsonl, or csv for spreadsheets and notebooks (default: jsonl)', ['jsonl', 'csv']],
      ['--max-size <bytes>', 'beyond it, older samples are thinned out (default: 30MB)'],
      NO_ATTACH,
    ],
    note: 'A target that is given by its name is waited for when it ends, and recorded\nagain when it is back. A kill at any moment loses the last line at most: give the\nsame command to go on.',
    watchable: false,
    action: async (context, flags, [target], program) =>
      (await import('./record.ts')).record(target, program, flags, context),
  },
  {
    name: 'report',
    group: 'time',
    operands: '<recording> [current]',
    summary: 'what grows in a recording, or against another',
    examples: ['memtool report run.jsonl --html run.html', 'memtool report baseline.jsonl current.jsonl'],
    options: [
      ['--html <file>', 'write a page with plots, too'],
      ['--force', 'overwrite a file that exists'],
    ],
    note: 'It exits 1 when something grows; of two recordings, when something of the current one\ngrows, or is higher than in the baseline beyond what varies within them.',
    watchable: false,
    action: async (context, flags, operands) => (await import('./report.ts')).report(operands, flags, context),
  },
  {
    name: 'last',
    group: 'after',
    operands: '[target]',
    completes: 'ended',
    summary: 'how a process looked when it died, and what killed it',
    examples: ['memtool last', 'memtool last orders-api', 'memtool last ./4242-118034.last --json'],
    options: [],
    note: "A process with an agent writes its memory down once a second, into a file beside the\nagent's socket. A clean exit takes that file away; of the others 32 are kept, for\n7 days. MEMTOOL_BLACK_BOX=0 in its environment switches it off.",
    watchable: false,
    action: async (context, _, [target]) => (await import('./last.ts')).last(target, context),
  },
  {
    name: 'metrics',
    group: 'elsewhere',
    operands: '[target]',
    summary: 'what it holds, in the format of Prometheus',
    examples: ['memtool metrics orders-api', 'memtool metrics --listen 9464'],
    options: [
      ['--listen <[host:]port>', 'serve it at /metrics, on this machine alone unless a host is named'],
      NO_ATTACH,
    ],
    note: 'Each series has the pid and the name of its process. With --listen the processes are found anew\nat each scrape, and one that does not answer within 2.5 s (or --timeout) has memtool_up 0.',
    watchable: false,
    action: async (context, flags, [target]) => (await import('./metrics.ts')).metrics(target, flags, context),
  },
  {
    name: 'dashboard',
    group: 'elsewhere',
    operands: '',
    summary: 'a Grafana dashboard for these metrics',
    examples: ['memtool dashboard > memtool.json'],
    options: [],
    note: 'Import it in Grafana 10 or newer: Dashboards, New, Import.',
    watchable: false,
    action: async (context) => (await import('./dashboard.ts')).dashboard(context),
  },
  {
    name: 'alerts',
    group: 'elsewhere',
    operands: '',
    summary: 'alert rules for Prometheus',
    examples: ['memtool alerts > memtool-alerts.yml'],
    options: [],
    note: 'Name the file in rule_files of prometheus.yml; `promtool check rules` reads it.',
    watchable: false,
    action: async (context) => (await import('./alerts.ts')).alerts(context),
  },
  {
    name: 'ps',
    group: 'setup',
    operands: '',
    summary: 'which processes can be inspected, and why others cannot',
    examples: ['memtool ps --json'],
    options: [],
    watchable: true,
    action: async (context) => (await import('./ps.ts')).ps(context),
  },
  {
    name: 'attach',
    group: 'setup',
    operands: '<pid>',
    summary: 'start an agent in a process that runs without one',
    examples: ['memtool attach 4242 --idle 1h'],
    note: 'Its inspector is opened for a moment. Node.js writes a few lines about that to\nits stderr; a program that handles SIGUSR1 itself gets that signal once.',
    options: [
      ['--idle <duration>', 'it goes away when nobody has asked it for so long (default: 15m)'],
      ['--sample <bytes>', 'mean between two samples of the heap (default: 512KiB; 0: none)'],
    ],
    watchable: false,
    action: async (context, flags, [target = '']) => (await import('./attach.ts')).attach(target, flags, context),
  },
  {
    name: 'detach',
    group: 'setup',
    operands: '<target>',
    completes: 'agent',
    summary: 'take an agent that was attached away again',
    examples: ['memtool detach 4242'],
    options: [],
    watchable: false,
    action: async (context, _, [target = '']) => (await import('./detach.ts')).detach(target, context),
  },
  {
    name: 'run',
    group: 'setup',
    operands: '<program...>',
    summary: 'start a program with an agent in it',
    examples: ['memtool run server.js --port 80', 'memtool run -- --max-old-space-size=512 server.js'],
    options: [],
    watchable: false,
    startsProgram: true,
    action: async (_, __, operands) => (await import('./run.ts')).run(operands),
  },
  {
    name: 'completion',
    group: 'setup',
    operands: '<shell> [of]',
    usage: '<bash|zsh|fish>',
    completes: SHELLS,
    summary: 'print what completes commands, options and processes',
    examples: ['memtool completion bash', 'memtool completion zsh'],
    options: [],
    note: INSTALL_NOTE,
    watchable: false,
    action: async (context, _, operands) => (await import('./completion.ts')).completion(operands, context),
  },
  {
    name: 'demo',
    group: 'setup',
    operands: '',
    summary: 'all of it, on an example service',
    examples: ['memtool demo --keep'],
    options: [
      ['--keep', 'leave the example service running'],
      ['--seconds <duration>', 'how long to put load on it (default: 11)'],
    ],
    watchable: false,
    action: async (context, flags) => (await import('./demo.ts')).demo(flags, context),
  },
];
