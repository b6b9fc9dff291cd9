import { makeFinalizers } from './finalizers.ts';
import { RECORD_GENERATION } from './ledger/layout.ts';
import type { Ledger } from './ledger/ledger.ts';

/**
 * A watched handle costs about 0.5 us: registering it, and its finalizer once it is collected. 20,000 a second are 1 % of
 * a thread's time; above that one in N is watched, and the reports say which.
 */
const WATCHES_PER_SECOND = 20_000;

/** A finalizer's ticket is one number: 26 bits of the generation above 26 bits of the record. */
const TICKET_BASE = 2 ** 26;
const TICKET_MASK = TICKET_BASE - 1;

/** Finds reservations that nobody can free any more: their handles are registered with the garbage collector. */
export class Watch {
  private oneIn = 1;
  private watched = 0;
  /** Reservations of this second, as far as the watched ones stand for them. */
  private seen = 0;
  private readonly ledger: Ledger;
  private readonly onLost: (record: number) => void;
  private readonly handles: FinalizationRegistry<number>;

  constructor(ledger: Ledger, onLost: (record: number) => void) {
    this.ledger = ledger;
    this.onLost = onLost;
    this.handles = makeFinalizers<Watch>(this, (watch, ticket) => watch.collected(ticket));
  }

  /** Called by the hot path when `ledger.untilWatch` is used up. */
  register(handle: object, record: number, generation: number): void {
    this.handles.register(handle, (generation & TICKET_MASK) * TICKET_BASE + record);
    this.seen += this.oneIn;
    this.watched += 1;
    // A second that has used up its budget goes on at half the rate.
    if (this.watched % WATCHES_PER_SECOND === 0) this.oneIn *= 2;
    // At random, so that a program that takes turns is not always watched on the same one.
    this.ledger.untilWatch = this.oneIn === 1 ? 1 : 1 + Math.floor(Math.random() * (2 * this.oneIn - 1));
  }

  private collected(ticket: number): void {
    const record = ticket % TICKET_BASE;
    const generation = this.ledger.word((record << 3) + RECORD_GENERATION);
    // A handle that was freed has another generation by now; nothing is unregistered, since that costs as much again.
    if ((generation & TICKET_MASK) === Math.floor(ticket / TICKET_BASE)) this.onLost(record);
  }

  /** Once a second: watches as many of the next second's reservations as the last second's number allows. */
  tick(): void {
    this.oneIn = Math.max(1, Math.ceil(this.seen / WATCHES_PER_SECOND));
    this.ledger.untilWatch = Math.min(this.ledger.untilWatch, 2 * this.oneIn - 1);
    this.seen = 0;
    this.watched = 0;
    this.ledger.watchedOneIn = Math.max(this.ledger.watchedOneIn, this.oneIn);
  }
}
