import { isCancellation, log } from '@temporalio/workflow';
import type { LastAttempt } from '../../src/contract/bundle-record.ts';
import { releaseTurn } from '../activities.ts';
import { failureIn } from '../failures.ts';
import type { Bundle } from './bundle.ts';

/**
 * Releases the turn that a bundle's order waits for, where no other step does: nothing is written to the resources of a cluster
 * that moves, or of a request that was claimed.
 */
export async function giveUpTurn({ name, cluster }: Bundle): Promise<void> {
  const bundle = { cluster: cluster.view.identity, bundleName: name };
  try {
    await releaseTurn.executeWithOptions({ summary: `release the turn of ${name} at the CA` }, [bundle]);
  } catch (error) {
    if (isCancellation(error)) throw error;
    // The budget drops the order six hours after its instant: nothing waits for it.
    log.warn('The turn of an order could not be released', { bundle: name, message: failureIn(error).message });
  }
}

/** The attempt of an order that has given up its turn: the next one asks for another, and does not wait for this one. */
export function withoutTurn(attempt: LastAttempt): LastAttempt {
  return { ...attempt, failure: { ...attempt.failure, notBefore: undefined } };
}
