/** Dealing with the workflow of one cluster: what Temporal refuses for it is said, and concerns no other. */
import type { WatchLogger } from './dependencies.ts';
import { keyOf, type ObjectName } from './known-fleet.ts';
import { SignalRefused } from './signals.ts';
import type { WorkByKey } from './work-by-key.ts';

/** What the log says of a refusal, beside the cluster and Temporal's own words. */
export interface RefusalWords {
  readonly message: string;
  readonly fields?: object;
}

/** In the cluster's turn, so that nobody is told two things at once. @returns whether it was dealt with, a refusal included. */
export async function tellInTurn(
  { work, logger }: { readonly work: WorkByKey; readonly logger: WatchLogger },
  cluster: ObjectName,
  refusal: RefusalWords,
  tell: () => Promise<void>,
): Promise<boolean> {
  return await work.add(keyOf(cluster), () => unlessRefused(logger, cluster, refusal, tell));
}

/** @returns what the work returns; undefined when Temporal refused it. */
export async function unlessRefused<T>(
  logger: WatchLogger,
  cluster: ObjectName,
  refusal: RefusalWords,
  work: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof SignalRefused)) throw error;
    logger.error({ cluster: keyOf(cluster), ...refusal.fields, error: error.message }, refusal.message);
    return undefined;
  }
}
