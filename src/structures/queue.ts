interface Link<Entry> {
  readonly entry: Entry;
  next: Link<Entry> | undefined;
}

/** First in, first out. Unlike an array's, its `shift` moves nothing, however many there are, and keeps nothing that was taken. */
export class Queue<Entry> {
  private first: Link<Entry> | undefined = undefined;
  private last: Link<Entry> | undefined = undefined;
  private count = 0;

  get length(): number {
    return this.count;
  }

  push(entry: Entry): void {
    const link: Link<Entry> = { entry, next: undefined };
    if (this.last === undefined) this.first = link;
    else this.last.next = link;
    this.last = link;
    this.count += 1;
  }

  shift(): Entry | undefined {
    const { first } = this;
    if (first === undefined) return undefined;
    this.first = first.next;
    if (this.first === undefined) this.last = undefined;
    this.count -= 1;
    return first.entry;
  }

  clear(): void {
    this.first = undefined;
    this.last = undefined;
    this.count = 0;
  }
}
