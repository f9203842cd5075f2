import { describe, expect, test } from 'vitest';
import type { ClusterView } from '../../../src/clusters/cluster-view.ts';
import type { BundleToEvaluate } from '../../../src/contract/activities.ts';
import { CertmanError } from '../../../src/failures/failure.ts';
import type { KubernetesApi } from '../../../src/kubernetes/api/kubernetes-api.ts';
import { CERTIFICATE_REQUESTS, CLUSTER_DEPLOYMENTS, SECRETS } from '../../../src/kubernetes/objects/resources.ts';
import { selfSigned } from '../../support/certificates/self-signed.ts';
import { clusterKey, kubernetesActivities } from '../../support/kubernetes/kubernetes-activities.ts';
import { useManagementCluster } from '../../support/kubernetes/management-cluster.ts';
import { putTlsSecret } from '../../support/kubernetes/put-tls-secret.ts';
import { failureOf, runActivity } from '../../support/temporal/run-activity.ts';

const managementCluster = useManagementCluster();
const DAY_MS = 86_400_000;
const BUNDLES = ['primary', 'apps'] as const;

/** Requests to the API server that adopt a cluster with two certificates. */
const MAX_REQUESTS_OF_ADOPTION = 10;

/** A cluster with two bundles. */
async function twoBundles(): Promise<ClusterView> {
  const { view } = await managementCluster().cluster();
  await managementCluster().admin.patch(CLUSTER_DEPLOYMENTS, clusterKey(view), [
    {
      op: 'replace',
      path: '/spec/certificateBundles',
      value: BUNDLES.map((name) => ({ name, generate: true, certificateSecretRef: { name: `${name}-cert` } })),
    },
    { op: 'replace', path: '/spec/ingress/0/servingCertificate', value: 'apps' },
  ]);
  return view;
}

const requestKey = ({ identity: { namespace, name } }: ClusterView, bundle: string) => ({
  namespace,
  name: `${name}-${bundle}`,
});

const ASKED: readonly BundleToEvaluate[] = BUNDLES.map((bundleName) => ({ bundleName, known: {} }));

function evaluate(view: ClusterView, kubernetes: KubernetesApi, bundles = ASKED) {
  const activities = kubernetesActivities(kubernetes);
  return runActivity((input) => activities.applyCertificateRequests(input), { cluster: view.identity, bundles });
}

/** As certman-operator left it: a CertificateRequest with its Secret, of which nothing is due. */
async function leaveCertificates(view: ClusterView): Promise<void> {
  const { certman } = managementCluster();
  const observations = await evaluate(view, certman);
  const names = { primary: 'api.c1.example.com', apps: '*.apps.c1.example.com' };
  for (const bundle of BUNDLES) {
    const request = observations[bundle]?.request;
    if (request === undefined) throw new Error(`${bundle} was not evaluated`);
    const pair = selfSigned({
      dnsNames: [names[bundle]],
      notBefore: new Date(Date.now() - 10 * DAY_MS),
      notAfter: new Date(Date.now() + 80 * DAY_MS),
    });
    await putTlsSecret(certman, { request, secretName: `${bundle}-cert`, ...pair });
  }
}

/** The API, which counts its requests and may refuse some. */
function watched(api: KubernetesApi, refuse: (request: string) => boolean = () => false) {
  const requests: string[] = [];
  const wrap = (inner: KubernetesApi): KubernetesApi => ({
    ...api,
    list: (...args) => inner.list(...args),
    delete: (...args) => inner.delete(...args),
    create: (...args) => inner.create(...args),
    patch: (...args) => inner.patch(...args),
    get: async (resource, key) => {
      requests.push(`get ${resource.plural}`);
      return await inner.get(resource, key);
    },
    apply: async (resource, object, options) => {
      const request = `apply ${resource.plural}${options?.subresource ? `/${options.subresource}` : ''}`;
      requests.push(request);
      if (refuse(`${request} ${object.metadata.name}`))
        throw new CertmanError({ code: 'kubernetes/forbidden', message: 'refused by the test' });
      return await inner.apply(resource, object, options);
    },
    withSignal: (signal) => wrap(inner.withSignal(signal)),
  });
  return { api: wrap(api), requests };
}

describe('applyCertificateRequests', () => {
  test('adopts the certificates of a cluster, and reports them, with few requests', async () => {
    const view = await twoBundles();
    await leaveCertificates(view);
    const { api, requests } = watched(managementCluster().certman);
    const observations = await evaluate(view, api);
    for (const bundle of BUNDLES) {
      expect(observations[bundle]).toMatchObject({
        secret: { kind: 'valid' },
        reported: expect.stringMatching(/^[0-9a-f]{16}$/),
      });
      expect(
        (await managementCluster().admin.get(CERTIFICATE_REQUESTS, requestKey(view, bundle)))?.['status'],
      ).toMatchObject({
        issued: true,
        state: 'Ready',
        conditions: expect.arrayContaining([expect.objectContaining({ type: 'Ready', status: 'True' })]),
      });
    }
    const cluster = await managementCluster().admin.get(CLUSTER_DEPLOYMENTS, clusterKey(view));
    expect(cluster?.['status']).toMatchObject({
      certificateBundles: BUNDLES.map((name) => ({ name, generated: true })),
    });
    // Read once a minute for all clusters.
    const own = requests.filter((request) => request !== 'get configmaps');
    expect(own.length, own.join(', ')).toBeLessThanOrEqual(MAX_REQUESTS_OF_ADOPTION);
  });

  test('writes no status that is there already', async () => {
    const view = await twoBundles();
    await leaveCertificates(view);
    await evaluate(view, managementCluster().certman);
    const { api, requests } = watched(managementCluster().certman);
    await evaluate(view, api);
    expect(requests.filter((request) => request.endsWith('/status'))).toEqual([]);
  });

  test('reports nothing of a bundle that needs a certificate, or of which it is not asked', async () => {
    const view = await twoBundles();
    const missing = await evaluate(view, managementCluster().certman);
    expect(Object.keys(missing).sort()).toEqual(['apps', 'primary']);
    for (const observation of Object.values(missing)) expect(observation).not.toHaveProperty('reported');
    await leaveCertificates(view);
    const unasked = await evaluate(view, managementCluster().certman, [{ bundleName: 'primary' }]);
    expect(unasked['primary']).not.toHaveProperty('reported');
  });

  test('leaves the status to the workflow where it cannot be written', async () => {
    const view = await twoBundles();
    await leaveCertificates(view);
    const { api } = watched(managementCluster().certman, (request) => request.includes('/status c1-apps'));
    const observations = await evaluate(view, api);
    expect(observations['apps']).toMatchObject({ secret: { kind: 'valid' } });
    expect(observations['apps']).not.toHaveProperty('reported');
  });

  test('leaves out a bundle that fails among others, and fails with one that is alone', async () => {
    const view = await twoBundles();
    const { namespace } = view.identity;
    await managementCluster().admin.create(SECRETS, {
      metadata: { namespace, name: 'apps-cert' },
      type: 'Opaque',
      data: { a: 'Yg==' },
    });
    expect(Object.keys(await evaluate(view, managementCluster().certman))).toEqual(['primary']);
    const alone = evaluate(view, managementCluster().certman, [{ bundleName: 'apps', known: {} }]);
    expect(await failureOf(alone)).toMatchObject({ code: 'kubernetes/secretBroken' });
  });
});
