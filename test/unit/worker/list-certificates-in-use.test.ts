import { expect, test } from 'vitest';
import { nameSetDigest } from '../../../src/certificates/digest.ts';
import type { KubernetesApi, KubernetesObject } from '../../../src/kubernetes/api/kubernetes-api.ts';
import { listCertificatesInUse } from '../../../src/worker/list-certificates-in-use.ts';

const SINCE = Date.parse('2026-11-20T00:00:00Z');
const RECENT = '2026-11-24T00:00:00Z';
const OLD = '2026-11-01T00:00:00Z';

function request(
  status: object,
  creationTimestamp = RECENT,
  dnsNames = ['API.c1.example.com', '*.apps.c1.example.com'],
) {
  const metadata = { namespace: 'c1', name: 'c1-primary', creationTimestamp };
  return { metadata, spec: { dnsNames }, status } as KubernetesObject;
}

async function listed(...objects: readonly KubernetesObject[]) {
  const kubernetes = {
    async *list() {
      yield* await Promise.resolve(objects);
    },
  } as unknown as KubernetesApi;
  const found: unknown[] = [];
  for await (const one of listCertificatesInUse(kubernetes)(SINCE, new AbortController().signal)) found.push(one);
  return found;
}

const FOUND = {
  closeTime: Date.parse(RECENT),
  dnsNames: ['API.c1.example.com', '*.apps.c1.example.com'],
  nameSet: nameSetDigest(['api.c1.example.com', '*.apps.c1.example.com']),
  caHost: 'ca.test',
};

test('a first certificate counts from its installation, or from its notBefore', async () => {
  const installed = request({ notBefore: OLD, installedTime: RECENT, acmeServer: 'ca.test' });
  expect(await listed(installed, request({ notBefore: RECENT, acmeServer: 'ca.test' }))).toEqual([FOUND, FOUND]);
});

test('one that replaced another, or whose request is older, is a renewal', async () => {
  const status = { notBefore: RECENT, acmeServer: 'ca.test' };
  const renewal = { ...FOUND, reason: 'RenewalDue' };
  expect(await listed(request({ ...status, replacedSerialNumber: '7' }), request(status, OLD))).toEqual([
    renewal,
    renewal,
  ]);
});

test('an old certificate, a request without one, and a malformed one do not count', async () => {
  expect(await listed(request({ notBefore: OLD }), request({}), request({ notBefore: 'soon' }, RECENT, []))).toEqual(
    [],
  );
});
