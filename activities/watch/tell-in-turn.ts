/** Telling the workflow of one cluster something, in that cluster's turn: what Temporal refuses for it concerns no other. */
import type { WatchLogger } from './dependencies.ts';
import { keyOf, type ObjectName } from './known-fleet.ts';
import { SignalRefused } from './signals.ts';
import type { WorkByKey } from './work-by-key.ts';

/** What the log says of a refusal, beside the cluster and Temporal's own words. */
export interface RefusalWords {
  readonly message: string;
  readonly fields?: object;
}

/** Nobody is told two things at once. @returns whether it was dealt with, a refusal included. */
export async function tellInTurn(
  { work, logger }: { readonly work: WorkByKey; readonly logger: WatchLogger },
  cluster: ObjectName,
  refusal: RefusalWords,
  tell: () => Promise<void>,
): Promise<boolean> {
  return await work.add(keyOf(cluster), async () => {
    try {
      await tell();
    } catch (error) {
      if (!(error instanceof SignalRefused)) throw error;
      logger.error({ cluster: keyOf(cluster), ...refusal.fields, error: error.message }, refusal.message);
    }
  });
}
