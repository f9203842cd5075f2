import { describe, expect, test } from 'vitest';
import type { ClusterView } from '../../../src/clusters/cluster-view.ts';
import { type KubernetesObject } from '../../../src/kubernetes/api/kubernetes-api.ts';
import { CERTIFICATE_REQUESTS, SECRETS } from '../../../src/kubernetes/objects/resources.ts';
import { controllerReferenceTo, STAGING_LABEL } from '../../../src/kubernetes/objects/secret-ownership.ts';
import { ensureStagingKey, readStagingKey } from '../../../src/kubernetes/objects/staging-secret.ts';
import { claimTargetSecret } from '../../../src/kubernetes/objects/target-secret.ts';
import { selfSigned } from '../../support/certificates/self-signed.ts';
import {
  bundle,
  requestKey,
  secretKey,
  useKubernetesActivities,
} from '../../support/kubernetes/kubernetes-activities.ts';
import { createRequest, useManagementCluster } from '../../support/kubernetes/management-cluster.ts';
import { putTlsSecret } from '../../support/kubernetes/put-tls-secret.ts';
import { failureOf } from '../../support/temporal/run-activity.ts';
import { eventually } from '../../support/vitest/eventually.ts';
import { useStack } from '../../support/vitest/use-stack.ts';

const managementCluster = useManagementCluster();
const { apply, getRequest } = useKubernetesActivities(managementCluster);

const getSecret = (view: ClusterView) => managementCluster().admin.get(SECRETS, secretKey(view));

/** A cluster whose certificate is in its place. */
async function certified() {
  const { view } = await managementCluster().cluster();
  const { request } = await apply(view);
  await putTlsSecret(managementCluster().certman, {
    request,
    secretName: bundle.secretName,
    ...selfSigned(),
  });
  const secret = await getSecret(view);
  if (secret === undefined) throw new Error('no Secret');
  return { view, request, secret };
}

function expectOwned(secret: KubernetesObject | undefined, request: KubernetesObject | undefined): void {
  const { name, uid } = request?.metadata ?? {};
  expect(secret?.metadata).toMatchObject({
    labels: { certificate_request: name },
    ownerReferences: [{ kind: 'CertificateRequest', name, uid, controller: true }],
  });
}

describe('ownership of a Secret', () => {
  test('is not written while it is complete, whatever others add', async () => {
    const { view } = await certified();
    await managementCluster().admin.patch(SECRETS, secretKey(view), [
      { op: 'add', path: '/metadata/labels/theirs', value: 'kept' },
      { op: 'add', path: '/metadata/annotations', value: { theirs: 'kept' } },
    ]);
    const before = await getSecret(view);
    await apply(view);
    expect(await getSecret(view)).toEqual(before);
  });

  test.each([
    ['the label', [{ op: 'remove' as const, path: '/metadata/labels/certificate_request' }]],
    ['all labels', [{ op: 'remove' as const, path: '/metadata/labels' }]],
    ['the owner reference', [{ op: 'remove' as const, path: '/metadata/ownerReferences' }]],
    [
      'both',
      [
        { op: 'remove' as const, path: '/metadata/ownerReferences' },
        { op: 'remove' as const, path: '/metadata/labels/certificate_request' },
      ],
    ],
  ])('is restored after another removed %s; data and foreign metadata stay', async (_what, removal) => {
    const { view, secret } = await certified();
    await managementCluster().admin.patch(SECRETS, secretKey(view), [
      ...removal,
      { op: 'add', path: '/metadata/annotations', value: { theirs: 'kept' } },
    ]);
    expect(await apply(view)).toMatchObject({ secret: { kind: 'valid' } });
    const after = await getSecret(view);
    expectOwned(after, await getRequest(view));
    expect(after?.['data']).toEqual(secret['data']);
    expect(after?.metadata.annotations).toEqual({ theirs: 'kept' });
  });

  test('is restored after another labelled it as a staging Secret, which the watch leaves out', async () => {
    const { view, secret } = await certified();
    await managementCluster().admin.patch(SECRETS, secretKey(view), [
      {
        op: 'add',
        path: '/metadata/labels',
        value: { ...secret.metadata.labels, [STAGING_LABEL]: 'true', theirs: 'kept' },
      },
    ]);
    expect(await apply(view)).toMatchObject({ secret: { kind: 'valid' } });
    const after = await getSecret(view);
    expectOwned(after, await getRequest(view));
    expect(after?.metadata.labels).toEqual({ ...secret.metadata.labels, theirs: 'kept' });
    expect(after?.['data']).toEqual(secret['data']);
  });

  test('survives the renewal after it was restored', async () => {
    const { view, request } = await certified();
    await managementCluster().admin.patch(SECRETS, secretKey(view), [
      { op: 'remove', path: '/metadata/ownerReferences' },
    ]);
    await apply(view);
    const renewed = selfSigned({ serialHex: '07' });
    await putTlsSecret(managementCluster().certman, { request, secretName: bundle.secretName, ...renewed });
    expectOwned(await getSecret(view), await getRequest(view));
    expect(await apply(view)).toMatchObject({ secret: { kind: 'valid', certificate: { serialNumber: '7' } } });
  });
});

describe('a foreign Secret', () => {
  const label = async (view: ClusterView, value: string): Promise<void> => {
    await managementCluster().admin.patch(SECRETS, secretKey(view), [
      { op: 'remove', path: '/metadata/ownerReferences' },
      { op: 'replace', path: '/metadata/labels/certificate_request', value },
    ]);
  };

  test('is not written, and nothing is ordered for it', async () => {
    const { view } = await certified();
    await createRequest(managementCluster().admin, view.identity.namespace, 'c2-primary');
    await label(view, 'c2-primary');
    const before = await getSecret(view);
    expect(await failureOf(apply(view))).toMatchObject({
      code: 'kubernetes/ownedByOther',
      retry: 'onChange',
      message: expect.stringContaining('belongs to CertificateRequest c2-primary') as string,
    });
    expect(await getSecret(view)).toEqual(before);
  });

  test('of a successor is not taken by a late step of the request that it replaces', async () => {
    const { view, request, secret } = await certified();
    const { certman: kubernetes } = managementCluster();
    const late = { cluster: {}, request: { ...request, uid: crypto.randomUUID() }, secretName: bundle.secretName };
    const refusal = { code: 'kubernetes/conflict' };
    await expect(claimTargetSecret(kubernetes, late)).rejects.toMatchObject(refusal);
    expect(await getSecret(view)).toEqual(secret);
    await managementCluster().admin.patch(SECRETS, secretKey(view), [
      { op: 'remove', path: '/metadata/ownerReferences' },
    ]);
    const labelled = await getSecret(view);
    await expect(claimTargetSecret(kubernetes, late)).rejects.toMatchObject(refusal);
    expect(await getSecret(view)).toEqual(labelled);
  });

  test('is adopted when its owner is gone', async () => {
    const { view } = await certified();
    await label(view, 'long-gone');
    await apply(view);
    expectOwned(await getSecret(view), await getRequest(view));
  });
});

describe('a deleted CertificateRequest is created anew, and its Secret', () => {
  /** Owned by the request as the Secret was: once it is gone, the garbage collector has been there. */
  const canary = async (view: ClusterView): Promise<() => Promise<unknown>> => {
    const request = await getRequest(view);
    const key = { namespace: view.identity.namespace, name: 'canary' };
    const { name = '', uid = '' } = request?.metadata ?? {};
    await managementCluster().admin.create(SECRETS, {
      metadata: { ...key, ownerReferences: [controllerReferenceTo({ name, uid })] },
    });
    return () =>
      eventually(
        'the garbage collector has been there',
        () => managementCluster().admin.get(SECRETS, key),
        (found) => found === undefined,
      );
  };
  const kubectlDelete = (view: ClusterView, cascade: string) =>
    useStack().kubectl([
      'delete',
      'certificaterequest',
      requestKey(view).name,
      '-n',
      view.identity.namespace,
      `--cascade=${cascade}`,
      '--wait=false',
    ]);

  test('stays with its content, owned by the new one', async () => {
    const { view, request, secret } = await certified();
    const staged = { request, orderUrl: 'https://ca.example/order/1', makeKey: async () => selfSigned().keyPem };
    const key = await ensureStagingKey(managementCluster().certman, staged);
    const collected = await canary(view);
    await kubectlDelete(view, 'background');
    const again = await apply(view);
    expect(again.request.uid).not.toBe(request.uid);
    await collected();
    const after = await getSecret(view);
    expect(after?.metadata.uid).toBe(secret.metadata.uid);
    expect(after?.['data']).toEqual(secret['data']);
    expectOwned(after, await getRequest(view));
    expect(await readStagingKey(managementCluster().certman, staged)).toBe(key);
  });

  test('stays with --cascade=orphan', async () => {
    const { view, secret } = await certified();
    await kubectlDelete(view, 'orphan');
    await eventually('it is created anew', () => apply(view), Boolean);
    const after = await getSecret(view);
    expect(after?.metadata.uid).toBe(secret.metadata.uid);
    expectOwned(after, await getRequest(view));
  });

  test('is deleted with --cascade=foreground where its reference blocks, as certman-operator’s does', async () => {
    const { view, request } = await certified();
    await managementCluster().admin.patch(SECRETS, secretKey(view), [
      { op: 'add', path: '/metadata/ownerReferences/0/blockOwnerDeletion', value: true },
    ]);
    await kubectlDelete(view, 'foreground');
    await eventually(
      'the Secret is gone',
      () => getSecret(view),
      (found) => found === undefined,
    );
    const again = await eventually('it is created anew', () => apply(view), Boolean);
    expect(again).toMatchObject({ secret: { kind: 'missing' } });
    expect(again.request.uid).not.toBe(request.uid);
    expect((await managementCluster().admin.get(CERTIFICATE_REQUESTS, requestKey(view)))?.metadata.uid).toBe(
      again.request.uid,
    );
  });

  test('belongs to the new one with --cascade=foreground, if it exists', async () => {
    const { view, request } = await certified();
    await kubectlDelete(view, 'foreground');
    const again = await eventually('it is created anew', () => apply(view), Boolean);
    expect(again.request.uid).not.toBe(request.uid);
    const after = await getSecret(view);
    expect(after === undefined).toBe(again.secret.kind === 'missing');
    if (after !== undefined) expectOwned(after, await getRequest(view));
  });
});
