/** The tries to release a cluster's finalizer: what became of them, for whoever orders the cluster to be let go. */
import { isCancellation } from '@temporalio/workflow';
import type { FinalizerOutcome } from '../../activities/contract.ts';
import type { Released } from '../contract.ts';
import { failureIn } from '../failures.ts';

export type TriedFinalizer = Pick<Released, 'finalizer' | 'heldUpBy'>;

export class FinalizerTries {
  #begun = 0;
  #last: (TriedFinalizer & { readonly number: number }) | undefined;

  /** How many have begun in this run. */
  get begun(): number {
    return this.#begun;
  }

  /** One try. @throws what `release` throws. */
  async during(release: () => Promise<FinalizerOutcome>): Promise<FinalizerOutcome> {
    this.#begun += 1;
    const number = this.#begun;
    try {
      const outcome = await release();
      this.#last = { number, finalizer: outcome };
      return outcome;
    } catch (error) {
      if (!isCancellation(error)) this.#last = { number, finalizer: 'heldUp', heldUpBy: failureIn(error) };
      throw error;
    }
  }

  /** @returns what became of a try that began after the first `begun`, or of an earlier one that succeeded; undefined: not known yet. */
  after(begun: number): TriedFinalizer | undefined {
    if (this.#last === undefined) return undefined;
    const { number, ...tried } = this.#last;
    return number > begun || tried.finalizer !== 'heldUp' ? tried : undefined;
  }
}
