/** The tries to release a cluster's finalizer: what became of them, for whoever orders the cluster to be let go. */
import { isCancellation } from '@temporalio/workflow';
import type { FinalizerOutcome } from '../../src/contract/activities.ts';
import type { ReleaseResult } from '../../src/contract/cluster-certificates.ts';
import { failureIn } from '../failures.ts';

export type FinalizerResult = Pick<ReleaseResult, 'finalizer' | 'blockedBy'>;

export class FinalizerAttempts {
  #begun = 0;
  #last: (FinalizerResult & { readonly number: number }) | undefined;

  /** How many have begun in this run. */
  get started(): number {
    return this.#begun;
  }

  /** One try. @throws what `release` throws. */
  async run(release: () => Promise<FinalizerOutcome>): Promise<FinalizerOutcome> {
    this.#begun += 1;
    const number = this.#begun;
    try {
      const outcome = await release();
      this.#last = { number, finalizer: outcome };
      return outcome;
    } catch (error) {
      if (!isCancellation(error)) this.#last = { number, finalizer: 'blocked', blockedBy: failureIn(error) };
      throw error;
    }
  }

  /** @returns what became of a try that began after the first `begun`, or of an earlier one that succeeded; undefined: not known yet. */
  resultAfter(begun: number): FinalizerResult | undefined {
    if (this.#last === undefined) return undefined;
    const { number, ...tried } = this.#last;
    return number > begun || tried.finalizer !== 'blocked' ? tried : undefined;
  }
}
