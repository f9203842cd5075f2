import { expect, test } from 'vitest';
import type { ClusterIdentity } from '../../../src/clusters/cluster-identity.ts';
import { clusterWorkflowId } from '../../../src/contract/ids.ts';
import { ClusterWorkflowClient } from '../../../src/controller/cluster-workflow-client.ts';
import { ControllerCache } from '../../../src/controller/controller-cache.ts';
import { WorkflowResync } from '../../../src/controller/resync-workflows.ts';
import { observeRequest } from '../../../src/kubernetes/objects/observed-request.ts';
import { CERTIFICATE_REQUESTS, FINALIZER } from '../../../src/kubernetes/objects/resources.ts';
import { useControllerHarness } from '../../support/controller/harness.ts';
import { useManagementCluster } from '../../support/kubernetes/management-cluster.ts';

const managementCluster = useManagementCluster();
const harness = useControllerHarness(managementCluster);

test('requests that were deleted since they were listed start no decommission; those that are left do', async () => {
  const { certman, admin } = managementCluster();
  const identity: ClusterIdentity = {
    managementCluster: 'hive',
    namespace: await managementCluster().namespace(),
    name: 'c1',
    uid: crypto.randomUUID(),
  };
  const { namespace } = identity;
  const listed = await Promise.all(
    ['primary', 'other'].map(async (bundle) => {
      const name = `c1-${bundle}`;
      const ownerReferences = [
        { apiVersion: 'hive.openshift.io/v1', kind: 'ClusterDeployment', name: 'c1', uid: identity.uid },
      ];
      const platform = { aws: { region: 'us-east-1', credentials: { name: 'aws' } } };
      const spec = {
        acmeDNSDomain: 'example.com',
        certificateSecret: { name: `${bundle}-cert` },
        dnsNames: [`${bundle}.c1.example.com`],
        email: 'sre@example.com',
        platform,
      };
      // Without a finalizer, the garbage collector would delete it: its owner does not exist.
      const metadata = { namespace, name, ownerReferences, finalizers: [FINALIZER] };
      await certman.apply(CERTIFICATE_REQUESTS, { metadata, spec });
      const object = await certman.get(CERTIFICATE_REQUESTS, { namespace, name });
      if (object === undefined) throw new Error(`${name} was not created`);
      return observeRequest(object);
    }),
  );
  const { client } = harness().env;
  const workflows = new ClusterWorkflowClient({
    client: () => client,
    managementCluster: identity.managementCluster,
    taskQueue: 'without-worker',
    signal: new AbortController().signal,
    metrics: { workflowListFailures: { inc: () => undefined } },
    logger: { warn: () => undefined },
  });
  const inOrder = async (_: unknown, send: () => Promise<void>): Promise<boolean> => {
    await send();
    return true;
  };
  const unlessRejected = async <T>(_: unknown, request: () => Promise<T>): Promise<T> => await request();
  const resync = new WorkflowResync({
    settings: { managementCluster: identity.managementCluster },
    kubernetes: certman,
    cache: new ControllerCache(),
    workflows,
    signaller: { inOrder, unlessRejected },
    logger: { warn: () => undefined },
  } as never);
  const handle = client.workflow.getHandle(clusterWorkflowId(identity));

  const remove = async (name: string): Promise<void> => {
    await admin.patch(CERTIFICATE_REQUESTS, { namespace, name }, [{ op: 'remove', path: '/metadata/finalizers' }]);
    await admin.delete(CERTIFICATE_REQUESTS, { namespace, name });
  };

  await remove('c1-primary');
  await expect(resync.runOrphans(listed.slice(0, 1))).resolves.toBe(0);
  await expect(handle.describe()).rejects.toThrow('not found');

  await expect(resync.runOrphans(listed)).resolves.toBe(1);
  const { events } = await handle.fetchHistory();
  const [payload] = events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads ?? [];
  const { cluster } = JSON.parse(Buffer.from(payload?.data ?? []).toString());
  expect(cluster.bundles.map(({ name }: { name: string }) => name)).toEqual(['other']);
  await handle.terminate('the test is over');
  await remove('c1-other');
});
