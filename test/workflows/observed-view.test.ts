import { expect, test } from 'vitest';
import { type ClusterView, clusterDigest } from '../../src/clusters/cluster-view.ts';
import { clusterObserved, renew } from '../../src/contract/cluster-certificates.ts';
import { viewDigestIn } from '../../src/contract/cluster-memo.ts';
import { clusterWorkflowId } from '../../src/contract/ids.ts';
import { eventually } from '../support/vitest/eventually.ts';
import { clusterView } from '../support/workflows/cluster-views.ts';
import { untilReady, useWorkflowHarness } from '../support/workflows/use-harness.ts';

const withHarness = useWorkflowHarness();

/** Digits before which text does not sort as the numbers do. */
const served: ClusterView = clusterView({ resourceVersion: '999' });
const paused: ClusterView = { ...served, paused: true, resourceVersion: '1000' };

test('a cluster ignores a state that was read before the one that it has, and takes one of unknown age', async () => {
  await withHarness(async (harness) => {
    const handle = await harness.start(served);
    await untilReady(harness, served);
    const untilPaused = (expected: boolean) =>
      eventually(
        'the pause',
        () => harness.status(served),
        ({ cluster }) => cluster.paused === expected,
      );
    await handle.signal(clusterObserved, paused);
    await untilPaused(true);
    await handle.signal(clusterObserved, { ...served, limitedSupport: true });
    // Signals are processed in order: once this one is, the one before it was.
    await handle.signal(clusterObserved, { ...paused, hibernating: true, resourceVersion: '1001' });
    const { cluster } = await eventually(
      'the last',
      () => harness.status(served),
      (one) => one.cluster.hibernating === true,
    );
    expect(cluster).toMatchObject({ paused: true, limitedSupport: false });
    await handle.signal(clusterObserved, { ...served, resourceVersion: 'unknown' });
    await untilPaused(false);
  });
});

test('the memo has the digest of the observed state; a change of it costs one event, the same state none', async () => {
  await withHarness(async (harness) => {
    const view = clusterView({ resourceVersion: '10' });
    const handle = await harness.start(view);
    await untilReady(harness, view);
    const workflow = harness.env.client.workflow.getHandle(clusterWorkflowId(view.identity));
    const memoChanges = async () => {
      const { events } = await workflow.fetchHistory();
      return (events ?? []).filter((event) => event.workflowPropertiesModifiedEventAttributes).length;
    };
    expect(await memoChanges()).toBe(0);
    expect(viewDigestIn((await workflow.describe()).memo)).toBe(clusterDigest(view));
    const changed: ClusterView = { ...view, hibernating: true, resourceVersion: '12' };
    await handle.signal(clusterObserved, changed);
    await handle.signal(clusterObserved, { ...changed, resourceVersion: '13' });
    await eventually(
      'both are processed',
      () => harness.status(view),
      ({ cluster }) => cluster.resourceVersion === '13',
    );
    expect(viewDigestIn((await workflow.describe()).memo)).toBe(clusterDigest(changed));
    expect(await memoChanges()).toBe(1);
    const { runId } = await workflow.describe();
    await workflow.executeUpdate(renew, { args: [{}] });
    const next = await eventually(
      'it continues as new',
      () => workflow.describe(),
      (run) => run.runId !== runId,
    );
    expect(viewDigestIn(next.memo)).toBe(clusterDigest(changed));
    expect(await memoChanges()).toBe(0);
  });
});
