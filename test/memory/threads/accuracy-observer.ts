// Looks at every account all the time, and keeps each moment at which one was over its limit.
import { parentPort, workerData } from 'node:worker_threads';
import { openLedger } from '../../../src/memory/ledger/reader.ts';
import { AccountEye } from './accuracy-account-eye.ts';
import { Control } from './accuracy-control.ts';
import { LedgerView } from './accuracy-ledger-view.ts';
import {
  MANAGER_ACCOUNT,
  poolAccount,
  POOLS,
  userAccount,
  USERS,
  type Observed,
  type ObserverOrders,
} from './accuracy-plan.ts';

const FINDINGS_MAX = 20;
const LOOKS = 20;
const PAUSE_MS = 1;
const pause = new Int32Array(new SharedArrayBuffer(4));

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- made by the crew
const { memory, control: controlMemory } = workerData as ObserverOrders;
const control = new Control(controlMemory);
const view = new LedgerView(memory.ledger);
const reader = openLedger(memory.ledger);

const eyes = [
  new AccountEye({
    name: 'manager',
    view,
    account: () => view.manager,
    version: () => control.version(MANAGER_ACCOUNT),
    reportedBytes: () => reader.manager().usedBytes,
  }),
  ...POOLS.map(
    (pool) =>
      new AccountEye({
        name: `pool ${pool}`,
        view,
        account: () => view.pool(pool),
        version: () => control.version(poolAccount(pool)),
        reportedBytes: () => reader.usage().find(({ name }) => name === pool)?.usedBytes ?? 0,
      }),
  ),
  ...USERS.map(
    (user) =>
      new AccountEye({
        name: `user ${user.name}`,
        view,
        account: () => view.user(user.name),
        version: () => control.version(userAccount(user)),
        reportedBytes: () => view.user(user.name)?.usedBytes ?? 0,
      }),
  ),
];

const observed: Observed = { findings: [], looks: 0 };
while (!control.isStopped) {
  for (const eye of eyes) {
    const finding = eye.look();
    if (finding !== undefined && observed.findings.length < FINDINGS_MAX) observed.findings.push(finding);
  }
  observed.looks += 1;
  // Half of the time is for the others, who may have no more than another core.
  if (observed.looks % LOOKS === 0) Atomics.wait(pause, 0, 0, PAUSE_MS);
}
parentPort?.postMessage(observed);
