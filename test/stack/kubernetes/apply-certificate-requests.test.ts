import { describe, expect, test } from 'vitest';
import type { ClusterView } from '../../../src/clusters/cluster-view.ts';
import type { BundleToEvaluate, RequestObservation } from '../../../src/contract/activities/kubernetes.ts';
import { CertmanError } from '../../../src/failures/failure.ts';
import type { KubernetesApi } from '../../../src/kubernetes/api/kubernetes-api.ts';
import { applyCertificateRequests } from '../../../src/kubernetes/objects/apply-certificate-requests.ts';
import { BUNDLE_STATUS } from '../../../src/kubernetes/objects/bundle-status.ts';
import type { MissingFinalizers } from '../../../src/kubernetes/objects/missing-finalizers.ts';
import { createOperatorSettings } from '../../../src/kubernetes/objects/operator-settings.ts';
import { REQUEST_STATUS } from '../../../src/kubernetes/objects/request-status.ts';
import { CERTIFICATE_REQUESTS, CLUSTER_DEPLOYMENTS, SECRETS } from '../../../src/kubernetes/objects/resources.ts';
import { ServedBundles } from '../../../src/kubernetes/objects/served-bundles.ts';
import { StatusWriter } from '../../../src/kubernetes/objects/status-writer.ts';
import { selfSigned } from '../../support/certificates/self-signed.ts';
import { clusterKey, kubernetesActivities, observedMissing } from '../../support/kubernetes/kubernetes-activities.ts';
import { OPERATOR_NAMESPACE, useManagementCluster } from '../../support/kubernetes/management-cluster.ts';
import { putTlsSecret } from '../../support/kubernetes/put-tls-secret.ts';
import { failureOf, runActivity } from '../../support/temporal/run-activity.ts';

const managementCluster = useManagementCluster();
const DAY_MS = 86_400_000;
const BUNDLES = ['primary', 'apps'] as const;

/** Requests to the API server that adopt a cluster with two certificates. */
const MAX_REQUESTS_OF_ADOPTION = 10;
/** Of the activity (workflows/activities.ts). */
const START_TO_CLOSE_MS = 60_000;

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

function evaluate(view: ClusterView, kubernetes: KubernetesApi, bundles = ASKED, missing?: MissingFinalizers) {
  const activities = kubernetesActivities(kubernetes, OPERATOR_NAMESPACE, missing);
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

const forbid = (): Promise<never> =>
  Promise.reject(new CertmanError({ code: 'kubernetes/forbidden', message: 'refused by the test' }));

/** The API, which counts its requests and may refuse some. */
function watched(api: KubernetesApi, isRefused: (request: string) => boolean = () => false, refuse = forbid) {
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
      if (isRefused(`${request} ${object.metadata.name}`)) return await refuse();
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

  test('evaluates a new cluster without a read of what the watch has just observed', async () => {
    const { object, view } = await managementCluster().cluster();
    const { api, requests } = watched(managementCluster().certman);
    const bundles = [{ bundleName: 'primary', known: {} }];
    expect(await evaluate(view, api, bundles, observedMissing(object))).toMatchObject({
      primary: { secret: { kind: 'missing' } },
    });
    expect(requests.filter((request) => request !== 'get configmaps')).toEqual([
      'apply clusterdeployments',
      'get certificaterequests',
      'apply certificaterequests',
      'get secrets',
    ]);
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

  test('leaves out a bundle that hangs, for which the others do not wait', async () => {
    const view = await twoBundles();
    const { certman } = managementCluster();
    const isOfApps = (request: string) => request.endsWith(' c1-apps');
    const hanging = watched(certman, isOfApps, () => new Promise<never>(() => {})).api;
    // The signal has ended the request.
    const ended = watched(certman, isOfApps, () => Promise.reject(new DOMException('ended', 'TimeoutError'))).api;
    const limits: number[] = [];
    const context = {
      kubernetes: hanging,
      kubernetesWithin: (ms: number) => {
        limits.push(ms);
        return ended;
      },
      settings: createOperatorSettings({ kubernetes: certman, operatorNamespace: OPERATOR_NAMESPACE }),
      requestStatus: new StatusWriter(REQUEST_STATUS),
      bundleStatus: new StatusWriter(BUNDLE_STATUS),
      bundles: new ServedBundles(certman, { managementCluster: 'hive' }),
      projection: { managementCluster: 'hive' },
      complete: (observation: RequestObservation) => Promise.resolve(observation),
      workflowId: 'w',
      onStatusError: () => undefined,
    };
    const observations = await applyCertificateRequests(context, { cluster: view.identity, bundles: ASKED });
    expect(Object.keys(observations)).toEqual(['primary']);
    expect(limits).toHaveLength(BUNDLES.length);
    expect(Math.max(...limits)).toBeLessThan(START_TO_CLOSE_MS / 2);
  });
});
