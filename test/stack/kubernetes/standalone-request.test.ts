import { describe, expect, test } from 'vitest';
import type { StatusReport } from '../../../src/certificates/status-report.ts';
import type { ClusterView } from '../../../src/clusters/cluster-view.ts';
import { type KubernetesObject } from '../../../src/kubernetes/api/kubernetes-api.ts';
import { observeRequest } from '../../../src/kubernetes/objects/observed-request.ts';
import { standaloneView } from '../../../src/kubernetes/objects/request-views.ts';
import {
  CERTIFICATE_REQUESTS,
  CONFIG_MAPS,
  EVENTS,
  FINALIZER,
  SECRETS,
} from '../../../src/kubernetes/objects/resources.ts';
import { ADOPT_ANNOTATION } from '../../../src/kubernetes/objects/secret-ownership.ts';
import { ensureStagingKey } from '../../../src/kubernetes/objects/staging-secret.ts';
import { selfSigned } from '../../support/certificates/self-signed.ts';
import { kubernetesActivities } from '../../support/kubernetes/kubernetes-activities.ts';
import { createRequest, requestSpec, useManagementCluster } from '../../support/kubernetes/management-cluster.ts';
import { putTlsSecret } from '../../support/kubernetes/put-tls-secret.ts';
import { failureOf, runActivity } from '../../support/temporal/run-activity.ts';

const managementCluster = useManagementCluster();

const activities = () => kubernetesActivities(managementCluster().certman);
const keyOf = ({ identity: { namespace, name } }: ClusterView) => ({ namespace, name });
const find = (view: ClusterView) => managementCluster().admin.get(CERTIFICATE_REQUESTS, keyOf(view));
const secretKey = ({ identity: { namespace } }: ClusterView) => ({ namespace, name: 'primary-cert' });

async function make(namespace?: string, name = 'web'): Promise<ClusterView> {
  const made = await createRequest(
    managementCluster().admin,
    namespace ?? (await managementCluster().namespace()),
    name,
  );
  const object = await managementCluster().admin.get(CERTIFICATE_REQUESTS, made);
  if (object === undefined) throw new Error('not made');
  return standaloneView({ managementCluster: 'hive' }, observeRequest(object));
}

const look = (cluster: ClusterView) =>
  runActivity((input) => activities().applyCertificateRequest(input), {
    cluster: cluster.identity,
    bundleName: cluster.identity.name,
  });
const remove = ({ identity }: ClusterView) =>
  runActivity((input) => activities().removeBundle(input), {
    cluster: identity,
    bundleName: identity.name,
    secretName: 'primary-cert',
  });
const release = ({ identity }: ClusterView) => runActivity((input) => activities().removeFinalizer(input), identity);
const patch = (view: ClusterView, path: string, value: unknown) =>
  managementCluster().admin.patch(CERTIFICATE_REQUESTS, keyOf(view), [{ op: 'add', path, value }]);
const deleteByUser = (view: ClusterView) => managementCluster().admin.delete(CERTIFICATE_REQUESTS, keyOf(view));

/** As after an issuance. */
async function issued(view: ClusterView): Promise<ClusterView> {
  const { request } = await look(view);
  await putTlsSecret(managementCluster().certman, { request, secretName: 'primary-cert', ...selfSigned() });
  return view;
}

describe('applyCertificateRequest for a standalone request', () => {
  test('adds the finalizer beside those of others, and writes nothing else', async () => {
    const view = await make();
    await patch(view, '/metadata/finalizers', ['example.com/theirs']);
    const before = await find(view);
    expect(await look(view)).toEqual({
      request: { ...keyOf(view), uid: view.identity.uid },
      generation: 1,
      secret: { kind: 'missing' },
    });
    const after = await find(view);
    expect(after?.metadata.finalizers).toEqual(['example.com/theirs', FINALIZER]);
    expect(after?.['spec']).toEqual(before?.['spec']);
  });

  test('repeated changes nothing, and returns renewBeforeDays and the certificate', async () => {
    const view = await issued(await make());
    await patch(view, '/spec/renewBeforeDays', 12);
    const before = await find(view);
    expect(await look(view)).toMatchObject({ renewBeforeDays: 12, secret: { kind: 'valid' } });
    expect((await find(view))?.metadata.resourceVersion).toBe(before?.metadata.resourceVersion);
  });

  test('keeps what certman applied to it while it belonged to a cluster', async () => {
    const namespace = await managementCluster().namespace();
    const applied = await managementCluster().certman.apply(CERTIFICATE_REQUESTS, {
      metadata: { namespace, name: 'c1-primary' },
      spec: requestSpec('c1'),
    });
    const view = standaloneView({ managementCluster: 'hive' }, observeRequest(applied));
    await look(view);
    expect((await find(view))?.['spec']).toMatchObject({ dnsNames: ['api.c1.example.com'] });
    expect((await find(view))?.metadata.finalizers).toEqual([FINALIZER]);
  });

  test('fails for one that is gone, was re-created, or is being deleted', async () => {
    const view = await make();
    const again = { ...view, identity: { ...view.identity, uid: crypto.randomUUID() } };
    expect(await failureOf(look(again))).toMatchObject({ code: 'kubernetes/notFound' });
    await patch(view, '/metadata/finalizers', ['example.com/theirs']);
    await deleteByUser(view);
    expect(await failureOf(look(view))).toMatchObject({ code: 'kubernetes/conflict' });
    await managementCluster().admin.patch(CERTIFICATE_REQUESTS, keyOf(view), [
      { op: 'remove', path: '/metadata/finalizers' },
    ]);
    expect(await failureOf(look(view))).toMatchObject({ code: 'kubernetes/notFound' });
  });

  test('rejects the younger of two that name one Secret, before it exists and after', async () => {
    const older = await make(undefined, 'older');
    const younger = await make(older.identity.namespace, 'younger');
    const refusal = { code: 'kubernetes/ownedByOther', retry: 'onChange' };
    expect(await failureOf(look(younger))).toMatchObject({
      ...refusal,
      message: expect.stringContaining('also named by the older CertificateRequest older') as string,
    });
    await issued(older);
    expect(await failureOf(look(younger))).toMatchObject({
      ...refusal,
      message: expect.stringContaining('belongs to CertificateRequest older') as string,
    });
    expect(await look(older)).toMatchObject({ secret: { kind: 'valid' } });
  });
});

describe('a Secret that a standalone request names and does not own', () => {
  /** Of another application, with or without what certman writes. */
  const existing = async (metadata: Partial<KubernetesObject['metadata']> = {}) => {
    const view = await make();
    const { chainPem, keyPem } = selfSigned();
    const data = { 'tls.crt': btoa(chainPem), 'tls.key': btoa(keyPem) };
    await managementCluster().admin.create(SECRETS, {
      metadata: { ...secretKey(view), ...metadata },
      type: 'kubernetes.io/tls',
      data,
    });
    const secret = await managementCluster().admin.get(SECRETS, secretKey(view));
    return { view, secret };
  };
  const secretOf = (view: ClusterView) => managementCluster().admin.get(SECRETS, secretKey(view));

  test.each([
    ['without label or owner', {}],
    ['with the label of this request', { labels: { certificate_request: 'web' } }],
    ['with the label of a request that is gone', { labels: { certificate_request: 'gone' } }],
    ['that is given to another request', { annotations: { [ADOPT_ANNOTATION]: 'api' } }],
  ])('%s is left unchanged, and no certificate is ordered', async (_what, metadata) => {
    const { view, secret } = await existing(metadata);
    const failure = await failureOf(look(view));
    expect(failure).toMatchObject({ code: 'kubernetes/ownedByOther', retry: 'onChange' });
    expect(failure.message).toContain("is not the request's");
    expect(failure.remedy).toContain(
      `kubectl annotate secret primary-cert -n ${view.identity.namespace} certman.managed.openshift.io/adopt-by=web`,
    );
    expect(await secretOf(view)).toEqual(secret);
    await deleteByUser(view);
    expect(await remove(view)).toEqual({ removed: [] });
    expect(await secretOf(view)).toEqual(secret);
  });

  test('is adopted with its data once it is given to the request', async () => {
    const { view, secret } = await existing({ annotations: { [ADOPT_ANNOTATION]: 'web' } });
    expect(await look(view)).toMatchObject({ secret: { kind: 'valid' } });
    const adopted = await secretOf(view);
    expect(adopted?.['data']).toEqual(secret?.['data']);
    expect(adopted?.metadata).toMatchObject({
      labels: { certificate_request: 'web' },
      ownerReferences: [{ kind: 'CertificateRequest', name: 'web', uid: view.identity.uid, controller: true }],
    });
    await deleteByUser(view);
    expect(await remove(view)).toEqual({ removed: [`Secret ${view.identity.namespace}/primary-cert`] });
  });

  test('is not adopted against another controller, even when it is given', async () => {
    const { view, secret } = await existing({ annotations: { [ADOPT_ANNOTATION]: 'web' } });
    const { namespace } = view.identity;
    const owner = await managementCluster().admin.create(CONFIG_MAPS, { metadata: { namespace, name: 'x' } });
    const reference = { apiVersion: 'v1', kind: 'ConfigMap', name: 'x', uid: owner?.metadata.uid, controller: true };
    await managementCluster().admin.patch(SECRETS, secretKey(view), [
      { op: 'add', path: '/metadata/ownerReferences', value: [reference] },
    ]);
    expect((await failureOf(look(view))).message).toContain('belongs to ConfigMap x');
    expect((await secretOf(view))?.metadata.labels).toEqual(secret?.metadata.labels);
  });

  test('stays after the decommission of a request whose owner reference was removed from it', async () => {
    const view = await issued(await make());
    await managementCluster().admin.patch(SECRETS, secretKey(view), [
      { op: 'remove', path: '/metadata/ownerReferences' },
    ]);
    await deleteByUser(view);
    expect(await remove(view)).toEqual({ removed: [] });
    expect(await secretOf(view)).toBeDefined();
  });
});

describe('reportStatus for a standalone request', () => {
  const report: StatusReport = {
    bundleName: 'web',
    requestName: 'web',
    secretName: 'primary-cert',
    workflowId: 'w',
    state: 'Pending',
    conditions: [{ type: 'Ready', status: 'False', reason: 'Pending', message: 'soon' }],
    event: { type: 'Normal', reason: 'Seen', message: 'seen' },
  };
  const write = (view: ClusterView, cluster = view.identity) =>
    runActivity((input) => activities().reportStatus(input), { cluster, report });

  test('writes to the request only', async () => {
    const view = await make();
    await write(view);
    expect((await find(view))?.['status']).toMatchObject({ state: 'Pending', workflowID: 'w' });
    const events: KubernetesObject[] = [];
    for await (const event of managementCluster().admin.list(EVENTS, { namespace: view.identity.namespace }))
      events.push(event);
    expect(events.map((event) => event['involvedObject'])).toMatchObject([
      { kind: 'CertificateRequest', name: 'web', uid: view.identity.uid },
    ]);
  });

  test('does not write to one that was re-created', async () => {
    const view = await make();
    await write(view, { ...view.identity, uid: crypto.randomUUID() });
    expect((await find(view))?.['status']).toBeUndefined();
  });
});

describe('decommissioning a standalone request', () => {
  test('deletes Secret and staging Secret, then removes the finalizer; repeated does nothing', async () => {
    const view = await issued(await make());
    const { namespace, name, uid } = view.identity;
    await ensureStagingKey(managementCluster().certman, {
      request: { namespace, name, uid },
      orderUrl: 'https://ca.example/order/1',
      makeKey: async () => selfSigned().keyPem,
    });
    await deleteByUser(view);
    expect(await remove(view)).toEqual({
      removed: [`Secret ${namespace}/primary-cert`, `Secret ${namespace}/web-staging`],
    });
    expect((await find(view))?.metadata.finalizers).toEqual([FINALIZER]);
    expect(await release(view)).toBe('released');
    expect(await find(view)).toBeUndefined();
    expect(await remove(view)).toEqual({ removed: [] });
    expect(await release(view)).toBe('absent');
  });

  test('leaves one that is not being deleted unchanged', async () => {
    const view = await issued(await make());
    expect(await failureOf(remove(view))).toMatchObject({ code: 'kubernetes/notAskedFor', retry: 'onChange' });
    expect(await release(view)).toBe('kept');
    expect((await find(view))?.metadata.finalizers).toEqual([FINALIZER]);
    expect(await managementCluster().admin.get(SECRETS, secretKey(view))).toBeDefined();
  });

  test('leaves one that was re-created unchanged', async () => {
    const view = await issued(await make());
    await deleteByUser(view);
    const old = { ...view, identity: { ...view.identity, uid: crypto.randomUUID() } };
    expect(await remove(old)).toEqual({ removed: [] });
    expect(await release(old)).toBe('absent');
    expect(await find(view)).toBeDefined();
    expect(await managementCluster().admin.get(SECRETS, secretKey(view))).toBeDefined();
  });

  test('leaves a Secret of another request unchanged', async () => {
    const holder = await issued(await make(undefined, 'holder'));
    const loser = await make(holder.identity.namespace, 'loser');
    await patch(loser, '/metadata/finalizers', [FINALIZER]);
    await deleteByUser(loser);
    expect(await remove(loser)).toEqual({ removed: [] });
    expect(await managementCluster().admin.get(SECRETS, secretKey(holder))).toBeDefined();
  });
});
