import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { defaultPayloadConverter } from '@temporalio/common';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { WatchPositions } from '../../../activities/contract.ts';
import type { ClusterIdentity } from '../../../src/clusters/cluster-view.ts';
import { CLUSTER_DEPLOYMENTS } from '../../../src/kubernetes/kubernetes-api.ts';
import { clusterWorkflowId, watchStatus, watchWorkflowId } from '../../../workflows/contract.ts';
import { eventually } from '../../support/eventually.ts';
import { OPERATOR_NAMESPACE, useHub } from '../../support/hub.ts';
import { told } from '../../support/recording-workflows.ts';
import { watchAttempt } from '../../support/watch-attempt.ts';
import { ensureWatch, useWatchLab } from '../../support/watch-lab.ts';
import { type CommandProcess, endProcesses, startNode } from '../../support/worker-process.ts';
import { workflowBundle } from '../../support/workflow-bundle.ts';

const hub = useHub();
const lab = useWatchLab(hub);
const WORKER = fileURLToPath(new URL('../../support/watch-worker.ts', import.meta.url));
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'watch-takeover-'));
});

afterEach(async () => {
  await endProcesses();
  await rm(folder, { recursive: true, force: true });
});

async function startWorker(hive: string, taskQueue: string, name: string): Promise<CommandProcess> {
  const kubeconfig = join(folder, 'kubeconfig.json');
  await writeFile(kubeconfig, hub().certmanConfig.exportConfig(), { mode: 0o600 });
  const worker = await startNode([WORKER], {
    WATCH_KUBECONFIG: kubeconfig,
    WATCH_BUNDLE: workflowBundle('recording-workflows').codePath,
    WATCH_TEMPORAL: lab().env.address,
    WATCH_TASK_QUEUE: taskQueue,
    WATCH_HIVE: hive,
    WATCH_WORKER: name,
    WATCH_OPERATOR_NAMESPACE: OPERATOR_NAMESPACE,
  });
  await worker.says(/ready/);
  return worker;
}

test('the watch goes on within seconds on another worker when its process is killed, with no gap and nothing told twice', async () => {
  const hive = `hive-${crypto.randomUUID().slice(0, 8)}`;
  const taskQueue = `watch-${hive}`;
  const { client } = lab().env;
  const handle = client.workflow.getHandle(watchWorkflowId(hive));
  const heard = async (cluster: ClusterIdentity) =>
    await client.workflow
      .getHandle(clusterWorkflowId({ ...cluster, hive }))
      .query(told)
      .catch(() => undefined);

  const first = await startWorker(hive, taskQueue, 'worker-1');
  await ensureWatch(lab().env, hive, taskQueue);
  const { object: made, view } = await hub().cluster();
  const before = view.identity;
  await eventually(
    'the first cluster',
    () => heard(before),
    (seen) => seen !== undefined,
  );
  await startWorker(hive, taskQueue, 'worker-2');
  // A change that Temporal has no record of is signalled again.
  await eventually(
    'Temporal knows that the first cluster is handled',
    async () => (await handle.describe()).raw.pendingActivities?.[0]?.heartbeatDetails?.payloads?.[0],
    (payload) => {
      const positions = payload ? defaultPayloadConverter.fromPayload<WatchPositions | null>(payload) : null;
      return BigInt(positions?.[CLUSTER_DEPLOYMENTS.plural] ?? 0) >= BigInt(made.metadata.resourceVersion ?? 0);
    },
  );

  first.signal('SIGKILL');
  await first.exit();
  const between = (await hub().cluster()).view.identity;
  await eventually(
    'the cluster made after the kill',
    () => heard(between),
    (seen) => seen !== undefined,
  );
  expect(await watchAttempt(client, hive)).toEqual({ heartbeatTimeoutSeconds: 10, afterSilence: true });
  expect(await handle.query(watchStatus)).toMatchObject({ watching: { worker: 'worker-2' }, takeovers: 2 });
  await sleep(1_500);
  expect(await heard(before)).toEqual(['observed']);
  expect(await heard(between)).toEqual(['observed']);
});
