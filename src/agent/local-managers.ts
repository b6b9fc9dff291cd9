import { registeredManagers, watchManagers, type RegisteredManager } from '../memory/registry.ts';
import type { ManagerAdded, ThreadMessage } from './messages.ts';

/** The managers of this thread, under the ids by which the agent knows them. */
export class LocalManagers {
  readonly #byId = new Map<number, RegisteredManager>();
  readonly #ids = new Map<RegisteredManager, number>();
  #nextId = 0;

  constructor() {
    for (const manager of registeredManagers()) this.#add(manager);
  }

  get byId(): ReadonlyMap<number, RegisteredManager> {
    return this.#byId;
  }

  list(): ManagerAdded[] {
    return [...this.#byId].map(([id, manager]) => describe(id, manager));
  }

  /** Tells of managers that come and go, until the function it returns is called. */
  follow(tell: (message: ThreadMessage) => void): () => void {
    return watchManagers((event, manager) => {
      const known = this.#ids.get(manager);
      // The one at whose coming we began to listen is announced to us again.
      if (event === 'add' && known === undefined) {
        tell({ kind: 'manager-added', ...describe(this.#add(manager), manager) });
      } else if (event === 'remove' && known !== undefined) {
        this.#byId.delete(known);
        this.#ids.delete(manager);
        tell({ kind: 'manager-removed', id: known });
      }
    });
  }

  #add(manager: RegisteredManager): number {
    const id = this.#nextId++;
    this.#byId.set(id, manager);
    this.#ids.set(manager, id);
    return id;
  }
}

function describe(id: number, { name, ledgerId, ledgerMemory }: RegisteredManager): ManagerAdded {
  return { id, name, ledgerId, shared: ledgerMemory };
}
