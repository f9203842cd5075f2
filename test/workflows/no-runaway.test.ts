/** The bound of orders for one exact set of names, by what the visibility of a real server knows. */
import { expect, test } from 'vitest';
import type { ClusterView } from '../../src/clusters/cluster-view.ts';
import type { PlaceOrderInput } from '../../src/contract/activities/acme.ts';
import { failureOf } from '../../src/contract/bundle-record.ts';
import { renew } from '../../src/contract/cluster-certificates.ts';
import { CertmanError } from '../../src/failures/failure.ts';
import { RunawayGuard } from '../../src/issuance/runaway-guard.ts';
import { listIssuancesOfSet } from '../../src/worker/list-issuances-of-set.ts';
import { eventually } from '../support/vitest/eventually.ts';
import { activityFailure } from '../support/workflows/activity-doubles.ts';
import { bundleView, clusterView } from '../support/workflows/cluster-views.ts';
import { untilReady, useWorkflowHarness, type WorkflowHarness } from '../support/workflows/use-harness.ts';

const withHarness = useWorkflowHarness();
const NAME = 'api.runaway.test';

function viewOf(name: string): ClusterView {
  return clusterView({
    identity: { managementCluster: 'hive', namespace: 'ns', name, uid: crypto.randomUUID() },
    zoneName: 'runaway.test',
    bundles: [{ ...bundleView('primary', NAME), secretName: `${name}-cert` }],
  });
}

/** Activities that check as `placeOrder` does. */
function guarded({ env, doubles }: WorkflowHarness): void {
  const guard = new RunawayGuard({ list: listIssuancesOfSet(env.client) });
  doubles.before = async (activity, input) => {
    if (activity !== 'placeOrder') return;
    try {
      await guard.require(input as PlaceOrderInput, new AbortController().signal);
    } catch (error) {
      if (!(error instanceof CertmanError)) throw error;
      throw activityFailure(error.code, error.message, new Date(error.info.notBefore ?? ''));
    }
  };
}

test('two clusters with the same names get ten certificates together, and a person one more', () =>
  withHarness(async (harness) => {
    guarded(harness);
    const views = ['one', 'two'].map(viewOf);
    const handles = await Promise.all(views.map((view) => harness.start(view)));
    for (const view of views) await untilReady(harness, view);
    const renewTo = async (count: number, of: number): Promise<void> => {
      await harness.untilAsleep(views[of] as (typeof views)[number]);
      await handles[of]?.executeUpdate(renew, { args: [{}] });
      await eventually(
        `${count} certificates in visibility`,
        () =>
          harness.env.client.workflow.count(`WorkflowType = 'certificateIssuance' AND ExecutionStatus = 'Completed'`),
        (found) => found.count >= count,
      );
    };
    // Each by the limit of its own workflow: five.
    for (let count = 3; count <= 10; count += 1) await renewTo(count, count % 2);
    const third = viewOf('three');
    const handle = await harness.start(third);
    const status = await eventually(
      'the refusal',
      () => harness.status(third),
      ({ bundles }) => bundles['primary']?.state === 'Failing',
    );
    const failure = status.bundles['primary'] && failureOf(status.bundles['primary']);
    expect(failure?.code).toBe('rateLimit/runaway');
    expect(failure?.message).toMatch(/ordered by .* \(5\), .* \(5\)/);
    await harness.untilAsleep(third);
    await expect(handle.executeUpdate(renew, { args: [{}] })).rejects.toThrow();
    await handle.executeUpdate(renew, { args: [{ exceedLimit: true }] });
    await untilReady(harness, third);
  }));
