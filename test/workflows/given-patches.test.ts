/** Patches that a run has by its input instead of by a marker. docs/decisions/upgrades.md has the reasons. */
import { isDeepStrictEqual } from 'node:util';
import { expect, test } from 'vitest';
import { renew } from '../../src/contract/cluster-certificates.ts';
import { clusterMemo } from '../../src/contract/cluster-memo.ts';
import { clusterWorkflowId, issuanceWorkflowId } from '../../src/contract/ids.ts';
import {
  FIRST_TASK,
  FULFILL_ORDER,
  FULFILL_WITH_PLACEMENT,
  givenPatches,
  RENEWAL_REQUESTS,
} from '../../src/contract/patches.ts';
import { patchAttribute } from '../../src/contract/search-attributes.ts';
import type { clusterCertificates } from '../../workflows/cluster-certificates.ts';
import { Gate } from '../support/faults/gate.ts';
import { failedTasksIn, patchesIn } from '../support/temporal/history-events.ts';
import { eventually } from '../support/vitest/eventually.ts';
import { clusterView } from '../support/workflows/cluster-views.ts';
import { untilReady, useWorkflowHarness, type WorkflowHarness } from '../support/workflows/use-harness.ts';

const withHarness = useWorkflowHarness();

/** Starts a cluster with these patches, which need not be any, and has its certificate issued. */
async function issueWith({ env, taskQueue }: WorkflowHarness, patches: unknown) {
  const view = clusterView();
  const handle = await env.client.workflow.start<typeof clusterCertificates>('clusterCertificates', {
    workflowId: clusterWorkflowId(view.identity),
    taskQueue,
    args: [{ cluster: view, patches: patches as readonly string[] }],
    memo: clusterMemo(view),
    typedSearchAttributes: patchAttribute(givenPatches()),
  });
  return { view, handle };
}

test.each([
  [
    'too many, of a later version, and no text',
    [...Array.from({ length: 10_000 }, () => FULFILL_ORDER), 'of-a-later-version', 7],
    [FULFILL_ORDER, FIRST_TASK],
    [FULFILL_ORDER, FULFILL_WITH_PLACEMENT],
  ],
  // Each marker names those before it.
  ['no list', FULFILL_ORDER, [FIRST_TASK], [FULFILL_ORDER, FULFILL_ORDER, FULFILL_WITH_PLACEMENT]],
])('patches of an input that are %s hold up no run and no order', async (_what, patches, ofRun, ofOrder) => {
  await withHarness(async (harness) => {
    const { env } = harness;
    const { view, handle } = await issueWith(harness, patches);
    await untilReady(harness, view);
    await handle.executeUpdate(renew, { args: [{}] });
    await harness.untilAsleep(view);
    const first = await env.client.workflow.getHandle(handle.workflowId, handle.firstExecutionRunId).fetchHistory();
    const next = await env.client.workflow.getHandle(handle.workflowId).fetchHistory();
    const orders = [1, 2].map((order) => issuanceWorkflowId(view.identity, 'primary', order));
    const ordered = await Promise.all(orders.map((id) => env.client.workflow.getHandle(id).fetchHistory()));
    for (const history of [first, next, ...ordered]) expect(failedTasksIn(history)).toEqual([]);
    expect(patchesIn(next)).toEqual(ofRun);
    for (const history of ordered) expect(patchesIn(history)).toEqual(ofOrder);
  });
});

test('a run is found by the patches of its input, but for the time after a marker, and so is its next run', async () => {
  await withHarness(async (harness) => {
    const { doubles, env } = harness;
    const { view, handle } = await issueWith(harness, givenPatches());
    const found = async (): Promise<unknown> => {
      const { searchAttributes } = await env.client.workflow.getHandle(handle.workflowId).describe();
      return searchAttributes['TemporalChangeVersion'];
    };
    expect(await found()).toEqual(givenPatches());
    await untilReady(harness, view);
    const gate = new Gate();
    doubles.before = async (activity) => {
      if (activity === 'placeOrder') await gate.opened;
    };
    try {
      await handle.startUpdate(renew, { args: [{}], waitForStage: 'ACCEPTED' });
      await eventually('the marker replaces them', found, (patches) => isDeepStrictEqual(patches, [RENEWAL_REQUESTS]));
    } finally {
      gate.open();
    }
    await eventually('the next run has them', found, (patches) => isDeepStrictEqual(patches, givenPatches()));
  });
});
