/** Writes that the API server refuses: an admission webhook that is down, Events that are refused or never answered. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { StatusReport } from '../../../src/certificates/status-report.ts';
import type { ClusterView } from '../../../src/clusters/cluster-view.ts';
import { failureInfo } from '../../../src/failures/failure.ts';
import {
  CERTIFICATE_REQUESTS,
  CLUSTER_DEPLOYMENTS,
  EVENTS,
  FINALIZER,
} from '../../../src/kubernetes/objects/resources.ts';
import { selfSigned } from '../../support/certificates/self-signed.ts';
import type { Fault } from '../../support/faults/fault-proxy.ts';
import { breakAdmissionWebhook } from '../../support/kubernetes/admission-webhook.ts';
import {
  bundle,
  clusterKey,
  kubernetesActivities,
  observedMissing,
  requestKey,
  useKubernetesActivities,
} from '../../support/kubernetes/kubernetes-activities.ts';
import { OPERATOR_NAMESPACE, useManagementCluster } from '../../support/kubernetes/management-cluster.ts';
import { type ProxiedApiServer, startApiServerProxy } from '../../support/kubernetes/proxied-api-server.ts';
import { putTlsSecret } from '../../support/kubernetes/put-tls-secret.ts';
import { failureOf, runActivity } from '../../support/temporal/run-activity.ts';
import { eventually } from '../../support/vitest/eventually.ts';

const managementCluster = useManagementCluster();
const { activities, apply, beginDeletion, getCluster, getRequest } = useKubernetesActivities(managementCluster);

/** A cluster that certman serves, with a certificate in its Secret. */
async function certified(): Promise<ClusterView> {
  const { view } = await managementCluster().cluster();
  const { request } = await apply(view);
  const pair = selfSigned({ serialHex: '2a', issuerCommonName: 'R11' });
  await putTlsSecret(managementCluster().certman, { request, secretName: bundle.secretName, ...pair });
  return view;
}

/** Once the API server has seen that the webhook is gone. */
async function removeFinalizerByHand(view: ClusterView): Promise<void> {
  await eventually(
    'the finalizer is removed',
    () =>
      managementCluster().admin.patch(CLUSTER_DEPLOYMENTS, clusterKey(view), [
        { op: 'remove', path: '/metadata/finalizers' },
      ]),
    (patched) => patched !== undefined,
  );
}

async function resourceVersionOf(view: ClusterView): Promise<string | undefined> {
  return (await getCluster(view))?.metadata.resourceVersion;
}

test('a served cluster is evaluated without a write to its ClusterDeployment', async () => {
  const view = await certified();
  const before = await resourceVersionOf(view);
  const proxied = await startApiServerProxy(managementCluster().certmanConfig);
  await apply(view, kubernetesActivities(proxied.api));
  const writes = proxied.proxy.seen.filter(
    ({ method, path }) => method !== 'GET' && path.includes(CLUSTER_DEPLOYMENTS.plural),
  );
  await proxied.close();
  expect(writes).toEqual([]);
  expect(await resourceVersionOf(view)).toBe(before);
});

describe('while the admission webhook of ClusterDeployments is down', () => {
  /** Waits until the API server refuses, which it does soon after it has seen the configuration. */
  async function breakWebhook(view: ClusterView): Promise<() => Promise<void>> {
    const mend = await breakAdmissionWebhook(managementCluster().admin, view.identity.namespace);
    const touch = [{ op: 'add', path: '/metadata/labels/touched', value: 'true' }] as const;
    await eventually(
      'updates are refused',
      () =>
        managementCluster()
          .admin.patch(CLUSTER_DEPLOYMENTS, clusterKey(view), touch)
          .then(() => 'accepted', String),
      (answer) => answer.includes('failed calling webhook'),
    );
    return mend;
  }

  test('a certificate in use can be evaluated, and a missing finalizer is reported', async () => {
    const view = await certified();
    const mend = await breakWebhook(view);
    expect(await apply(view)).toMatchObject({ secret: { kind: 'valid' }, writeError: undefined });
    await mend();
    await removeFinalizerByHand(view);
    const mendAgain = await breakWebhook(view);
    expect(await apply(view)).toMatchObject({
      secret: { kind: 'valid' },
      writeError: {
        code: 'kubernetes/unreachable',
        message: expect.stringContaining('failed calling webhook') as string,
      },
    });
    await mendAgain();
    await eventually(
      'the finalizer is back',
      async () => {
        await apply(view);
        return (await getCluster(view))?.metadata.finalizers;
      },
      (finalizers) => finalizers?.includes(FINALIZER) === true,
    );
  });

  test('a first certificate waits for the finalizer, which is tried once', async () => {
    const { object, view } = await managementCluster().cluster();
    const mend = await breakWebhook(view);
    const refused = {
      code: 'kubernetes/unreachable',
      message: expect.stringContaining('failed calling webhook') as string,
    };
    expect(await failureOf(apply(view))).toMatchObject(refused);
    const proxied = await startApiServerProxy(managementCluster().certmanConfig);
    const acts = kubernetesActivities(proxied.api, OPERATOR_NAMESPACE, observedMissing(object));
    expect(await failureOf(apply(view, acts))).toMatchObject(refused);
    const requests = proxied.proxy.seen.filter(({ path }) => path.includes(`/${CLUSTER_DEPLOYMENTS.plural}/`));
    await proxied.close();
    await mend();
    expect(requests.map(({ method }) => method)).toEqual(['PATCH', 'GET']);
  });
});

describe('through a proxy', () => {
  let proxied: ProxiedApiServer;
  beforeEach(async () => {
    proxied = await startApiServerProxy(managementCluster().certmanConfig);
  });
  afterEach(() => proxied.close());

  const injectOn = (part: string, method: string, fault: Fault) =>
    proxied.proxy.inject({ when: (request) => request.method === method && request.path.includes(part), fault });
  const forbidden: Fault = {
    kind: 'answer',
    status: 403,
    body: { kind: 'Status', reason: 'Forbidden', message: 'exceeded quota: count/events' },
  };

  test.each([
    ['a refused request', `/${CERTIFICATE_REQUESTS.plural}/`, 'PATCH'],
    ['a missing notification address', '/configmaps/', 'GET'],
  ])('%s does not prevent the evaluation of a certificate in use', async (_, part, method) => {
    const view = await certified();
    const { view: fresh } = await managementCluster().cluster();
    injectOn(part, method, { ...forbidden });
    const acts = kubernetesActivities(proxied.api);
    expect(await apply(view, acts)).toMatchObject({
      request: { uid: (await getRequest(view))?.metadata.uid },
      secret: { kind: 'valid' },
      writeError: { code: 'kubernetes/forbidden' },
    });
    expect(await failureOf(apply(fresh, acts))).toMatchObject({ code: 'kubernetes/forbidden' });
  });

  test('a request of another cluster is never taken for its own', async () => {
    const view = await certified();
    const { admin } = managementCluster();
    const own = await admin.get(CLUSTER_DEPLOYMENTS, clusterKey(view));
    // It exists: the garbage collector would delete a request of an absent owner meanwhile.
    const other = await admin.create(CLUSTER_DEPLOYMENTS, {
      metadata: { namespace: view.identity.namespace, name: 'other' },
      spec: own?.['spec'],
    });
    await admin.patch(CERTIFICATE_REQUESTS, requestKey(view), [
      { op: 'replace', path: '/metadata/ownerReferences/0/name', value: 'other' },
      { op: 'replace', path: '/metadata/ownerReferences/0/uid', value: other?.metadata.uid },
    ]);
    injectOn(`/${CERTIFICATE_REQUESTS.plural}/`, 'PATCH', forbidden);
    expect(await failureOf(apply(view, kubernetesActivities(proxied.api)))).toMatchObject({
      code: 'kubernetes/ownedByOther',
    });
  });

  describe.each([
    ['refused', forbidden],
    ['never answered', { kind: 'hang' }],
  ] as const)('an Event that is %s', (_, fault) => {
    test('fails no status write', async () => {
      const view = await certified();
      injectOn('/events', 'POST', fault);
      const report: StatusReport = {
        bundleName: 'primary',
        requestName: requestKey(view).name,
        secretName: bundle.secretName,
        workflowId: 'w',
        state: 'Failing',
        conditions: [{ type: 'Ready', status: 'False', reason: 'Failing', message: 'no' }],
        event: { type: 'Warning', reason: 'Failing', message: 'no' },
      };
      const acts = kubernetesActivities(proxied.api);
      await runActivity((input) => acts.reportStatus(input), { cluster: view.identity, report });
      expect((await getRequest(view))?.['status']).toMatchObject({ state: 'Failing' });
    });

    test('holds up no release', async () => {
      const view = await certified();
      injectOn('/events', 'POST', fault);
      const failures = [failureInfo({ code: 'acme/accountUnknown', message: 'the CA does not know the account' })];
      const acts = kubernetesActivities(proxied.api);
      await beginDeletion(view);
      expect(await runActivity((cluster) => acts.removeFinalizer(cluster, failures), view.identity)).toBe('released');
      expect(await getCluster(view)).toBeUndefined();
    });
  });
});

test('a status write that is retried counts its Event once', async () => {
  const view = await certified();
  const event = { type: 'Warning', reason: 'Failing', message: 'once' } as const;
  const report: StatusReport = {
    bundleName: 'primary',
    requestName: requestKey(view).name,
    secretName: bundle.secretName,
    workflowId: 'w',
    state: 'Failing',
    conditions: [],
    event,
  };
  const acts = activities();
  for (const attempt of [1, 2, 3])
    await runActivity((input) => acts.reportStatus(input), { cluster: view.identity, report }, { attempt });
  const counts: unknown[] = [];
  for await (const found of managementCluster().admin.list(EVENTS, { namespace: view.identity.namespace }))
    counts.push(found['count']);
  expect(counts).toEqual([1, 1]);
});
