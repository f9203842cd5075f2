import { describe, expect, test } from 'vitest';
import { createKubernetesActivities } from '../../../activities/kubernetes.ts';
import {
  CERTIFICATE_REQUESTS,
  CLUSTER_DEPLOYMENTS,
  CONFIG_MAPS,
  FINALIZER,
  SECRETS,
} from '../../../src/kubernetes/objects/resources.ts';
import { controllerReferenceTo } from '../../../src/kubernetes/objects/secret-ownership.ts';
import { applyTlsSecret } from '../../../src/kubernetes/objects/tls-secret.ts';
import { selfSigned } from '../../support/certificates/self-signed.ts';
import {
  bundle,
  clusterKey,
  requestKey,
  secretKey,
  useKubernetesActivities,
} from '../../support/kubernetes/kubernetes-activities.ts';
import { createClusterDeployment, useManagementCluster } from '../../support/kubernetes/management-cluster.ts';
import { failureOf, runActivity } from '../../support/temporal/run-activity.ts';
import { eventually } from '../../support/vitest/eventually.ts';
import { useStack } from '../../support/vitest/use-stack.ts';

const hub = useManagementCluster();
const { activities, apply, getCluster, getRequest } = useKubernetesActivities(hub);

describe('applyCertificateRequest', () => {
  test('holds the ClusterDeployment, makes the request, and finds no Secret yet', async () => {
    const { view } = await hub().cluster();
    const observation = await apply(view);
    const request = await getRequest(view);
    expect(observation).toEqual({
      request: { ...requestKey(view), uid: request?.metadata.uid },
      secret: { kind: 'missing' },
    });
    expect((await getCluster(view))?.metadata.finalizers).toEqual([FINALIZER]);
    expect(request?.metadata.finalizers).toEqual([FINALIZER]);
  });

  test('holds a ClusterDeployment whose finalizer somebody took off since it was seen', async () => {
    const { view } = await hub().cluster();
    await apply({ ...view, finalizer: true });
    expect((await getCluster(view))?.metadata.finalizers).toEqual([FINALIZER]);
  });

  test('leaves finalizers of others where they are', async () => {
    const { view } = await hub().cluster();
    const theirs = ['hive.openshift.io/deprovision'];
    await hub().admin.patch(CLUSTER_DEPLOYMENTS, clusterKey(view), [
      { op: 'add', path: '/metadata/finalizers', value: theirs },
    ]);
    await apply(view);
    expect(new Set((await getCluster(view))?.metadata.finalizers)).toEqual(new Set([...theirs, FINALIZER]));
  });

  test('keeps renewBeforeDays of the user, and tells it', async () => {
    const { view } = await hub().cluster();
    await apply(view);
    await hub().admin.patch(CERTIFICATE_REQUESTS, requestKey(view), [
      { op: 'add', path: '/spec/renewBeforeDays', value: 20 },
    ]);
    expect(await apply(view)).toMatchObject({ renewBeforeDays: 20 });
  });

  test('tells of the certificate that is there', async () => {
    const { view } = await hub().cluster();
    const pair = selfSigned({ serialHex: '2a', issuerCommonName: 'R11' });
    const { request } = await apply(view);
    const owner = { requestName: request.name, requestUid: request.uid };
    await applyTlsSecret(hub().certman, { ...secretKey(view), ...owner, ...pair });
    expect(await apply(view)).toMatchObject({
      secret: { kind: 'valid', certificate: { serialNumber: '42', issuerName: 'R11' } },
    });
  });

  test('orders nothing for a Secret that no certificate can be put into', async () => {
    const { view } = await hub().cluster();
    await hub().admin.create(SECRETS, { metadata: secretKey(view), type: 'Opaque', data: { a: 'Yg==' } });
    expect(await failureOf(apply(view))).toMatchObject({ code: 'kubernetes/secretBroken', retry: 'onChange' });
  });

  test('shows names that cannot be served on a request without names, and takes them once they are right', async () => {
    const { view } = await hub().cluster();
    const names = { kind: 'invalid', code: 'names/none', message: 'The bundle has no names.' } as const;
    const invalid = { cluster: view, bundle: { ...bundle, names } };
    await runActivity((input) => activities().applyCertificateRequest(input), invalid);
    expect((await getRequest(view))?.['spec']).toMatchObject({ namesProblem: 'The bundle has no names.' });
    await apply(view);
    const spec = (await getRequest(view))?.['spec'];
    expect(spec).toMatchObject({ dnsNames: ['api.c1.example.com', '*.apps.c1.example.com'] });
    expect(spec).not.toHaveProperty('namesProblem');
  });

  test('a ClusterDeployment that is gone is not held, nor is one that was made again', async () => {
    const { view } = await hub().cluster();
    const again = { ...view, identity: { ...view.identity, uid: crypto.randomUUID() } };
    expect(await failureOf(apply(again))).toMatchObject({ code: 'kubernetes/notFound' });
    await hub().admin.delete(CLUSTER_DEPLOYMENTS, clusterKey(view));
    expect(await failureOf(apply(view))).toMatchObject({ code: 'kubernetes/notFound' });
    expect(await getRequest(view)).toBeUndefined();
  });

  test('a ClusterDeployment that is being deleted is not held', async () => {
    const { view } = await hub().cluster();
    await hub().admin.patch(CLUSTER_DEPLOYMENTS, clusterKey(view), [
      { op: 'add', path: '/metadata/finalizers', value: ['example.com/hold'] },
    ]);
    await hub().admin.delete(CLUSTER_DEPLOYMENTS, clusterKey(view));
    expect(await failureOf(apply(view))).toMatchObject({ code: 'kubernetes/conflict' });
  });

  test('never takes the request of another ClusterDeployment', async () => {
    const { view } = await hub().cluster();
    await apply(view);
    const { namespace } = view.identity;
    // Cluster "a-b" with bundle "c" and cluster "a" with bundle "b-c" share a name; here it is made so by hand.
    const other = await createClusterDeployment(hub().admin, namespace, 'c1x');
    const owners = [
      {
        apiVersion: 'hive.openshift.io/v1',
        kind: 'ClusterDeployment',
        name: 'c1x',
        uid: other.metadata.uid,
        controller: true,
      },
    ];
    await hub().admin.patch(CERTIFICATE_REQUESTS, requestKey(view), [
      { op: 'replace', path: '/metadata/ownerReferences', value: owners },
    ]);
    const failure = await failureOf(apply(view));
    expect(failure).toMatchObject({
      code: 'kubernetes/ownedByOther',
      message: expect.stringContaining('ClusterDeployment c1x'),
    });
    expect((await getRequest(view))?.metadata.ownerReferences).toEqual(owners);
  });

  test('makes a request again that somebody deleted', async () => {
    const { view } = await hub().cluster();
    const first = await apply(view);
    await hub().admin.delete(CERTIFICATE_REQUESTS, requestKey(view));
    const second = await apply(view);
    expect(second.request.uid).not.toBe(first.request.uid);
    expect((await getRequest(view))?.metadata.deletionTimestamp).toBeUndefined();
  });

  test('says who holds a deleted request that cannot be made again yet', async () => {
    const { view } = await hub().cluster();
    await apply(view);
    await hub().admin.patch(CERTIFICATE_REQUESTS, requestKey(view), [
      { op: 'add', path: '/metadata/finalizers/-', value: 'example.com/theirs' },
    ]);
    await hub().admin.delete(CERTIFICATE_REQUESTS, requestKey(view));
    expect(await failureOf(apply(view))).toMatchObject({
      code: 'kubernetes/ownedByOther',
      message: expect.stringContaining('example.com/theirs'),
    });
  });

  test('waits for moments only while the garbage collector holds a deleted request', async () => {
    const { view } = await hub().cluster();
    const { request } = await apply(view);
    const held = { namespace: view.identity.namespace, name: 'held' };
    const ownerReferences = [{ ...controllerReferenceTo(request), blockOwnerDeletion: true }];
    await hub().admin.create(SECRETS, { metadata: { ...held, ownerReferences, finalizers: ['example.com/hold'] } });
    await useStack().kubectl([
      'delete',
      'certificaterequest',
      request.name,
      '-n',
      held.namespace,
      '--cascade=foreground',
      '--wait=false',
    ]);
    const failure = await failureOf(apply(view));
    expect(failure).toMatchObject({ code: 'kubernetes/conflict', retry: 'transient' });
    expect(failure.retryDelayMs).toBeLessThanOrEqual(500);
    await hub().admin.patch(SECRETS, held, [{ op: 'remove', path: '/metadata/finalizers' }]);
    // The collector has a patience of its own.
    const again = await eventually('it is made again', () => apply(view), Boolean);
    expect(again.request.uid).not.toBe(request.uid);
  });

  test('lets go of what an earlier cluster of the same name left being deleted', async () => {
    const { view } = await hub().cluster();
    const key = requestKey(view);
    const owner = {
      apiVersion: 'hive.openshift.io/v1',
      kind: 'ClusterDeployment',
      name: 'c1',
      uid: crypto.randomUUID(),
      controller: true,
    };
    await apply(view);
    await hub().admin.patch(CERTIFICATE_REQUESTS, key, [
      { op: 'replace', path: '/metadata/ownerReferences', value: [owner] },
    ]);
    await hub().admin.delete(CERTIFICATE_REQUESTS, key);
    await apply(view);
    expect((await getRequest(view))?.metadata.ownerReferences).toMatchObject([{ uid: view.identity.uid }]);
  });

  test('says which ConfigMap lacks the address, and goes on once it is there', async () => {
    const { view } = await hub().cluster();
    const elsewhere = await hub().namespace();
    // The deployed rights reach the ConfigMap in certman's own namespace only.
    const acts = createKubernetesActivities({ kubernetes: hub().admin, operatorNamespace: elsewhere });
    expect(await failureOf(apply(view, acts))).toMatchObject({
      code: 'configuration/invalid',
      message: `ConfigMap ${elsewhere}/certman-operator does not exist.`,
    });
    expect((await getCluster(view))?.metadata.finalizers).toBeUndefined();
    await hub().admin.create(CONFIG_MAPS, {
      metadata: { namespace: elsewhere, name: 'certman-operator' },
      data: { default_notification_email_address: 'other@example.com\n' },
    });
    await apply(view, acts);
    expect((await getRequest(view))?.['spec']).toMatchObject({ email: 'other@example.com' });
  });
});
