/** Counts which of the objects given to it the collector has found: a WeakRef that is asked keeps its object for another turn. */
export class Collected {
  count = 0;
  private readonly registry = new FinalizationRegistry<undefined>(() => (this.count += 1));

  watch(...objects: readonly object[]): void {
    for (const object of objects) this.registry.register(object, undefined);
  }
}
