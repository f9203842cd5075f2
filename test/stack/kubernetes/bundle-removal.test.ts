import { describe, expect, test } from 'vitest';
import type { ClusterView } from '../../../src/clusters/cluster-view.ts';
import {
  CERTIFICATE_REQUESTS,
  CLUSTER_DEPLOYMENTS,
  CONFIG_MAPS,
  FINALIZER,
  SECRETS,
} from '../../../src/kubernetes/objects/resources.ts';
import { controllerReferenceTo } from '../../../src/kubernetes/objects/secret-ownership.ts';
import { ensureStagingKey } from '../../../src/kubernetes/objects/staging-secret.ts';
import { selfSigned } from '../../support/certificates/self-signed.ts';
import {
  bundle,
  clusterKey,
  requestKey,
  secretKey,
  useKubernetesActivities,
} from '../../support/kubernetes/kubernetes-activities.ts';
import { createRequest, useManagementCluster } from '../../support/kubernetes/management-cluster.ts';
import { putTlsSecret } from '../../support/kubernetes/put-tls-secret.ts';
import { runActivity } from '../../support/temporal/run-activity.ts';

const managementCluster = useManagementCluster();
const { activities, apply, beginDeletion, dropBundles, getCluster, getRequest } =
  useKubernetesActivities(managementCluster);

const remove = async (view: ClusterView, cluster = view.identity, requestUid?: string) => {
  if ((await getCluster(view)) !== undefined) await dropBundles(view);
  return await runActivity((input) => activities().removeBundle(input), {
    cluster,
    bundleName: 'primary',
    secretName: bundle.secretName,
    ...(requestUid === undefined ? {} : { requestUid }),
  });
};

const release = (cluster: ClusterView['identity']) =>
  runActivity((input) => activities().removeFinalizer(input), cluster);

const withEverything = async () => {
  const { view } = await managementCluster().cluster();
  const { request } = await apply(view);
  await putTlsSecret(managementCluster().certman, { request, secretName: bundle.secretName, ...selfSigned() });
  await ensureStagingKey(managementCluster().certman, {
    request,
    orderUrl: 'https://ca.example/order/1',
    makeKey: async () => selfSigned().keyPem,
  });
  return view;
};

describe('removeBundle', () => {
  test('deletes Secret, staging Secret and request, and returns their names', async () => {
    const view = await withEverything();
    const { namespace } = view.identity;
    expect(await remove(view)).toEqual({
      removed: [
        `Secret ${namespace}/primary-cert`,
        `Secret ${namespace}/c1-primary-staging`,
        `CertificateRequest ${namespace}/c1-primary`,
      ],
    });
    expect(await getRequest(view)).toBeUndefined();
    expect(await managementCluster().admin.get(SECRETS, secretKey(view))).toBeUndefined();
  });

  test('repeated does nothing', async () => {
    const view = await withEverything();
    await remove(view);
    expect(await remove(view)).toEqual({ removed: [] });
  });

  test('finishes a deletion that waits for certman’s finalizer', async () => {
    const view = await withEverything();
    await managementCluster().admin.delete(CERTIFICATE_REQUESTS, requestKey(view));
    await remove(view);
    expect(await getRequest(view)).toBeUndefined();
  });

  test('leaves a foreign Secret', async () => {
    const { view } = await managementCluster().cluster();
    await apply(view);
    await managementCluster().admin.create(SECRETS, { metadata: secretKey(view), type: 'Opaque', data: { a: 'Yg==' } });
    await remove(view);
    expect(await managementCluster().admin.get(SECRETS, secretKey(view))).toBeDefined();
  });

  test('leaves a standalone request that is named like a bundle which the cluster does not have', async () => {
    const { admin, certman } = managementCluster();
    const { view } = await managementCluster().cluster();
    await apply(view);
    const { namespace } = view.identity;
    const request = await createRequest(admin, namespace, 'c1-web');
    await putTlsSecret(certman, { request, secretName: 'web-cert', ...selfSigned() });
    const removeWeb = () =>
      runActivity((input) => activities().removeBundle(input), {
        cluster: view.identity,
        bundleName: 'web',
        secretName: 'web-cert',
        requestUid: request.uid,
      });
    expect(await removeWeb()).toEqual({ removed: [] });
    await beginDeletion(view);
    expect(await removeWeb()).toEqual({ removed: [] });
    expect(await admin.get(SECRETS, { namespace, name: 'web-cert' })).toBeDefined();
    expect((await admin.get(CERTIFICATE_REQUESTS, request))?.metadata.deletionTimestamp).toBeUndefined();
  });

  test('leaves a Secret that an object of another kind owns', async () => {
    const { admin } = managementCluster();
    const { view } = await managementCluster().cluster();
    const { namespace } = view.identity;
    const key = requestKey(view);
    const { uid = '' } = (await admin.create(CONFIG_MAPS, { metadata: key }))?.metadata ?? {};
    const ownerReferences = [{ apiVersion: 'v1', kind: 'ConfigMap', name: key.name, uid }];
    await admin.create(SECRETS, { metadata: { ...secretKey(view), ownerReferences }, type: 'Opaque' });
    const gone = { ...view.identity, uid: crypto.randomUUID() };
    expect(await remove(view, gone, uid)).toEqual({ removed: [] });
    expect(await remove(view, { ...gone, kind: 'CertificateRequest', name: key.name, uid })).toEqual({ removed: [] });
    expect(await admin.get(SECRETS, { namespace, name: bundle.secretName })).toBeDefined();
  });

  test('of a re-created cluster leaves everything to its successor', async () => {
    const view = await withEverything();
    expect(await remove(view, { ...view.identity, uid: crypto.randomUUID() })).toEqual({ removed: [] });
    expect(await getRequest(view)).toBeDefined();
    expect(await managementCluster().admin.get(SECRETS, secretKey(view))).toBeDefined();
  });

  describe('of a request that is not named after its cluster', () => {
    const uid = crypto.randomUUID();
    const owner = { apiVersion: 'hive.openshift.io/v1', kind: 'ClusterDeployment', name: 'gone', uid };
    /** The owner of the request is another cluster, which is gone. */
    const withOrphan = async () => {
      const view = await withEverything();
      await managementCluster().admin.patch(CERTIFICATE_REQUESTS, requestKey(view), [
        { op: 'replace', path: '/metadata/ownerReferences', value: [owner] },
      ]);
      return view;
    };
    const removeForeign = (view: ClusterView, identity: Partial<ClusterView['identity']> = { name: 'gone', uid }) =>
      runActivity((input) => activities().removeBundle(input), {
        cluster: { ...view.identity, ...identity },
        bundleName: 'CertificateRequest c1-primary',
        secretName: bundle.secretName,
        requestName: 'c1-primary',
      });

    test('removes that request, its Secret and its staging Secret', async () => {
      const view = await withOrphan();
      const { removed } = await removeForeign(view);
      expect(removed).toHaveLength(3);
      expect(await getRequest(view)).toBeUndefined();
      expect(await managementCluster().admin.get(SECRETS, secretKey(view))).toBeUndefined();
    });

    test('leaves that of a cluster that is there under another name', async () => {
      const view = await withEverything();
      expect(await removeForeign(view, { name: 'gone' })).toEqual({ removed: [] });
      expect(await getRequest(view)).toBeDefined();
    });

    test('leaves it once it has no owner', async () => {
      const view = await withOrphan();
      await managementCluster().admin.patch(CERTIFICATE_REQUESTS, requestKey(view), [
        { op: 'remove', path: '/metadata/ownerReferences' },
      ]);
      expect(await removeForeign(view)).toEqual({ removed: [] });
      expect(await getRequest(view)).toBeDefined();
    });
  });

  test('of a re-created cluster leaves the Secret that its successor adopted, also while its request is missing', async () => {
    const view = await withEverything();
    const request = await getRequest(view);
    const uid = crypto.randomUUID();
    const successor = controllerReferenceTo({ name: requestKey(view).name, uid });
    await managementCluster().certman.patch(CERTIFICATE_REQUESTS, requestKey(view), [
      { op: 'remove', path: '/metadata/finalizers' },
    ]);
    for (const name of [bundle.secretName, `${requestKey(view).name}-staging`]) {
      await managementCluster().admin.patch(SECRETS, { ...secretKey(view), name }, [
        { op: 'replace', path: '/metadata/ownerReferences', value: [successor] },
      ]);
    }
    const secret = await managementCluster().admin.get(SECRETS, secretKey(view));
    await managementCluster().admin.delete(CERTIFICATE_REQUESTS, requestKey(view));
    expect(await remove(view, view.identity, request?.metadata.uid)).toEqual({ removed: [] });
    // The garbage collector may have come first: no object has the successor's uid.
    const now = await managementCluster().admin.get(SECRETS, secretKey(view));
    expect([undefined, secret?.metadata.resourceVersion]).toContain(now?.metadata.resourceVersion);
  });

  test('deletes the Secret of a request that is gone by its recorded uid, not by its name', async () => {
    const view = await withEverything();
    const request = await getRequest(view);
    await managementCluster().admin.patch(CERTIFICATE_REQUESTS, requestKey(view), [
      { op: 'remove', path: '/metadata/finalizers' },
    ]);
    await managementCluster().admin.patch(SECRETS, secretKey(view), [
      { op: 'replace', path: '/metadata/labels', value: {} },
    ]);
    await managementCluster().admin.delete(CERTIFICATE_REQUESTS, requestKey(view));
    expect(await remove(view, view.identity, crypto.randomUUID())).toEqual({ removed: [] });
    await remove(view, view.identity, request?.metadata.uid);
    expect(await managementCluster().admin.get(SECRETS, secretKey(view))).toBeUndefined();
  });

  test('deletes certman-operator’s Secret without an owner while its ClusterDeployment exists, and only then', async () => {
    const { view } = await managementCluster().cluster();
    await apply(view);
    const { chainPem, keyPem } = selfSigned();
    await managementCluster().admin.create(SECRETS, {
      metadata: { ...secretKey(view), labels: { certificate_request: requestKey(view).name } },
      type: 'kubernetes.io/tls',
      data: { 'tls.crt': btoa(chainPem), 'tls.key': btoa(keyPem) },
    });
    const orphan = { ...view.identity, name: 'gone', uid: crypto.randomUUID() };
    expect(
      await runActivity((input) => activities().removeBundle(input), {
        cluster: orphan,
        bundleName: 'CertificateRequest c1-secondary',
        secretName: bundle.secretName,
        requestName: requestKey(view).name,
      }),
    ).toEqual({ removed: [] });
    expect((await remove(view)).removed).toContain(`Secret ${view.identity.namespace}/${bundle.secretName}`);
  });

  test('keeps finalizers of others on the request', async () => {
    const view = await withEverything();
    const finalizers = ['example.com/theirs', FINALIZER];
    await managementCluster().admin.patch(CERTIFICATE_REQUESTS, requestKey(view), [
      { op: 'replace', path: '/metadata/finalizers', value: finalizers },
    ]);
    await remove(view);
    expect((await getRequest(view))?.metadata.finalizers).toEqual(['example.com/theirs']);
  });
});

describe('removeFinalizer', () => {
  test('removes certman’s finalizer and no other; repeated does nothing', async () => {
    const { view } = await managementCluster().cluster();
    await apply(view);
    await managementCluster().admin.patch(CLUSTER_DEPLOYMENTS, clusterKey(view), [
      { op: 'add', path: '/metadata/finalizers/0', value: 'hive.openshift.io/deprovision' },
    ]);
    expect(await release(view.identity)).toBe('kept');
    await beginDeletion(view);
    expect(await release(view.identity)).toBe('released');
    expect(await release(view.identity)).toBe('absent');
    expect((await getCluster(view))?.metadata.finalizers).toEqual(['hive.openshift.io/deprovision']);
  });

  test('leaves a re-created cluster unchanged; for a deleted one does nothing', async () => {
    const { view } = await managementCluster().cluster();
    await apply(view);
    expect(await release({ ...view.identity, uid: crypto.randomUUID() })).toBe('absent');
    expect((await getCluster(view))?.metadata.finalizers).toEqual([FINALIZER]);
    expect(await release({ ...view.identity, name: 'never-was' })).toBe('absent');
  });
});
