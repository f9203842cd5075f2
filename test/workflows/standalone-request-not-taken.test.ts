import { expect, test } from 'vitest';
import { type DecommissionResult, renew, requestClaimed } from '../../src/contract/cluster-certificates.ts';
import { clusterWorkflowId } from '../../src/contract/ids.ts';
import { startTimeSkippingEnvironment } from '../support/temporal/temporal-server.ts';
import { eventually } from '../support/vitest/eventually.ts';
import { bundleView, clusterView } from '../support/workflows/cluster-views.ts';
import { untilReady, useWorkflowHarness } from '../support/workflows/use-harness.ts';

const withHarness = useWorkflowHarness(startTimeSkippingEnvironment);

test('a claimed request returns that no workflow has taken what it hands over', async () => {
  await withHarness(async (harness) => {
    const uid = crypto.randomUUID();
    const view = clusterView({
      identity: { managementCluster: 'hive', namespace: 'ns', name: 'web', uid, kind: 'CertificateRequest' },
      bundles: [{ ...bundleView('web'), requestName: 'web' }],
    });
    const handle = await harness.start(view);
    await untilReady(harness, view, 'web');
    await handle.executeUpdate(renew, { args: [{}] });
    await harness.untilAsleep(view);
    await handle.signal(requestClaimed, { clusterDeployment: 'c1', uid: crypto.randomUUID() });
    await eventually(
      'its first attempt has failed',
      async () => (await handle.fetchHistory()).events ?? [],
      (events) => events.some((event) => event.signalExternalWorkflowExecutionFailedEventAttributes),
    );
    await harness.advanceTime(2 * 3_600_000);
    const { bundles } = await harness.env.client.workflow
      .getHandle<() => Promise<DecommissionResult>>(clusterWorkflowId(view.identity))
      .result();
    expect(bundles).toMatchObject([{ failures: [{ message: expect.stringContaining('handed over to c1') }] }]);
  });
});
