/** A controller that serves a list of namespaces, with the rights of deploy/components/watch-namespaces. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readManifests, resourceOf } from '../../../local/stack/management-cluster/manifests.ts';
import { serviceAccountKubeConfig } from '../../../local/stack/management-cluster/service-account.ts';
import { KubernetesClient } from '../../../src/kubernetes/api/client.ts';
import type { KubernetesObject } from '../../../src/kubernetes/api/kubernetes-api.ts';
import { readClusterUid } from '../../../src/kubernetes/objects/cluster-uid.ts';
import { createOperatorSettings } from '../../../src/kubernetes/objects/operator-settings.ts';
import { CERTIFICATE_REQUESTS, CLUSTER_DEPLOYMENTS, SECRETS } from '../../../src/kubernetes/objects/resources.ts';
import { addIngress, createCluster, keyOf } from '../../support/controller/clusters.ts';
import { QUIET_MS, useControllerHarness } from '../../support/controller/harness.ts';
import { OPERATOR_NAMESPACE, useManagementCluster } from '../../support/kubernetes/management-cluster.ts';
import { eventually } from '../../support/vitest/eventually.ts';

const managementCluster = useManagementCluster();
const harness = useControllerHarness(managementCluster);

/** Not the signals of the resync: nothing issues here, so that it finds what is missing. */
const OBSERVED = /^observed/;

/** Beside the ServiceAccount of deploy/base, which the stack's other tests need with its ClusterRoleBinding. */
const ACCOUNT = { namespace: OPERATOR_NAMESPACE, name: 'certman-watch-namespaces' };
let certman: KubernetesClient;
let first: Awaited<ReturnType<typeof createCluster>>;
let second: Awaited<ReturnType<typeof createCluster>>;
let elsewhere: Awaited<ReturnType<typeof createCluster>>;
let namespaces: readonly string[];

/** With the subject, and names that are free, of this test. */
function own(object: KubernetesObject, namespace = object.metadata.namespace): KubernetesObject {
  const metadata = { ...object.metadata, namespace };
  if (object.kind === 'ServiceAccount') return { ...object, metadata: { ...metadata, name: ACCOUNT.name } };
  if (object.kind?.endsWith('Binding') !== true) return object;
  const subjects = [{ kind: 'ServiceAccount', ...ACCOUNT }];
  return { ...object, metadata: { ...metadata, name: `${ACCOUNT.name}-${metadata.name}` }, subjects };
}

beforeAll(async () => {
  const { admin, adminConfig } = managementCluster();
  first = await createCluster(managementCluster());
  second = await createCluster(managementCluster());
  elsewhere = await createCluster(managementCluster());
  namespaces = [first.namespace, second.namespace];
  const [account, base, rights, example] = await Promise.all([
    readManifests('base/service-account.yaml'),
    readManifests('base/rbac.yaml'),
    readManifests('components/watch-namespaces/rbac.yaml'),
    readManifests('examples/watched-namespace.yaml'),
  ]);
  // All of deploy/base but the ClusterRoleBinding, which the component removes.
  const inOwnNamespace = base.filter(({ kind }) => kind === 'RoleBinding');
  const everywhere = [...account, ...inOwnNamespace, ...rights].map((object) => own(object));
  const bindings = namespaces.flatMap((namespace) => example.map((object) => own(object, namespace)));
  for (const object of [...everywhere, ...bindings]) await admin.apply(resourceOf(object), object);
  certman = new KubernetesClient(await serviceAccountKubeConfig(adminConfig, ACCOUNT), { namespaces });
  const canList = () => certman.getJson(`/api/v1/namespaces/${second.namespace}/secrets?limit=1`);
  await eventually('the rights are in force', canList, () => true);
});
afterAll(() => certman?.close());

test('its rights reach these namespaces, its own account and the uid of the management cluster, and no more', async () => {
  await readClusterUid(certman);
  await createOperatorSettings({ kubernetes: certman, operatorNamespace: OPERATOR_NAMESPACE })
    .account()
    .catch((error: unknown) => expect(error).not.toMatchObject({ code: 'kubernetes/forbidden' }));
  const forbidden = { code: 'kubernetes/forbidden' };
  await expect(certman.getJson('/api/v1/secrets?limit=1')).rejects.toMatchObject(forbidden);
  for (const resource of [SECRETS, CLUSTER_DEPLOYMENTS, CERTIFICATE_REQUESTS]) {
    await expect(certman.get(resource, keyOf(elsewhere))).rejects.toMatchObject(forbidden);
  }
  await expect(certman.get(SECRETS, { namespace: OPERATOR_NAMESPACE, name: 'x' })).rejects.toMatchObject(forbidden);
});

test('serves the clusters of these namespaces, resyncs, and takes over without a gap; others it leaves alone', async () => {
  const run = await harness().startController({ kubernetes: certman, namespaces, resyncIntervalMs: 1_000 });
  for (const cluster of [first, second]) await run.untilReceived(cluster, ['observed'], OBSERVED);
  await addIngress(managementCluster(), second);
  await run.untilReceived(second, ['observed', 'observed'], OBSERVED);
  await eventually(
    'a resync',
    () => Promise.resolve(run.logs),
    (logs) => logs.some((line) => line.startsWith('Resynced')),
  );
  await run.stop();

  await addIngress(managementCluster(), first);
  const { managementCluster: name } = run;
  const next = await harness().startController({ kubernetes: certman, namespaces, managementCluster: name });
  await next.untilReceived(first, ['observed', 'observed'], OBSERVED);
  await managementCluster().admin.delete(CLUSTER_DEPLOYMENTS, keyOf(first));
  await sleep(QUIET_MS);
  expect(await next.receivedSignals(elsewhere)).toBeUndefined();
  const failures = [...run.logs, ...next.logs].filter((line) => /interrupted|failed/.test(line));
  expect(failures).toEqual([]);
});
