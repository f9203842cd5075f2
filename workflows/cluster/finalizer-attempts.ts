import { isCancellation } from '@temporalio/workflow';
import type { FinalizerOutcome } from '../../src/contract/activities.ts';
import type { ReleaseResult } from '../../src/contract/cluster-certificates.ts';
import { failureIn } from '../failures.ts';

/** The part of a release result that is about the finalizer. */
export type FinalizerResult = Pick<ReleaseResult, 'finalizer' | 'blockedBy'>;

/** This run's attempts at removing the finalizer, one at a time, with the result that the update `release` returns. */
export class FinalizerAttempts {
  started = 0;
  #finished = 0;
  #last: FinalizerResult | undefined;

  async run(remove: () => Promise<FinalizerOutcome>): Promise<FinalizerOutcome> {
    this.started += 1;
    try {
      const finalizer = await remove();
      this.#finish({ finalizer });
      return finalizer;
    } catch (error) {
      if (!isCancellation(error)) this.#finish({ finalizer: 'blocked', blockedBy: failureIn(error) });
      throw error;
    }
  }

  /** Result of an attempt after the first `started`, or of an earlier one that succeeded; undefined: none yet. */
  resultAfter(started: number): FinalizerResult | undefined {
    return this.#finished > started || this.#last?.finalizer !== 'blocked' ? this.#last : undefined;
  }

  #finish(result: FinalizerResult): void {
    this.#finished = this.started;
    this.#last = result;
  }
}
