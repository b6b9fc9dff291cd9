import { Random } from './random.ts';

/** What the users of the demo ask for, made from a seed. Few enough variants that some come again and hit the cache. */
export class QueryMix {
  readonly #random: Random;

  constructor(seed: number) {
    this.#random = new Random(seed);
  }

  /** Some of everything, each of which fits into memory. */
  ordinary(): string {
    const kind = this.#random.below(10);
    if (kind < 5) return this.listing();
    if (kind < 7) return this.dashboard();
    if (kind < 9) return this.bestsellers();
    return this.report();
  }

  /** A query whose memory the service forgets: see `profiler.ts`. */
  profiled(): string {
    const day = this.#random.below(350);
    return `PROFILE SELECT price, product, quantity FROM orders WHERE day >= ${day} AND day < ${day} + 14`;
  }

  /** A query for two months as they are: a page of five MiB, quickly made. */
  export(): string {
    return this.#days(60);
  }

  /** The same for four months, a page of ten MiB: over the limit of user cleo (`users.ts`), beside the rows it is made from. */
  hugeExport(): string {
    return this.#days(120);
  }

  /** Expensive orders of ten days: a page of half a MiB. */
  listing(): string {
    const day = this.#random.below(355);
    const price = 10 * this.#random.below(30);
    return `SELECT order_id, customer, price, discount FROM orders WHERE price > ${price} AND day >= ${day} AND day < ${day} + 10 ORDER BY price DESC`;
  }

  dashboard(): string {
    const day = this.#random.below(335);
    return `SELECT region, count(*), sum(price), avg(discount) FROM orders WHERE day >= ${day} AND day < ${day} + 30 GROUP BY region ORDER BY sum(price) DESC`;
  }

  bestsellers(): string {
    const region = this.#random.below(12);
    const quantity = 1 + this.#random.below(18);
    return `SELECT product, sum(quantity), max(price) FROM orders WHERE region = ${region} AND quantity >= ${quantity} GROUP BY product ORDER BY sum(quantity) DESC LIMIT 20`;
  }

  /** Six weeks' orders, all sorted, of which the first are shown. */
  report(): string {
    const day = 7 * this.#random.below(46);
    return `SELECT day, order_id, customer, product, quantity, price FROM orders WHERE day >= ${day} AND day < ${day} + 42 ORDER BY customer LIMIT 10000`;
  }

  #days(count: number): string {
    const day = this.#random.below(365 - count);
    return `SELECT order_id, customer, price, discount FROM orders WHERE day >= ${day} AND day < ${day} + ${count}`;
  }
}
