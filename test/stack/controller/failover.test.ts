import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { defaultPayloadConverter } from '@temporalio/common';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ClusterIdentity } from '../../../src/clusters/cluster-identity.ts';
import type { WatchCheckpoint } from '../../../src/contract/activities/watch.ts';
import { clusterWorkflowId, watchWorkflowId } from '../../../src/contract/ids.ts';
import { watchStatus } from '../../../src/contract/management-cluster-watch.ts';
import { CLUSTER_DEPLOYMENTS } from '../../../src/kubernetes/objects/resources.ts';
import { ensureWatch, useControllerHarness } from '../../support/controller/harness.ts';
import { receivedSignals } from '../../support/controller/recording-workflows.ts';
import { watchAttempt } from '../../support/controller/watch-attempt.ts';
import { OPERATOR_NAMESPACE, useManagementCluster } from '../../support/kubernetes/management-cluster.ts';
import { type CommandProcess, endProcesses, startNode } from '../../support/process/certman-process.ts';
import { workflowBundle } from '../../support/temporal/workflow-bundle.ts';
import { eventually } from '../../support/vitest/eventually.ts';

const hive = useManagementCluster();
const harness = useControllerHarness(hive);
const WORKER = fileURLToPath(new URL('../../support/controller/controller-worker.ts', import.meta.url));
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'watch-takeover-'));
});

afterEach(async () => {
  await endProcesses();
  await rm(folder, { recursive: true, force: true });
});

async function startWorker(managementCluster: string, taskQueue: string, name: string): Promise<CommandProcess> {
  const kubeconfig = join(folder, 'kubeconfig.json');
  await writeFile(kubeconfig, hive().certmanConfig.exportConfig(), { mode: 0o600 });
  const worker = await startNode([WORKER], {
    WATCH_KUBECONFIG: kubeconfig,
    WATCH_BUNDLE: workflowBundle('recording-workflows').codePath,
    WATCH_TEMPORAL: harness().env.address,
    WATCH_TASK_QUEUE: taskQueue,
    WATCH_MANAGEMENT_CLUSTER: managementCluster,
    WATCH_WORKER: name,
    WATCH_OPERATOR_NAMESPACE: OPERATOR_NAMESPACE,
  });
  await worker.waitForOutput(/ready/);
  return worker;
}

test('the watch resumes within seconds on another worker when its process is killed, with no gap and no signal twice', async () => {
  const managementCluster = `hive-${crypto.randomUUID().slice(0, 8)}`;
  const taskQueue = `watch-${managementCluster}`;
  const { client } = harness().env;
  const handle = client.workflow.getHandle(watchWorkflowId(managementCluster));
  const received = async (cluster: ClusterIdentity) =>
    await client.workflow
      .getHandle(clusterWorkflowId({ ...cluster, managementCluster }))
      .query(receivedSignals)
      .catch(() => undefined);

  const first = await startWorker(managementCluster, taskQueue, 'worker-1');
  await ensureWatch(harness().env, managementCluster, taskQueue);
  const { object: made, view } = await hive().cluster();
  const before = view.identity;
  await eventually(
    'the first cluster',
    () => received(before),
    (seen) => seen !== undefined,
  );
  await startWorker(managementCluster, taskQueue, 'worker-2');
  // A change that Temporal has no record of is signalled again.
  await eventually(
    'Temporal knows that the first cluster is handled',
    async () => (await handle.describe()).raw.pendingActivities?.[0]?.heartbeatDetails?.payloads?.[0],
    (payload) => {
      const positions = payload ? defaultPayloadConverter.fromPayload<WatchCheckpoint | null>(payload) : null;
      return BigInt(positions?.[CLUSTER_DEPLOYMENTS.plural] ?? 0) >= BigInt(made.metadata.resourceVersion ?? 0);
    },
  );

  first.signal('SIGKILL');
  await first.result();
  const between = (await hive().cluster()).view.identity;
  await eventually(
    'the cluster made after the kill',
    () => received(between),
    (seen) => seen !== undefined,
  );
  expect(await watchAttempt(client, managementCluster)).toEqual({ heartbeatTimeoutSeconds: 10, afterSilence: true });
  const { holder, takeovers } = await handle.query(watchStatus);
  expect(holder?.worker).toBe('worker-2');
  // On a machine that stands still for ten seconds, the second worker takes over from itself.
  expect(takeovers).toBeGreaterThanOrEqual(2);
  await sleep(1_500);
  expect(await received(before)).toEqual(['observed']);
  expect(await received(between)).toEqual(['observed']);
});
