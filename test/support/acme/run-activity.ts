import { setTimeout as sleep } from 'node:timers/promises';
import { ApplicationFailure } from '@temporalio/common';
import { type AcmeActivityDeps, createAcmeActivities } from '../../../activities/acme.ts';
import { placeAlone } from '../../../activities/order-placement.ts';
import { wrapActivity } from '../../../activities/wrap-activity.ts';
import type { AcmeActivities, PlacedOrder, PlaceOrderInput } from '../../../src/contract/activities/acme.ts';
import type { BundleRef } from '../../../src/contract/activities/bundle-ref.ts';
import { type Attempt, runActivity } from '../temporal/run-activity.ts';

/** How a run of an activity starts, and whether it is retried. */
export interface AcmeAttempt extends Attempt {
  /** Default false: `acme/pending` is retried, as by Temporal. */
  readonly once?: boolean;
}

/** Whose orders they are where a test does not care. Its kind is that of a ClusterDeployment, which proves no names. */
export const ANY_BUNDLE: BundleRef = {
  cluster: { managementCluster: 'hive', namespace: 'ns', name: 'c1', uid: 'uid-of-c1' },
  bundleName: 'primary',
};

/** The activities at the CA, and `placeOrder`, which fulfills no order here. */
export interface AcmeSteps extends AcmeActivities {
  placeOrder(input: PlaceOrderInput): Promise<PlacedOrder>;
}

/** Creates them as a worker does. */
export function createAcmeSteps(deps: AcmeActivityDeps): AcmeSteps {
  const placeOrder = wrapActivity((input: PlaceOrderInput) => placeAlone(deps, input));
  return { ...createAcmeActivities(deps), placeOrder };
}

type Input<Name extends keyof AcmeSteps> = Parameters<AcmeSteps[Name]>[0];

/** Runs an ACME activity by name, for {@link ANY_BUNDLE} by default. */
export async function runAcmeActivity<Name extends keyof AcmeSteps>(
  activities: AcmeSteps,
  name: Name,
  given: Omit<Input<Name>, keyof BundleRef> & Partial<BundleRef>,
  { once = false, ...first }: AcmeAttempt = {},
): Promise<Awaited<ReturnType<AcmeSteps[Name]>>> {
  const input = { ...ANY_BUNDLE, ...given };
  type Result = Awaited<ReturnType<AcmeSteps[Name]>>;
  // TypeScript does not relate input and result of a union of functions.
  const activity = activities[name] as unknown as (given: typeof input) => Promise<Result>;
  let recorded: { readonly heartbeatDetails?: unknown } = {};
  const onHeartbeat = (heartbeatDetails: unknown): void => {
    recorded = { heartbeatDetails };
    first.onHeartbeat?.(heartbeatDetails);
  };
  for (let attempt = first.attempt ?? 1; ; attempt += 1) {
    try {
      return await runActivity(activity, input, { activityType: name, ...first, ...recorded, attempt, onHeartbeat });
    } catch (error) {
      if (once || !(error instanceof ApplicationFailure) || error.type !== 'acme/pending') throw error;
      await sleep(Number(error.nextRetryDelay ?? 0));
    }
  }
}
