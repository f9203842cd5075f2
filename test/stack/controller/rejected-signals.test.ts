import { expect, test } from 'vitest';
import { toCachedCluster } from '../../../src/clusters/cached-cluster.ts';
import { clusterWorkflowId } from '../../../src/contract/ids.ts';
import { ClusterWorkflowClient, SignalRejected } from '../../../src/controller/cluster-workflow-client.ts';
import { ControllerCache } from '../../../src/controller/controller-cache.ts';
import { KeyedWorkQueue } from '../../../src/controller/keyed-work-queue.ts';
import { WorkflowResync } from '../../../src/controller/resync-workflows.ts';
import { useControllerHarness } from '../../support/controller/harness.ts';
import { OPERATOR_NAMESPACE, useManagementCluster } from '../../support/kubernetes/management-cluster.ts';

const hub = useManagementCluster();
const lab = useControllerHarness(hub);

test('a cluster whose workflow Temporal refuses to look up is said, and the comparison goes on with the others', async () => {
  const { client } = lab().env;
  const managementCluster = `hive-${crypto.randomUUID().slice(0, 8)}`;
  const [refused, other] = [await hub().cluster(), await hub().cluster()];
  const fleet = new ControllerCache();
  for (const { view } of [refused, other]) fleet.setCluster(toCachedCluster(undefined, view));
  const stop = new AbortController();
  const { signal } = stop;
  const signals = new ClusterWorkflowClient({
    client: () => client,
    managementCluster,
    taskQueue: `watch-${managementCluster}`,
    signal,
  });
  const errors: object[] = [];
  const comparison = new WorkflowResync({
    kubernetes: hub().certman,
    settings: {
      managementCluster,
      operatorNamespace: OPERATOR_NAMESPACE,
      resyncIntervalMs: 1_000,
      workerName: 'worker-1',
    },
    fleet,
    requests: { ownerOf: () => undefined },
    signals: {
      listRunning: () => signals.listRunning(),
      signalObserved: (...told) => signals.signalObserved(...told),
      signalClaimed: (...told) => signals.signalClaimed(...told),
      signalGone: (...told) => signals.signalGone(...told),
      describeState: async (cluster) => {
        if (cluster.uid === refused.view.identity.uid) throw new SignalRejected('Temporal refused to look it up');
        return await signals.describeState(cluster);
      },
    },
    work: new KeyedWorkQueue(1, 10, (error) => {
      throw error;
    }),
    logger: {
      debug: () => undefined,
      info: () => undefined,
      warn: () => undefined,
      error: (fields) => void errors.push(fields),
    },
    signal,
  });

  expect(await comparison.run(true)).toBe(1);

  const { namespace, name, uid } = other.view.identity;
  const started = await client.workflow
    .getHandle(clusterWorkflowId({ managementCluster, namespace, name, uid }))
    .describe();
  expect(started.status.name).toBe('RUNNING');
  expect(errors).toEqual([
    { cluster: `${refused.view.identity.namespace}/c1`, error: 'Temporal refused to look it up' },
  ]);
  await client.workflow.getHandle(started.workflowId).terminate('the test is over');
});
