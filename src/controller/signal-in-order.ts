/** Dealing with the workflow of one cluster: what Temporal refuses for it is said, and concerns no other. */

import { SignalRejected } from './cluster-workflow-client.ts';
import { keyOf, type NamespacedName } from './controller-cache.ts';
import type { ControllerLogger } from './controller-dependencies.ts';
import type { KeyedWorkQueue } from './keyed-work-queue.ts';

/** What the log says of a refusal, beside the cluster and Temporal's own words. */
export interface RejectionLog {
  readonly message: string;
  readonly fields?: object;
}

/** In the cluster's turn, so that nobody is told two things at once. @returns whether it was dealt with, a refusal included. */
export async function signalInOrder(
  { work, logger }: { readonly work: KeyedWorkQueue; readonly logger: ControllerLogger },
  cluster: NamespacedName,
  refusal: RejectionLog,
  tell: () => Promise<void>,
): Promise<boolean> {
  return await work.add(keyOf(cluster), () => unlessRejected(logger, cluster, refusal, tell));
}

/** @returns what the work returns; undefined when Temporal refused it. */
export async function unlessRejected<T>(
  logger: ControllerLogger,
  cluster: NamespacedName,
  refusal: RejectionLog,
  work: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof SignalRejected)) throw error;
    logger.error({ cluster: keyOf(cluster), ...refusal.fields, error: error.message }, refusal.message);
    return undefined;
  }
}
