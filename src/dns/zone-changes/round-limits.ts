/** To find one refused request among the most that a round has takes 11; after so many, what is left waits for another round. */
const MAX_REFUSALS = 40;
/** Of one batch, {@link MAX_REFUSALS} take about 80. Of dozens of full batches, those beyond it wait for another round. */
const MAX_REQUESTS = 120;

/**
 * What one round of changes of a zone takes of the service at most, so that a zone never keeps an account's requests from
 * others. A read of many pages counts as one call: what it has found in a large zone would else be of no use. By its requests,
 * it keeps further batches from beginning.
 */
export class RoundLimits {
  #refusals = 0;
  #calls = 0;
  #requests = 0;
  #hasBegunBatch = false;

  /** Whether no further call may begin. */
  get isSpent(): boolean {
    return this.#calls >= MAX_REQUESTS;
  }

  /** A read, whatever its pages, or a change. */
  countCall(): void {
    this.#calls += 1;
  }

  /** Of a call: a page of a read, or a change. */
  countRequest(): void {
    this.#requests += 1;
  }

  /** @returns whether the round has had all that it may. */
  countRefusal(): boolean {
    this.#refusals += 1;
    return this.#refusals >= MAX_REFUSALS;
  }

  /**
   * @returns whether another batch may begin. The first one may, whatever the reads before it have taken: else a large zone
   * could never be changed.
   */
  beginBatch(): boolean {
    if (this.#hasBegunBatch && this.#requests >= MAX_REQUESTS) return false;
    this.#hasBegunBatch = true;
    return true;
  }
}
