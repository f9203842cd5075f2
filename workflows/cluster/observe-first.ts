import { CancellationScope, TemporalFailure } from '@temporalio/workflow';
import type { BundleToEvaluate, RequestObservation } from '../../src/contract/activities/kubernetes.ts';
import { knownFactsOf } from '../../src/contract/evaluation.ts';
import { evaluateInFirstTask } from '../local-activities.ts';
import type { Bundle, ClusterContext } from './bundle.ts';
import { endOfTask } from './end-of-task.ts';

/**
 * Observes bundles inside the first workflow task of a run. Required: nothing else of the workflow runs before this returns but the
 * handlers of messages, which do the same whether a message is replayed before the result or after it.
 * @returns observations by bundle name, without those of bundles that changed meanwhile; none where the evaluation failed.
 */
export async function observeFirst(
  { view: { identity: cluster } }: Pick<ClusterContext, 'view'>,
  bundles: readonly Bundle[],
): Promise<ReadonlyMap<string, RequestObservation>> {
  const asked = bundles.map((bundle) => ({ bundle, seen: bundle.changes.count }));
  const input = { cluster, bundles: bundles.map(toEvaluate) };
  const observations = await CancellationScope.nonCancellable(() => evaluateInFirstTask(input)).catch(
    (error: unknown) => {
      // Not always an ActivityFailure around its cause: sdk-core wraps a time-out at first, and on replay it does not.
      if (error instanceof TemporalFailure) return undefined;
      throw error;
    },
  );
  // On replay, a message can be in the same activation as the result.
  await endOfTask();
  const found = new Map(Object.entries(observations ?? {}));
  for (const { bundle, seen } of asked) if (bundle.changes.count !== seen) found.delete(bundle.name);
  return found;
}

function toEvaluate({ name: bundleName, record }: Bundle): BundleToEvaluate {
  return { bundleName, known: knownFactsOf(record) };
}
