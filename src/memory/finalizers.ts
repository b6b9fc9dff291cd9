/**
 * V8 runs no finalizer of the whole process any more, ever, once a FinalizationRegistry that has some to run is collected
 * itself before they have run (Node 20, 22 and 24, not 26: its cleanup task finds no registry and stays marked as posted). So no
 * registry of ours is ever collected: each is kept here, a few hundred bytes for a pool, and knows its owner only weakly.
 */
const kept = new Set<FinalizationRegistry<number>>();

/** A registry that lives for ever and tells its owner, while there is one, of each ticket whose object was collected. */
export function makeFinalizers<Owner extends object>(
  owner: Owner,
  onCollected: (owner: Owner, ticket: number) => void,
): FinalizationRegistry<number> {
  const weakOwner = new WeakRef(owner);
  const registry = new FinalizationRegistry<number>((ticket) => {
    const alive = weakOwner.deref();
    if (alive !== undefined) onCollected(alive, ticket);
  });
  kept.add(registry);
  return registry;
}
