/** The condition Served of a request that its controller knows from the watch, as it is or as it was. */
import { beforeEach, expect, test } from 'vitest';
import type { KubernetesObject } from '../../../src/kubernetes/api/kubernetes-api.ts';
import { CERTIFICATE_REQUESTS } from '../../../src/kubernetes/objects/resources.ts';
import { writeServedCondition } from '../../../src/kubernetes/objects/served-condition.ts';
import { useManagementCluster } from '../../support/kubernetes/management-cluster.ts';
import { startApiServerProxy } from '../../support/kubernetes/proxied-api-server.ts';

const managementCluster = useManagementCluster();
const SERIAL = '4711';
const READY = { type: 'Ready', status: 'True' };
const SERVED = { status: 'True', reason: 'Served', message: 'It is served.' } as const;

let known: KubernetesObject;

beforeEach(async () => {
  const { admin } = managementCluster();
  const { namespace, name } = await managementCluster().request();
  known = await admin.apply(
    CERTIFICATE_REQUESTS,
    { metadata: { namespace, name }, status: { serialNumber: SERIAL, conditions: [READY] } },
    { subresource: 'status' },
  );
});

/** @returns whether it was written, the requests that it took, and the conditions afterwards. */
async function writeServed(as: KubernetesObject = known) {
  const { namespace = '', name, uid = '', resourceVersion = '', generation } = as.metadata;
  const { proxy, api, close } = await startApiServerProxy(managementCluster().certmanConfig);
  try {
    const target = { namespace, name, uid, serialNumber: SERIAL };
    const written = await writeServedCondition(api, target, SERVED, { resourceVersion, generation });
    const found = await managementCluster().admin.get(CERTIFICATE_REQUESTS, { namespace, name });
    const { conditions } = (found?.['status'] ?? {}) as { readonly conditions?: readonly object[] };
    return { written, methods: proxy.seen.map(({ method }) => method), conditions };
  } finally {
    await close();
  }
}

async function changeStatus(status: Readonly<Record<string, unknown>>): Promise<void> {
  const { namespace, name } = known.metadata;
  const fields = [{ op: 'add', path: '/status', value: status }] as const;
  await managementCluster().admin.patch(CERTIFICATE_REQUESTS, { namespace, name }, fields, { subresource: 'status' });
}

test('is added by one request to a request that is as it is known', async () => {
  expect(await writeServed()).toMatchObject({
    written: true,
    methods: ['PATCH'],
    conditions: [READY, { type: 'Served', ...SERVED, observedGeneration: 1 }],
  });
});

test('is added to what another writer has changed since', async () => {
  await changeStatus({ serialNumber: SERIAL, conditions: [READY, { type: 'Served', status: 'Unknown' }] });
  const { conditions, methods } = await writeServed();
  expect(conditions).toMatchObject([READY, { type: 'Served', status: 'True' }]);
  expect(methods).toEqual(['PATCH', 'GET', 'PATCH']);
});

test('is not written to a request that has another certificate by now', async () => {
  await changeStatus({ serialNumber: '4712', conditions: [READY] });
  expect(await writeServed()).toMatchObject({ written: false, conditions: [READY] });
});

test('is not written to another request of the same name', async () => {
  const { written, conditions } = await writeServed({ metadata: { ...known.metadata, uid: 'another' } });
  expect({ written, conditions }).toEqual({ written: false, conditions: [READY] });
});

test('is written where the status has no conditions', async () => {
  await changeStatus({ serialNumber: SERIAL });
  const { namespace, name } = known.metadata;
  const found = await managementCluster().admin.get(CERTIFICATE_REQUESTS, { namespace, name });
  expect(await writeServed(found)).toMatchObject({ written: true, conditions: [{ type: 'Served', status: 'True' }] });
});
