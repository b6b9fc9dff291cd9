import { MemtoolError } from '../../errors.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { MemoryScope } from './scope.ts';

/**
 * What the application names as the scope to charge.
 *
 * @throws MemtoolError `MEMTOOL_INVALID_OPTION` for what is no scope or another manager's, `MEMTOOL_SCOPE_ENDED`
 */
export function checkScope(scope: MemoryScope, ledger: Ledger): MemoryScope {
  if (!(scope instanceof MemoryScope)) {
    throw new MemtoolError('MEMTOOL_INVALID_OPTION', `The scope is a value of type ${typeof scope}, and no scope.`, {
      hint: 'Give what openQuery or its siblings return, or what the function of query gets.',
    });
  }
  if (scope.ledger !== ledger) {
    throw new MemtoolError('MEMTOOL_INVALID_OPTION', `The ${scope.kind} ${scope.name} belongs to another manager.`, {
      hint: 'Open it on the manager whose pools it uses.',
    });
  }
  if (scope.isOpen) return scope;
  throw new MemtoolError('MEMTOOL_SCOPE_ENDED', `The ${scope.kind} ${scope.name} has ended and takes nothing more.`, {
    hint: 'Take memory before it ends, or open another scope.',
  });
}
