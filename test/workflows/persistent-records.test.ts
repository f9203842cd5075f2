/** Records of `dns-persist-01` stay while the cluster lives. */
import { expect, test } from 'vitest';
import type { ClusterView } from '../../src/clusters/cluster-view.ts';
import type { PublishTxtRecordsInput, TxtRecordsInput } from '../../src/contract/activities/dns.ts';
import { clusterObserved, renew } from '../../src/contract/cluster-certificates.ts';
import { eventually } from '../support/vitest/eventually.ts';
import { activityFailure } from '../support/workflows/activity-doubles.ts';
import { bundleView, clusterView } from '../support/workflows/cluster-views.ts';
import { offerPersistence, persistentRecord } from '../support/workflows/persistent-challenges.ts';
import { untilReady, useWorkflowHarness, type WorkflowHarness } from '../support/workflows/use-harness.ts';

const withHarness = useWorkflowHarness();

const NAME = 'api.c1.example.com';

function cluster(fields: Partial<ClusterView> = {}): ClusterView {
  return clusterView({ bundles: [bundleView('primary', NAME)], ...fields });
}

function published({ doubles }: WorkflowHarness): readonly boolean[] {
  return doubles.calls.flatMap(({ activity, input }) =>
    activity === 'publishTxtRecords'
      ? (input as PublishTxtRecordsInput).records.map((record) => record.published === true)
      : [],
  );
}

function withdrawn({ doubles }: WorkflowHarness): readonly string[] {
  return doubles.calls.flatMap(({ activity, input }) =>
    activity === 'withdrawTxtRecords' ? (input as TxtRecordsInput).records.map(({ name }) => name) : [],
  );
}

test('the next order finds what the first one published, and the deletion withdraws it', async () => {
  await withHarness(async (harness) => {
    const view = cluster();
    offerPersistence(harness.doubles);
    const handle = await harness.start(view);
    await untilReady(harness, view);
    expect(withdrawn(harness)).toEqual([]);
    await handle.executeUpdate(renew, { args: [{}] });
    await eventually(
      'a second order',
      () => Promise.resolve(harness.doubles.countOf('finalizeOrder')),
      (n) => n === 2,
    );
    await untilReady(harness, view);
    expect(published(harness)).toEqual([false, true]);
    expect(withdrawn(harness)).toEqual([]);
    const last = harness.env.client.workflow.getHandle(handle.workflowId);
    await last.signal(clusterObserved, { ...view, deleting: true });
    await last.result();
    expect(withdrawn(harness)).toEqual([persistentRecord(NAME).name]);
  });
});

test('a failed first order leaves nothing, a failed later one leaves what was there', async () => {
  await withHarness(async (harness) => {
    const view = cluster();
    const { doubles } = harness;
    offerPersistence(doubles);
    const refuse = (): void =>
      doubles.override('answerChallenges', () => Promise.reject(activityFailure('acme/challengeFailed', 'refused')));
    const failed = (n: number) =>
      eventually(
        'a failed attempt',
        () => harness.status(view),
        ({ bundles }) => {
          const record = bundles['primary'];
          return record?.state === 'Failing' && doubles.countOf('placeOrder') === n;
        },
      );
    refuse();
    const handle = await harness.start(view);
    await failed(1);
    expect(withdrawn(harness)).toEqual([persistentRecord(NAME).name]);
    doubles.override('answerChallenges', undefined);
    await handle.executeUpdate(renew, { args: [{}] });
    await untilReady(harness, view);
    refuse();
    const renewal = harness.env.client.workflow.getHandle(handle.workflowId).executeUpdate(renew, { args: [{}] });
    await expect(renewal).rejects.toThrow('Workflow Update failed');
    await failed(3);
    expect(withdrawn(harness)).toHaveLength(1);
  });
});
