import { describe, expect, test } from 'vitest';
import type { ClusterView } from '../../../src/clusters/cluster-view.ts';
import { RENEWAL_POLICY_ANNOTATION } from '../../../src/kubernetes/objects/renewal-policy-annotation.ts';
import {
  CERTIFICATE_REQUESTS,
  CLUSTER_DEPLOYMENTS,
  CONFIG_MAPS,
  FINALIZER,
  SECRETS,
} from '../../../src/kubernetes/objects/resources.ts';
import { controllerReferenceTo } from '../../../src/kubernetes/objects/secret-ownership.ts';
import { selfSigned } from '../../support/certificates/self-signed.ts';
import {
  bundle,
  clusterKey,
  kubernetesActivities,
  observedMissing,
  requestKey,
  secretKey,
  useKubernetesActivities,
} from '../../support/kubernetes/kubernetes-activities.ts';
import {
  createClusterDeployment,
  OPERATOR_NAMESPACE,
  useManagementCluster,
} from '../../support/kubernetes/management-cluster.ts';
import { startApiServerProxy } from '../../support/kubernetes/proxied-api-server.ts';
import { putTlsSecret } from '../../support/kubernetes/put-tls-secret.ts';
import { failureOf, runActivity } from '../../support/temporal/run-activity.ts';
import { eventually } from '../../support/vitest/eventually.ts';
import { useStack } from '../../support/vitest/use-stack.ts';

const managementCluster = useManagementCluster();
const { activities, apply, getCluster, getRequest } = useKubernetesActivities(managementCluster);

describe('applyCertificateRequest', () => {
  test('adds the finalizer, creates the request, and finds no Secret yet', async () => {
    const { view } = await managementCluster().cluster();
    const observation = await apply(view);
    const request = await getRequest(view);
    expect(observation).toEqual({
      request: { ...requestKey(view), uid: request?.metadata.uid },
      generation: 1,
      secret: { kind: 'missing' },
    });
    expect((await getCluster(view))?.metadata.finalizers).toEqual([FINALIZER]);
    expect(request?.metadata.finalizers).toEqual([FINALIZER]);
  });

  test('adds the finalizer when another removed it since the observation', async () => {
    const { view } = await managementCluster().cluster();
    await apply({ ...view, finalizer: true });
    expect((await getCluster(view))?.metadata.finalizers).toEqual([FINALIZER]);
  });

  test('keeps finalizers of others', async () => {
    const { view } = await managementCluster().cluster();
    const theirs = ['hive.openshift.io/deprovision'];
    await managementCluster().admin.patch(CLUSTER_DEPLOYMENTS, clusterKey(view), [
      { op: 'add', path: '/metadata/finalizers', value: theirs },
    ]);
    await apply(view);
    expect(new Set((await getCluster(view))?.metadata.finalizers)).toEqual(new Set([...theirs, FINALIZER]));
  });

  test('keeps the user’s renewBeforeDays, and returns it', async () => {
    const { view } = await managementCluster().cluster();
    await apply(view);
    await managementCluster().admin.patch(CERTIFICATE_REQUESTS, requestKey(view), [
      { op: 'add', path: '/spec/renewBeforeDays', value: 20 },
    ]);
    expect(await apply(view)).toMatchObject({ renewBeforeDays: 20 });
  });

  test('keeps the annotation of the renewal policy, and returns the policy; an invalid one is returned as a problem', async () => {
    const { view } = await managementCluster().cluster();
    expect(await apply(view)).not.toHaveProperty('renewalPolicy', expect.anything());
    const annotate = (value: string) =>
      managementCluster().admin.patch(CERTIFICATE_REQUESTS, requestKey(view), [
        { op: 'add', path: '/metadata/annotations', value: { [RENEWAL_POLICY_ANNOTATION]: value } },
      ]);
    await annotate('ari');
    expect(await apply(view)).toMatchObject({ renewalPolicy: 'ari' });
    await annotate('sometimes');
    const observation = await apply(view);
    expect(observation).not.toHaveProperty('renewalPolicy', expect.anything());
    expect(observation.renewalPolicyProblem).toContain('is "sometimes", not renew-before or ari');
    expect((await getRequest(view))?.metadata.annotations).toEqual({ [RENEWAL_POLICY_ANNOTATION]: 'sometimes' });
  });

  test('returns the existing certificate', async () => {
    const { view } = await managementCluster().cluster();
    const pair = selfSigned({ serialHex: '2a', issuerCommonName: 'R11' });
    const { request } = await apply(view);
    await putTlsSecret(managementCluster().certman, { request, secretName: bundle.secretName, ...pair });
    expect(await apply(view)).toMatchObject({
      secret: { kind: 'valid', certificate: { serialNumber: '42', issuerName: 'R11' } },
    });
  });

  test('returns the CA that the status names for the certificate in the Secret, and none for another certificate', async () => {
    const { view } = await managementCluster().cluster();
    const { request } = await apply(view);
    const install = (serialHex: string) =>
      putTlsSecret(managementCluster().certman, {
        request,
        secretName: bundle.secretName,
        ...selfSigned({ serialHex }),
      });
    const status = { serialNumber: '42', acmeServer: 'ca.example' };
    await managementCluster().admin.apply(
      CERTIFICATE_REQUESTS,
      { metadata: requestKey(view), status },
      { subresource: 'status' },
    );
    expect(await apply(view)).toMatchObject({ secret: { kind: 'missing' }, issuedByCaHost: 'ca.example' });
    await install('2a');
    expect(await apply(view)).toMatchObject({ secret: { kind: 'valid' }, issuedByCaHost: 'ca.example' });
    await install('2b');
    expect(await apply(view)).not.toHaveProperty('issuedByCaHost', 'ca.example');
  });

  test('rejects a Secret that cannot hold a certificate', async () => {
    const { view } = await managementCluster().cluster();
    await managementCluster().admin.create(SECRETS, { metadata: secretKey(view), type: 'Opaque', data: { a: 'Yg==' } });
    expect(await failureOf(apply(view))).toMatchObject({ code: 'kubernetes/secretBroken', retry: 'onChange' });
  });

  test('shows invalid names on a request without names, and applies them once they are valid', async () => {
    const { view } = await managementCluster().cluster();
    const use = (name: string) =>
      managementCluster().admin.patch(CLUSTER_DEPLOYMENTS, clusterKey(view), [
        { op: 'replace', path: '/spec/controlPlaneConfig/servingCertificates/default', value: name },
        { op: 'replace', path: '/spec/ingress/0/servingCertificate', value: name },
      ]);
    await use('another');
    await apply(view);
    const namesProblem = expect.stringContaining('Nothing in the ClusterDeployment uses the bundle') as string;
    expect((await getRequest(view))?.['spec']).toMatchObject({ namesProblem });
    await use('primary');
    await apply(view);
    const spec = (await getRequest(view))?.['spec'];
    expect(spec).toMatchObject({ dnsNames: ['api.c1.example.com', '*.apps.c1.example.com'] });
    expect(spec).not.toHaveProperty('namesProblem');
  });

  test('a ClusterDeployment that is gone or was re-created gets no finalizer', async () => {
    const { view } = await managementCluster().cluster();
    const again = { ...view, identity: { ...view.identity, uid: crypto.randomUUID() } };
    expect(await failureOf(apply(again))).toMatchObject({ code: 'kubernetes/notFound' });
    await managementCluster().admin.delete(CLUSTER_DEPLOYMENTS, clusterKey(view));
    expect(await failureOf(apply(view))).toMatchObject({ code: 'kubernetes/notFound' });
    expect(await getRequest(view)).toBeUndefined();
  });

  test('a ClusterDeployment that is being deleted gets no finalizer', async () => {
    const { view } = await managementCluster().cluster();
    await managementCluster().admin.patch(CLUSTER_DEPLOYMENTS, clusterKey(view), [
      { op: 'add', path: '/metadata/finalizers', value: ['example.com/hold'] },
    ]);
    await managementCluster().admin.delete(CLUSTER_DEPLOYMENTS, clusterKey(view));
    expect(await failureOf(apply(view))).toMatchObject({ code: 'kubernetes/conflict' });
  });

  test('never adopts the request of another ClusterDeployment', async () => {
    const { view } = await managementCluster().cluster();
    await apply(view);
    const { namespace } = view.identity;
    // Cluster "a-b" with bundle "c" and cluster "a" with bundle "b-c" share a name; here it is made so by hand.
    const other = await createClusterDeployment(managementCluster().admin, namespace, 'c1x');
    const owners = [
      {
        apiVersion: 'hive.openshift.io/v1',
        kind: 'ClusterDeployment',
        name: 'c1x',
        uid: other.metadata.uid,
        controller: true,
      },
    ];
    await managementCluster().admin.patch(CERTIFICATE_REQUESTS, requestKey(view), [
      { op: 'replace', path: '/metadata/ownerReferences', value: owners },
    ]);
    const failure = await failureOf(apply(view));
    expect(failure).toMatchObject({
      code: 'kubernetes/ownedByOther',
      message: expect.stringContaining('ClusterDeployment c1x'),
    });
    expect((await getRequest(view))?.metadata.ownerReferences).toEqual(owners);
  });

  test('writes to the request that it knows by uid, and to none that a successor has put in its place', async () => {
    const { view } = await managementCluster().cluster();
    const { request } = await apply(view);
    const known = (input = { cluster: view.identity, bundleName: bundle.name, requestUid: request.uid }) =>
      runActivity((one) => activities().applyCertificateRequest(one), input);
    expect((await known()).request.uid).toBe(request.uid);
    const before = await getRequest(view);
    await managementCluster().admin.patch(CERTIFICATE_REQUESTS, requestKey(view), [
      { op: 'remove', path: '/metadata/finalizers' },
    ]);
    await managementCluster().admin.delete(CERTIFICATE_REQUESTS, requestKey(view));
    const again = await known();
    expect(again.request.uid).not.toBe(request.uid);

    await managementCluster().admin.patch(CERTIFICATE_REQUESTS, requestKey(view), [
      { op: 'remove', path: '/metadata/finalizers' },
    ]);
    await managementCluster().admin.delete(CERTIFICATE_REQUESTS, requestKey(view));
    const successor = await createClusterDeployment(managementCluster().admin, view.identity.namespace, 'c1y');
    // Without `controller`, the API server would let a second owner in.
    const owner = { apiVersion: 'hive.openshift.io/v1', kind: 'ClusterDeployment', name: 'c1y' };
    await managementCluster().admin.create(CERTIFICATE_REQUESTS, {
      metadata: { ...requestKey(view), ownerReferences: [{ ...owner, uid: successor.metadata.uid }] },
      spec: before?.['spec'],
    });
    const theirs = await getRequest(view);
    for (const attempt of [known, () => apply(view)]) {
      expect(await failureOf(attempt())).toMatchObject({ code: 'kubernetes/ownedByOther' });
    }
    expect((await getRequest(view))?.metadata).toEqual(theirs?.metadata);
  });

  test('creates a deleted request anew', async () => {
    const { view } = await managementCluster().cluster();
    const first = await apply(view);
    await managementCluster().admin.delete(CERTIFICATE_REQUESTS, requestKey(view));
    const second = await apply(view);
    expect(second.request.uid).not.toBe(first.request.uid);
    expect((await getRequest(view))?.metadata.deletionTimestamp).toBeUndefined();
  });

  test('names the finalizers of a deleted request that cannot be created anew yet', async () => {
    const { view } = await managementCluster().cluster();
    await apply(view);
    await managementCluster().admin.patch(CERTIFICATE_REQUESTS, requestKey(view), [
      { op: 'add', path: '/metadata/finalizers/-', value: 'example.com/theirs' },
    ]);
    await managementCluster().admin.delete(CERTIFICATE_REQUESTS, requestKey(view));
    expect(await failureOf(apply(view))).toMatchObject({
      code: 'kubernetes/ownedByOther',
      message: expect.stringContaining('example.com/theirs'),
    });
  });

  test('waits briefly while the garbage collector delays a deletion', async () => {
    const { view } = await managementCluster().cluster();
    const { request } = await apply(view);
    const held = { namespace: view.identity.namespace, name: 'held' };
    const ownerReferences = [{ ...controllerReferenceTo(request), blockOwnerDeletion: true }];
    await managementCluster().admin.create(SECRETS, {
      metadata: { ...held, ownerReferences, finalizers: ['example.com/hold'] },
    });
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
    expect(failure.retryDelayMs).toBeLessThanOrEqual(1_000);
    await managementCluster().admin.patch(SECRETS, held, [{ op: 'remove', path: '/metadata/finalizers' }]);
    // The collector has a patience of its own.
    const again = await eventually('it is created anew', () => apply(view), Boolean);
    expect(again.request.uid).not.toBe(request.uid);
  });

  test('releases the deleting request of an earlier cluster of the same name', async () => {
    const { view } = await managementCluster().cluster();
    const key = requestKey(view);
    const owner = {
      apiVersion: 'hive.openshift.io/v1',
      kind: 'ClusterDeployment',
      name: 'c1',
      uid: crypto.randomUUID(),
      controller: true,
    };
    await apply(view);
    await managementCluster().admin.patch(CERTIFICATE_REQUESTS, key, [
      { op: 'replace', path: '/metadata/ownerReferences', value: [owner] },
    ]);
    await managementCluster().admin.delete(CERTIFICATE_REQUESTS, key);
    await apply(view);
    expect((await getRequest(view))?.metadata.ownerReferences).toMatchObject([{ uid: view.identity.uid }]);
  });

  test('names the ConfigMap without an address, and continues once it is there', async () => {
    const { view } = await managementCluster().cluster();
    const elsewhere = await managementCluster().namespace();
    // The deployed rights reach the ConfigMap in certman's own namespace only.
    const acts = kubernetesActivities(managementCluster().admin, elsewhere);
    expect(await failureOf(apply(view, acts))).toMatchObject({
      code: 'configuration/invalid',
      message: `ConfigMap ${elsewhere}/certman-operator does not exist.`,
    });
    expect((await getCluster(view))?.metadata.finalizers).toBeUndefined();
    await managementCluster().admin.create(CONFIG_MAPS, {
      metadata: { namespace: elsewhere, name: 'certman-operator' },
      data: { default_notification_email_address: 'other@example.com\n' },
    });
    await apply(view, acts);
    expect((await getRequest(view))?.['spec']).toMatchObject({ email: 'other@example.com' });
  });
});

describe('applyCertificateRequest of a finalizer that the watch has observed to be missing', () => {
  /** Of the first evaluation after the watch has observed the object, and after what is changed since. */
  async function applyObserved(change: (view: ClusterView) => Promise<unknown> = async () => undefined) {
    const { object, view } = await managementCluster().cluster();
    const missing = observedMissing(object);
    await change(view);
    const proxied = await startApiServerProxy(managementCluster().certmanConfig);
    const acts = kubernetesActivities(proxied.api, OPERATOR_NAMESPACE, missing);
    const outcome = await apply(view, acts).then(
      () => 'applied',
      async (error: unknown) => (await failureOf(Promise.reject(error))).code,
    );
    const ofCluster = proxied.proxy.seen.filter(({ path }) => path.includes(`/${CLUSTER_DEPLOYMENTS.plural}/`));
    await proxied.close();
    const finalizers = (await getCluster(view))?.metadata.finalizers;
    return { view, outcome, finalizers, requests: ofCluster.map(({ method }) => method) };
  }
  const patch = (view: ClusterView, path: string, value: unknown) =>
    managementCluster().admin.patch(CLUSTER_DEPLOYMENTS, clusterKey(view), [{ op: 'add', path, value }]);

  test('adds it without a read, and evaluates what the API server returns', async () => {
    const { view, ...rest } = await applyObserved();
    expect(rest).toEqual({ outcome: 'applied', finalizers: [FINALIZER], requests: ['PATCH'] });
    expect((await getRequest(view))?.metadata.ownerReferences).toMatchObject([{ uid: view.identity.uid }]);
  });

  test('reads an object that was changed since', async () => {
    const rest = await applyObserved((view) => patch(view, '/spec/installAttemptsLimit', 3));
    expect(rest).toMatchObject({ outcome: 'applied', finalizers: [FINALIZER] });
    expect(rest.requests).toEqual(['PATCH', 'GET', 'PATCH']);
  });

  test('adds none to an object that is not to be served since', async () => {
    const { outcome, finalizers } = await applyObserved((view) =>
      patch(view, '/metadata/annotations', { 'hive.openshift.io/relocate': 'r1/outgoing' }),
    );
    expect({ outcome, finalizers }).toEqual({ outcome: 'kubernetes/notAskedFor', finalizers: undefined });
  });

  test('adds none to an object that is being deleted since', async () => {
    const { outcome, finalizers } = await applyObserved(async (view) => {
      await patch(view, '/metadata/finalizers', ['example.com/hold']);
      await managementCluster().admin.delete(CLUSTER_DEPLOYMENTS, clusterKey(view));
    });
    expect({ outcome, finalizers }).toEqual({ outcome: 'kubernetes/conflict', finalizers: ['example.com/hold'] });
  });

  test('creates none that is gone, and adds none to another one of its name', async () => {
    const remove = (view: ClusterView) => managementCluster().admin.delete(CLUSTER_DEPLOYMENTS, clusterKey(view));
    const gone = await applyObserved(remove);
    expect(gone.outcome).toBe('kubernetes/notFound');
    expect(await getCluster(gone.view)).toBeUndefined();
    const again = await applyObserved(async (view) => {
      await remove(view);
      const { namespace, name } = view.identity;
      await createClusterDeployment(managementCluster().admin, namespace, name);
    });
    expect(again).toMatchObject({ outcome: 'kubernetes/notFound', finalizers: undefined });
    expect(await getCluster(again.view)).toBeDefined();
  });

  test('adds none where no CertificateRequest can be created', async () => {
    const { object, view } = await managementCluster().cluster();
    const elsewhere = await managementCluster().namespace();
    const acts = kubernetesActivities(managementCluster().admin, elsewhere, observedMissing(object));
    expect(await failureOf(apply(view, acts))).toMatchObject({ code: 'configuration/invalid' });
    expect((await getCluster(view))?.metadata.finalizers).toBeUndefined();
  });
});
