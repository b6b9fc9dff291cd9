import type { SharedAccount } from '../../../src/memory/threads/shared-account.ts';
import { drawnBytes, sum, type LedgerView, type LiveRecord } from './accuracy-ledger-view.ts';
import { POOLS, USERS, type Holdings } from './accuracy-plan.ts';

/** What does not add up, as a list of sentences; for when every thread is quiet. */
class Audit {
  readonly findings: string[] = [];
  readonly view: LedgerView;
  readonly records: LiveRecord[];

  constructor(view: LedgerView) {
    this.view = view;
    this.records = view.records();
  }

  equal(what: string, found: number, expected: number): void {
    if (found !== expected) this.findings.push(`${what}: ${found} and not ${expected} (${found - expected})`);
  }
}

/**
 * The ledger by itself: what is charged is what the records say, and of every account with a limit no more is drawn than is
 * charged, by no thread but those that live.
 */
export function auditLedger(view: LedgerView): string[] {
  const audit = new Audit(view);
  for (const pool of POOLS) {
    const raw = view.raw(view.pool(pool));
    const ofPool = audit.records.filter((record) => record.pool === pool);
    auditDrawn(audit, `pool ${pool}`, view.pool(pool), raw.chargedBy);
    auditCharged(audit, `pool ${pool}`, raw.chargedBy, ofPool);
    audit.equal(
      `pool ${pool}, in transit`,
      raw.transitBytes,
      bytesOf(ofPool, ({ isInTransit }) => isInTransit),
    );
  }
  const byPool = POOLS.map((pool) => view.raw(view.pool(pool)));
  const manager = view.raw(view.manager);
  const chargedBy = manager.drawnBy.map((_, thread) => sum(byPool.map((raw) => raw.chargedBy[thread] ?? 0)));
  auditDrawn(audit, 'manager', view.manager, chargedBy);
  audit.equal('manager, in transit', manager.transitBytes, sum(byPool.map(({ transitBytes }) => transitBytes)));
  for (const { name } of USERS) {
    const account = view.user(name);
    if (account !== undefined) auditDrawn(audit, `user ${name}`, account, view.raw(account).chargedBy);
  }
  return audit.findings;
}

/** After a cleanup in every thread: what is charged is what the threads hold, to the byte, and what is on its way. */
export function auditHoldings(view: LedgerView, holdings: readonly Holdings[]): string[] {
  const audit = new Audit(view);
  for (const pool of POOLS) {
    const held = sum(holdings.map(({ poolBytes }) => poolBytes[pool] ?? 0));
    const inTransit = bytesOf(audit.records, (record) => record.pool === pool && record.isInTransit);
    audit.equal(`pool ${pool}, used`, view.pool(pool).usedBytes, held + inTransit);
  }
  for (const { name } of USERS) {
    const held = sum(holdings.map(({ userBytes }) => userBytes[name] ?? 0));
    audit.equal(`user ${name}, used`, view.user(name)?.usedBytes ?? 0, held);
  }
  audit.equal(
    'lost',
    bytesOf(audit.records, ({ isLost }) => isLost),
    0,
  );
  return audit.findings;
}

/** After everything was freed: nothing is left of anything. */
export function auditEmpty(view: LedgerView, threadCount: number): string[] {
  const audit = new Audit(view);
  for (const account of view.accounts) {
    if (account.limitBytes < Infinity) audit.equal(`account ${account.row}, drawn`, account.drawnBytes, 0);
    audit.equal(`account ${account.row}, used`, account.usedBytes, 0);
  }
  audit.equal('records', audit.records.length, 0);
  audit.equal('accounts by name', view.namedCount, 0);
  audit.equal('rows of scopes', view.scopeRows.length, 0);
  audit.equal('rows of threads', view.threads.length, threadCount);
  return audit.findings;
}

/** No thread has charged more than it has drawn: at any moment, quiet or not. */
export function auditShares(view: LedgerView): string[] {
  const findings: string[] = [];
  for (const account of [...view.accounts, ...users(view)]) {
    const { chargedBy, drawnBy } = view.raw(account);
    for (const [thread, charged] of chargedBy.entries())
      if (charged > (drawnBy[thread] ?? 0))
        findings.push(`account ${account.row}: ${charged} bytes charged by ${thread}, of ${drawnBy[thread]} drawn`);
  }
  for (const [thread, drawn] of view.raw(view.manager).drawnBy.entries()) {
    const charged = sum(POOLS.map((pool) => view.raw(view.pool(pool)).chargedBy[thread] ?? 0));
    if (charged > drawn) findings.push(`manager: ${charged} bytes charged by ${thread}, of ${drawn} drawn`);
  }
  return findings;
}

/** No account is over its limit. */
export function auditLimits(view: LedgerView): string[] {
  return [...view.accounts, ...users(view)]
    .filter((account) => account.drawnBytes > account.limitBytes)
    .map((account) => `account ${account.row}: ${account.drawnBytes} of ${account.limitBytes}`);
}

function users(view: LedgerView): SharedAccount[] {
  return USERS.map(({ name }) => view.user(name)).filter((account) => account !== undefined);
}

function auditDrawn(audit: Audit, name: string, account: SharedAccount, chargedBy: number[]): void {
  const raw = audit.view.raw(account);
  const { threads } = audit.view;
  audit.equal(`${name}, drawn in all`, drawnBytes(raw), sum(raw.drawnBy) + raw.transitBytes);
  for (const [thread, drawn] of raw.drawnBy.entries()) {
    const charged = chargedBy[thread] ?? 0;
    if (!threads.includes(thread)) audit.equal(`${name}, drawn by ${thread}, which is dead`, drawn + charged, 0);
    else if (raw.limitBytes < Infinity) audit.equal(`${name}, drawn by ${thread}`, drawn, charged);
    else if (drawn < charged) audit.findings.push(`${name}, by ${thread}: ${charged} bytes charged of ${drawn} drawn`);
  }
}

function auditCharged(audit: Audit, name: string, chargedBy: number[], records: readonly LiveRecord[]): void {
  for (const [thread, charged] of chargedBy.entries()) {
    const recorded = bytesOf(records, (record) => record.thread === thread && !record.isInTransit);
    audit.equal(`${name}, charged by ${thread}`, charged, recorded);
  }
}

function bytesOf(records: readonly LiveRecord[], isMeant: (record: LiveRecord) => boolean): number {
  return sum(records.filter(isMeant).map(({ bytes }) => bytes));
}
