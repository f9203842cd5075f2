import { describe, expect, test, vi } from 'vitest';
import { CERTIFICATE_REQUESTS, SECRETS } from '../../../src/kubernetes/objects/resources.ts';
import { deleteStagingKey, ensureStagingKey, readStagingKey } from '../../../src/kubernetes/objects/staging-secret.ts';
import { applyTlsSecret, readTlsSecret } from '../../../src/kubernetes/objects/tls-secret.ts';
import { selfSigned } from '../../support/certificates/self-signed.ts';
import { useManagementCluster } from '../../support/kubernetes/management-cluster.ts';

const hub = useManagementCluster();
const ORDER = 'https://ca.example/order/1';
const KEY = '-----BEGIN PRIVATE KEY-----\none\n-----END PRIVATE KEY-----\n';
const OTHER_KEY = KEY.replace('one', 'two');

const tlsInput = async (pair = selfSigned()) => {
  const { namespace, name, uid } = await hub().request();
  return { namespace, name: 'primary-cert', requestName: name, requestUid: uid, ...pair };
};

describe('the certificate Secret', () => {
  test('is of type tls, labelled, owned by the request, with the two entries and no more', async () => {
    const input = await tlsInput();
    await applyTlsSecret(hub().certman, input);
    expect(await hub().admin.get(SECRETS, input)).toMatchObject({
      type: 'kubernetes.io/tls',
      metadata: {
        labels: { certificate_request: 'c1-primary' },
        ownerReferences: [
          { kind: CERTIFICATE_REQUESTS.kind, name: 'c1-primary', uid: input.requestUid, controller: true },
        ],
      },
    });
    const found = await hub().admin.get(SECRETS, input);
    expect(Object.keys(found?.['data'] as object).sort()).toEqual(['tls.crt', 'tls.key']);
    expect(await readTlsSecret(hub().certman, input)).toMatchObject({ kind: 'valid', chainPem: input.chainPem });
  });

  test('keeps labels and annotations of others through a renewal', async () => {
    const input = await tlsInput();
    await applyTlsSecret(hub().certman, input);
    await hub().admin.patch(SECRETS, input, [
      { op: 'add', path: '/metadata/labels/theirs', value: 'kept' },
      { op: 'add', path: '/metadata/annotations', value: { theirs: 'kept' } },
    ]);
    await applyTlsSecret(hub().certman, { ...input, ...selfSigned({ serialHex: '07' }) });
    expect((await hub().admin.get(SECRETS, input))?.metadata).toMatchObject({
      labels: { theirs: 'kept', certificate_request: 'c1-primary' },
      annotations: { theirs: 'kept' },
    });
  });

  test('written twice with the same content is not touched', async () => {
    const input = await tlsInput();
    await applyTlsSecret(hub().certman, input);
    const before = await hub().admin.get(SECRETS, input);
    await applyTlsSecret(hub().certman, input);
    const after = await hub().admin.get(SECRETS, input);
    expect(after?.metadata.resourceVersion).toBe(before?.metadata.resourceVersion);
  });

  test('that certman-operator wrote is taken over, without its labels lost', async () => {
    const input = await tlsInput();
    await hub().admin.create(SECRETS, {
      metadata: { namespace: input.namespace, name: input.name, labels: { certificate_request: 'c1-primary', a: 'b' } },
      type: 'kubernetes.io/tls',
      data: { 'tls.crt': 'b2xk', 'tls.key': 'b2xk' },
    });
    expect(await readTlsSecret(hub().certman, input)).toMatchObject({ kind: 'broken', replaceable: true });
    await applyTlsSecret(hub().certman, input);
    expect(await readTlsSecret(hub().certman, input)).toMatchObject({
      kind: 'valid',
      metadata: { labels: { a: 'b' } },
    });
  });

  test('of another type cannot be replaced, and is said to be so', async () => {
    const key = { namespace: await hub().namespace(), name: 'primary-cert' };
    await hub().admin.create(SECRETS, { metadata: key, type: 'Opaque', data: { 'tls.crt': 'b2xk' } });
    expect(await readTlsSecret(hub().certman, key)).toMatchObject({
      kind: 'broken',
      replaceable: false,
      message: expect.stringContaining('Opaque'),
    });
  });
});

describe('the staging key', () => {
  test('is made once for an order, and found again by the next attempt', async () => {
    const request = await hub().request();
    expect(await ensureStagingKey(hub().certman, { request, orderUrl: ORDER, makeKey: async () => KEY })).toBe(KEY);
    const again = { request, orderUrl: ORDER, makeKey: async () => OTHER_KEY };
    expect(await ensureStagingKey(hub().certman, again)).toBe(KEY);
    expect(await readStagingKey(hub().certman, { request, orderUrl: ORDER })).toBe(KEY);
  });

  test('is the same for two attempts at once', async () => {
    const request = await hub().request();
    const keys = await Promise.all(
      [KEY, OTHER_KEY].map((key) =>
        ensureStagingKey(hub().certman, { request, orderUrl: ORDER, makeKey: async () => key }),
      ),
    );
    expect(keys[0]).toBe(keys[1]);
  });

  test('of another order is replaced', async () => {
    const request = await hub().request();
    await ensureStagingKey(hub().certman, { request, orderUrl: ORDER, makeKey: async () => KEY });
    const next = { request, orderUrl: `${ORDER}2`, makeKey: async () => OTHER_KEY };
    expect(await ensureStagingKey(hub().certman, next)).toBe(OTHER_KEY);
    expect(await readStagingKey(hub().certman, { request, orderUrl: ORDER })).toBeUndefined();
  });

  test('is gone once it is deleted; deleting it again is nothing', async () => {
    const request = await hub().request();
    await ensureStagingKey(hub().certman, { request, orderUrl: ORDER, makeKey: async () => KEY });
    expect(await deleteStagingKey(hub().certman, request)).toBe(true);
    expect(await deleteStagingKey(hub().certman, request)).toBe(false);
    expect(await readStagingKey(hub().certman, { request, orderUrl: ORDER })).toBeUndefined();
  });

  test('is not put into a Secret of somebody else', async () => {
    const request = await hub().request();
    const key = { namespace: request.namespace, name: 'c1-primary-staging' };
    await hub().admin.create(SECRETS, { metadata: key, data: { theirs: 'b2xk' } });
    const makeKey = vi.fn(async () => KEY);
    await expect(ensureStagingKey(hub().certman, { request, orderUrl: ORDER, makeKey })).rejects.toMatchObject({
      code: 'kubernetes/secretBroken',
    });
    expect((await hub().admin.get(SECRETS, key))?.['data']).toEqual({ theirs: 'b2xk' });
  });
});
