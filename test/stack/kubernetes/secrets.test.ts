import { describe, expect, test, vi } from 'vitest';
import { CERTIFICATE_REQUESTS, SECRETS } from '../../../src/kubernetes/objects/resources.ts';
import {
  deleteStagingKey,
  ensureStagingKey,
  readStagingKey,
  type StagedKey,
} from '../../../src/kubernetes/objects/staging-secret.ts';
import { readTlsSecret } from '../../../src/kubernetes/objects/tls-secret.ts';
import { selfSigned } from '../../support/certificates/self-signed.ts';
import { useManagementCluster } from '../../support/kubernetes/management-cluster.ts';
import { putTlsSecret } from '../../support/kubernetes/put-tls-secret.ts';

const managementCluster = useManagementCluster();
const ORDER = 'https://ca.example/order/1';
const KEY = '-----BEGIN PRIVATE KEY-----\none\n-----END PRIVATE KEY-----\n';
const OTHER_KEY = KEY.replace('one', 'two');

const tlsInput = async (pair = selfSigned()) => {
  const request = await managementCluster().request();
  const secretName = 'primary-cert';
  return { namespace: request.namespace, name: secretName, request, secretName, ...pair };
};

describe('the certificate Secret', () => {
  test('is of type tls, labelled, owned by the request, with exactly two entries', async () => {
    const input = await tlsInput();
    await putTlsSecret(managementCluster().certman, input);
    expect(await managementCluster().admin.get(SECRETS, input)).toMatchObject({
      type: 'kubernetes.io/tls',
      metadata: {
        labels: { certificate_request: 'c1-primary' },
        ownerReferences: [
          { kind: CERTIFICATE_REQUESTS.kind, name: 'c1-primary', uid: input.request.uid, controller: true },
        ],
      },
    });
    const found = await managementCluster().admin.get(SECRETS, input);
    expect(Object.keys(found?.['data'] as object).sort()).toEqual(['tls.crt', 'tls.key']);
    expect(await readTlsSecret(managementCluster().certman, input)).toMatchObject({
      kind: 'valid',
      chainPem: input.chainPem,
    });
  });

  test('keeps labels and annotations of others through a renewal', async () => {
    const input = await tlsInput();
    await putTlsSecret(managementCluster().certman, input);
    await managementCluster().admin.patch(SECRETS, input, [
      { op: 'add', path: '/metadata/labels/theirs', value: 'kept' },
      { op: 'add', path: '/metadata/annotations', value: { theirs: 'kept' } },
    ]);
    await putTlsSecret(managementCluster().certman, { ...input, ...selfSigned({ serialHex: '07' }) });
    expect((await managementCluster().admin.get(SECRETS, input))?.metadata).toMatchObject({
      labels: { theirs: 'kept', certificate_request: 'c1-primary' },
      annotations: { theirs: 'kept' },
    });
  });

  test('written twice with the same content does not change', async () => {
    const input = await tlsInput();
    await putTlsSecret(managementCluster().certman, input);
    const before = await managementCluster().admin.get(SECRETS, input);
    await putTlsSecret(managementCluster().certman, input);
    const after = await managementCluster().admin.get(SECRETS, input);
    expect(after?.metadata.resourceVersion).toBe(before?.metadata.resourceVersion);
  });

  test('of certman-operator is adopted and keeps its labels', async () => {
    const input = await tlsInput();
    await managementCluster().admin.create(SECRETS, {
      metadata: { namespace: input.namespace, name: input.name, labels: { certificate_request: 'c1-primary', a: 'b' } },
      type: 'kubernetes.io/tls',
      data: { 'tls.crt': 'b2xk', 'tls.key': 'b2xk' },
    });
    expect(await readTlsSecret(managementCluster().certman, input)).toMatchObject({
      kind: 'broken',
      replaceable: true,
    });
    await putTlsSecret(managementCluster().certman, input);
    expect(await readTlsSecret(managementCluster().certman, input)).toMatchObject({
      kind: 'valid',
      metadata: { labels: { a: 'b' } },
    });
  });

  test('of another type is reported as not replaceable', async () => {
    const key = { namespace: await managementCluster().namespace(), name: 'primary-cert' };
    await managementCluster().admin.create(SECRETS, { metadata: key, type: 'Opaque', data: { 'tls.crt': 'b2xk' } });
    expect(await readTlsSecret(managementCluster().certman, key)).toMatchObject({
      kind: 'broken',
      replaceable: false,
      message: expect.stringContaining('Opaque'),
    });
  });
});

describe('the staging key', () => {
  test('is generated once for an order, and found by the next attempt', async () => {
    const request = await managementCluster().request();
    expect(
      await ensureStagingKey(managementCluster().certman, { request, orderUrl: ORDER, makeKey: async () => KEY }),
    ).toBe(KEY);
    const again = { request, orderUrl: ORDER, makeKey: async () => OTHER_KEY };
    expect(await ensureStagingKey(managementCluster().certman, again)).toBe(KEY);
    expect(await readStagingKey(managementCluster().certman, { request, orderUrl: ORDER })).toBe(KEY);
  });

  test('is the same for two concurrent attempts', async () => {
    const request = await managementCluster().request();
    const keys = await Promise.all(
      [KEY, OTHER_KEY].map((key) =>
        ensureStagingKey(managementCluster().certman, { request, orderUrl: ORDER, makeKey: async () => key }),
      ),
    );
    expect(keys[0]).toBe(keys[1]);
  });

  test('of another order is replaced', async () => {
    const request = await managementCluster().request();
    await ensureStagingKey(managementCluster().certman, { request, orderUrl: ORDER, makeKey: async () => KEY });
    const next = { request, orderUrl: `${ORDER}2`, makeKey: async () => OTHER_KEY };
    expect(await ensureStagingKey(managementCluster().certman, next)).toBe(OTHER_KEY);
    expect(await readStagingKey(managementCluster().certman, { request, orderUrl: ORDER })).toBeUndefined();
  });

  test('is gone once it is deleted; deleting it again does nothing', async () => {
    const request = await managementCluster().request();
    await ensureStagingKey(managementCluster().certman, { request, orderUrl: ORDER, makeKey: async () => KEY });
    expect(await deleteStagingKey(managementCluster().certman, request)).toBe(true);
    expect(await deleteStagingKey(managementCluster().certman, request)).toBe(false);
    expect(await readStagingKey(managementCluster().certman, { request, orderUrl: ORDER })).toBeUndefined();
  });

  test('is deleted by the uid of what was staged, and not what has taken its place', async () => {
    const request = await managementCluster().request();
    const staged: StagedKey[] = [];
    const stage = async (orderUrl: string): Promise<void> => {
      const onStaged = (key: StagedKey): void => void staged.push(key);
      await ensureStagingKey(managementCluster().certman, { request, orderUrl, makeKey: async () => KEY, onStaged });
    };
    await stage(ORDER);
    // Found there, not staged.
    await stage(ORDER);
    await stage(`${ORDER}2`);
    expect(staged.map(({ keyPem }) => keyPem)).toEqual([KEY, KEY]);
    const [first, second] = staged;
    expect(await deleteStagingKey(managementCluster().certman, request, first?.uid)).toBe(false);
    expect(await readStagingKey(managementCluster().certman, { request, orderUrl: `${ORDER}2` })).toBe(KEY);
    expect(await deleteStagingKey(managementCluster().certman, request, second?.uid)).toBe(true);
  });

  test('is not written to a foreign Secret', async () => {
    const request = await managementCluster().request();
    const key = { namespace: request.namespace, name: 'c1-primary-staging' };
    await managementCluster().admin.create(SECRETS, { metadata: key, data: { theirs: 'b2xk' } });
    const makeKey = vi.fn(async () => KEY);
    await expect(
      ensureStagingKey(managementCluster().certman, { request, orderUrl: ORDER, makeKey }),
    ).rejects.toMatchObject({
      code: 'kubernetes/secretBroken',
    });
    expect((await managementCluster().admin.get(SECRETS, key))?.['data']).toEqual({ theirs: 'b2xk' });
  });
});
