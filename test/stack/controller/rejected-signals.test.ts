import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { toCachedCluster } from '../../../src/clusters/cached-cluster.ts';
import type { ClusterRef } from '../../../src/clusters/cluster-identity.ts';
import { clusterWorkflowId } from '../../../src/contract/ids.ts';
import { ClusterSignaller } from '../../../src/controller/cluster-signaller.ts';
import {
  ClusterWorkflowClient,
  type RunningWorkflow,
  SignalRejected,
} from '../../../src/controller/cluster-workflow-client.ts';
import { ControllerCache } from '../../../src/controller/controller-cache.ts';
import { KeyedWorkQueue } from '../../../src/controller/keyed-work-queue.ts';
import { WorkflowResync } from '../../../src/controller/resync-workflows.ts';
import { createMetrics } from '../../../src/observability/metrics.ts';
import { useControllerHarness } from '../../support/controller/harness.ts';
import { OPERATOR_NAMESPACE, useManagementCluster } from '../../support/kubernetes/management-cluster.ts';

const hive = useManagementCluster();
const harness = useControllerHarness(hive);

test('a lookup that Temporal rejects is logged, and the resync continues with the other clusters', async () => {
  const { client } = harness().env;
  const { certman: kubernetes } = hive();
  const managementCluster = `hive-${crypto.randomUUID().slice(0, 8)}`;
  const rejected = await hive().cluster();
  const other = await hive().cluster();
  const cache = new ControllerCache();
  for (const { view } of [rejected, other]) cache.setCluster(toCachedCluster(undefined, view));
  const { signal } = new AbortController();
  const errors: object[] = [];
  const logger = {
    info: () => undefined,
    warn: () => undefined,
    error: (fields: object) => void errors.push(fields),
  };
  class RejectingClient extends ClusterWorkflowClient {
    override async describe(cluster: ClusterRef): Promise<RunningWorkflow | undefined> {
      if (cluster.uid === rejected.view.identity.uid) throw new SignalRejected('Temporal refused to look it up');
      return await super.describe(cluster);
    }
  }
  const workflows = new RejectingClient({
    client: () => client,
    managementCluster,
    taskQueue: `watch-${managementCluster}`,
    signal,
    metrics: createMetrics(new Registry()),
    logger,
  });
  const queue = new KeyedWorkQueue(1, 10);
  const resync = new WorkflowResync({
    kubernetes,
    settings: {
      managementCluster,
      operatorNamespace: OPERATOR_NAMESPACE,
      resyncIntervalMs: 1_000,
      workerName: 'worker-1',
    },
    cache,
    workflows,
    signaller: new ClusterSignaller({ queue, workflows, kubernetes, logger, signal }),
    logger,
  });

  expect(await resync.run(true)).toBe(1);

  const { namespace, name, uid } = other.view.identity;
  const started = await client.workflow
    .getHandle(clusterWorkflowId({ managementCluster, namespace, name, uid }))
    .describe();
  expect(started.status.name).toBe('RUNNING');
  expect(errors).toEqual([
    { cluster: `${rejected.view.identity.namespace}/c1`, error: 'Temporal refused to look it up' },
  ]);
  await client.workflow.getHandle(started.workflowId).terminate('the test is over');
});
