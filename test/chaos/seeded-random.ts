/** Random numbers of a run; the same seed gives the same sequence. */
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';

export class SeededRandom {
  readonly #generator: ReturnType<typeof xoroshiro128plus>;

  constructor(seed: number) {
    this.#generator = xoroshiro128plus(seed);
  }

  /** @returns an integer between both bounds, inclusive. */
  integer(least: number, most: number): number {
    return uniformInt(this.#generator, least, most);
  }

  /** @throws RangeError when the list is empty. */
  oneOf<T>(choices: readonly T[]): T {
    const chosen = choices[choices.length === 0 ? 0 : this.integer(0, choices.length - 1)];
    if (chosen === undefined) throw new RangeError('nothing to choose from');
    return chosen;
  }

  /** Fisher–Yates shuffle. */
  shuffled<T>(items: readonly T[]): readonly T[] {
    const mixed = [...items];
    for (let last = mixed.length - 1; last > 0; last -= 1) {
      const other = this.integer(0, last);
      [mixed[last], mixed[other]] = [mixed[other] as T, mixed[last] as T];
    }
    return mixed;
  }
}
