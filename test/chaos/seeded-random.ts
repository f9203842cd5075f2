/** Chances of a run: the same seed takes the same ones. */
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';

export class SeededRandom {
  readonly #generator: ReturnType<typeof xoroshiro128plus>;

  constructor(seed: number) {
    this.#generator = xoroshiro128plus(seed);
  }

  /** Both ends included. */
  integer(least: number, most: number): number {
    return uniformInt(this.#generator, least, most);
  }

  /** @throws RangeError when there is nothing to choose from. */
  oneOf<T>(choices: readonly T[]): T {
    const chosen = choices[choices.length === 0 ? 0 : this.integer(0, choices.length - 1)];
    if (chosen === undefined) throw new RangeError('nothing to choose from');
    return chosen;
  }

  /** Fisher and Yates. */
  shuffled<T>(items: readonly T[]): readonly T[] {
    const mixed = [...items];
    for (let last = mixed.length - 1; last > 0; last -= 1) {
      const other = this.integer(0, last);
      [mixed[last], mixed[other]] = [mixed[other] as T, mixed[last] as T];
    }
    return mixed;
  }
}
