import { isCancellation } from '@temporalio/workflow';
import type { FinalizerOutcome } from '../../src/contract/activities.ts';
import type { ReleaseResult } from '../../src/contract/cluster-certificates.ts';
import { failureIn } from '../failures.ts';

/** The part of a release result that is about the finalizer. */
export type FinalizerResult = Pick<ReleaseResult, 'finalizer' | 'blockedBy'>;

/** This run's attempts at removing the finalizer, with the result that the update `release` returns. */
export class FinalizerAttempts {
  #started = 0;
  #last: { readonly number: number; readonly result: FinalizerResult } | undefined;

  get started(): number {
    return this.#started;
  }

  async run(remove: () => Promise<FinalizerOutcome>): Promise<FinalizerOutcome> {
    this.#started += 1;
    const number = this.#started;
    try {
      const finalizer = await remove();
      this.#last = { number, result: { finalizer } };
      return finalizer;
    } catch (error) {
      if (!isCancellation(error))
        this.#last = { number, result: { finalizer: 'blocked', blockedBy: failureIn(error) } };
      throw error;
    }
  }

  /** Result of an attempt after the first `started`, or of an earlier one that succeeded; undefined: none yet. */
  resultAfter(started: number): FinalizerResult | undefined {
    if (this.#last === undefined) return undefined;
    const { number, result } = this.#last;
    return number > started || result.finalizer !== 'blocked' ? result : undefined;
  }
}
