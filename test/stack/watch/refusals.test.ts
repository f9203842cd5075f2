import { expect, test } from 'vitest';
import { KnownFleet } from '../../../activities/watch/known-fleet.ts';
import { SignalRefused, Signals } from '../../../activities/watch/signals.ts';
import { WorkByKey } from '../../../activities/watch/work-by-key.ts';
import { WorkflowComparison } from '../../../activities/watch/workflow-comparison.ts';
import { rememberCluster } from '../../../src/clusters/what-to-signal.ts';
import { clusterWorkflowId } from '../../../workflows/contract.ts';
import { OPERATOR_NAMESPACE, useHub } from '../../support/hub.ts';
import { useWatchLab } from '../../support/watch-lab.ts';

const hub = useHub();
const lab = useWatchLab(hub);

test('a cluster whose workflow Temporal refuses to look up is said, and the comparison goes on with the others', async () => {
  const { client } = lab().env;
  const hive = `hive-${crypto.randomUUID().slice(0, 8)}`;
  const [refused, other] = [await hub().cluster(), await hub().cluster()];
  const fleet = new KnownFleet();
  for (const { view } of [refused, other]) fleet.remember(rememberCluster(undefined, view));
  const stop = new AbortController();
  const { signal } = stop;
  const signals = new Signals({ client: () => client, hive, taskQueue: `watch-${hive}`, signal });
  const errors: object[] = [];
  const comparison = new WorkflowComparison({
    kubernetes: hub().certman,
    settings: { hive, operatorNamespace: OPERATOR_NAMESPACE, comparisonIntervalMs: 1_000, worker: 'worker-1' },
    fleet,
    requests: { claimant: () => undefined },
    signals: {
      running: () => signals.running(),
      observed: (...told) => signals.observed(...told),
      claimed: (...told) => signals.claimed(...told),
      gone: (...told) => signals.gone(...told),
      runningState: async (cluster) => {
        if (cluster.uid === refused.view.identity.uid) throw new SignalRefused('Temporal refused to look it up');
        return await signals.runningState(cluster);
      },
    },
    work: new WorkByKey(1, 10, (error) => {
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
  const started = await client.workflow.getHandle(clusterWorkflowId({ hive, namespace, name, uid })).describe();
  expect(started.status.name).toBe('RUNNING');
  expect(errors).toEqual([
    { cluster: `${refused.view.identity.namespace}/c1`, error: 'Temporal refused to look it up' },
  ]);
  await client.workflow.getHandle(started.workflowId).terminate('the test is over');
});
