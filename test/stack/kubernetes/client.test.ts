import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { KubeConfig } from '@kubernetes/client-node';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { KubernetesClient } from '../../../src/kubernetes/api/client.ts';
import { CLUSTER_DEPLOYMENTS, CONFIG_MAPS, EVENTS, SECRETS } from '../../../src/kubernetes/objects/resources.ts';
import { type FaultProxy, startFaultProxy } from '../../support/faults/fault-proxy.ts';
import { useManagementCluster } from '../../support/kubernetes/management-cluster.ts';
import { expectAfter, timed } from '../../support/vitest/timed.ts';

const managementCluster = useManagementCluster();

test('a list has all pages', async () => {
  const namespace = await managementCluster().namespace();
  const names = Array.from({ length: 620 }, (_, index) => `m${index}`);
  await Promise.all(
    names.map((name) => managementCluster().admin.create(CONFIG_MAPS, { metadata: { namespace, name } })),
  );
  const found: string[] = [];
  for await (const object of managementCluster().admin.list(CONFIG_MAPS, { namespace }))
    found.push(object.metadata.name);
  expect(new Set(found)).toEqual(new Set(names));
});

test('a list of metadata carries no data', async () => {
  const namespace = await managementCluster().namespace();
  await managementCluster().admin.create(SECRETS, { metadata: { namespace, name: 's' }, data: { a: 'Yg==' } });
  for await (const object of managementCluster().certman.list(SECRETS, { namespace, metadataOnly: true })) {
    expect(object).not.toHaveProperty('data');
    expect(object.metadata.name).toBe('s');
  }
});

describe('an absent object', () => {
  test('gives undefined or false, not an error', async () => {
    const key = { namespace: await managementCluster().namespace(), name: 'none' };
    expect(await managementCluster().admin.get(SECRETS, key)).toBeUndefined();
    expect(await managementCluster().admin.delete(SECRETS, key)).toBe(false);
    expect(await managementCluster().admin.patch(SECRETS, key, [{ op: 'remove', path: '/data' }])).toBeUndefined();
  });

  test('of an unknown kind is a failure', async () => {
    const unknown = { ...CLUSTER_DEPLOYMENTS, plural: 'nonesuches' };
    const key = { namespace: await managementCluster().namespace(), name: 'none' };
    await expect(managementCluster().admin.get(unknown, key)).rejects.toMatchObject({ code: 'kubernetes/notFound' });
    await expect(managementCluster().admin.delete(unknown, key)).rejects.toMatchObject({
      code: 'kubernetes/unreachable',
    });
  });

  test('is not created by an apply with a uid', async () => {
    const metadata = { namespace: await managementCluster().namespace(), name: 'none', uid: crypto.randomUUID() };
    await expect(managementCluster().admin.apply(CONFIG_MAPS, { metadata })).rejects.toMatchObject({
      code: 'kubernetes/conflict',
    });
  });
});

test('an existing object is not created again', async () => {
  const metadata = { namespace: await managementCluster().namespace(), name: 'm' };
  expect(await managementCluster().admin.create(CONFIG_MAPS, { metadata })).toBeDefined();
  expect(await managementCluster().admin.create(CONFIG_MAPS, { metadata })).toBeUndefined();
});

test('another object of the same name is not deleted', async () => {
  const metadata = { namespace: await managementCluster().namespace(), name: 'm' };
  await managementCluster().admin.create(CONFIG_MAPS, { metadata });
  await expect(
    managementCluster().admin.delete(CONFIG_MAPS, metadata, { uid: crypto.randomUUID() }),
  ).rejects.toMatchObject({
    code: 'kubernetes/conflict',
  });
});

test('a JSON patch whose test fails is a conflict', async () => {
  const metadata = { namespace: await managementCluster().namespace(), name: 'm' };
  await managementCluster().admin.create(CONFIG_MAPS, { metadata, data: { a: 'b' } });
  await expect(
    managementCluster().admin.patch(CONFIG_MAPS, metadata, [{ op: 'test', path: '/data/a', value: 'c' }]),
  ).rejects.toMatchObject({ code: 'kubernetes/conflict' });
});

test('a stream yields the lines of a watch until it is aborted', async () => {
  const namespace = await managementCluster().namespace();
  const abort = new AbortController();
  const path = `/api/v1/namespaces/${namespace}/configmaps?watch=true`;
  const seen: string[] = [];
  const reading = expect(async () => {
    for await (const line of managementCluster().admin.openStream(path, abort.signal)) {
      seen.push(JSON.parse(line).object.metadata.name);
      if (seen.length === 2) abort.abort(new Error('enough'));
    }
  }).rejects.toThrow('enough');
  await managementCluster().admin.create(CONFIG_MAPS, { metadata: { namespace, name: 'a' } });
  await managementCluster().admin.create(CONFIG_MAPS, { metadata: { namespace, name: 'b' } });
  await reading;
  expect(seen).toEqual(['a', 'b']);
});

test('a refused stream gives the reason', async () => {
  const abort = new AbortController();
  const lines = managementCluster().certman.openStream('/api/v1/nodes?watch=true', abort.signal);
  await expect(lines[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'kubernetes/forbidden' });
});

test('a stream that is silent for too long fails', async () => {
  const path = `/api/v1/namespaces/${await managementCluster().namespace()}/configmaps?watch=true`;
  const lines = managementCluster().admin.openStream(path, new AbortController().signal, { silenceMs: 200 });
  await expect(lines[Symbol.asyncIterator]().next()).rejects.toMatchObject({
    code: 'kubernetes/unreachable',
    message: expect.stringContaining('nothing came for 0.2 s'),
  });
});

test('a stream with a slow consumer does not fail', async () => {
  const namespace = await managementCluster().namespace();
  const path = `/api/v1/namespaces/${namespace}/configmaps?watch=true`;
  const silenceMs = 5_000;
  const abort = new AbortController();
  const lines = managementCluster().admin.openStream(path, abort.signal, { silenceMs })[Symbol.asyncIterator]();
  const first = lines.next();
  for (const name of ['a', 'b']) await managementCluster().admin.create(CONFIG_MAPS, { metadata: { namespace, name } });
  await first;
  // Nothing is asked of the stream meanwhile.
  await sleep(silenceMs + 500);
  expect(JSON.parse((await lines.next()).value ?? '')).toMatchObject({ object: { metadata: { name: 'b' } } });
  abort.abort(new Error('enough'));
  await lines.return?.();
});

test('a wrong token is forbidden, with a remedy', async () => {
  const config = new KubeConfig();
  const cluster = managementCluster().adminConfig.getCurrentCluster();
  if (cluster === null) throw new Error('no cluster');
  config.loadFromClusterAndUser(cluster, { name: 'x', token: 'wrong' });
  const api = new KubernetesClient(config);
  await expect(api.get(EVENTS, { namespace: 'default', name: 'x' })).rejects.toMatchObject({
    code: 'kubernetes/forbidden',
    info: { retry: 'onChange' },
  });
  await api.close();
});

describe('through a faulty proxy', () => {
  let proxy: FaultProxy;
  let api: KubernetesClient;

  beforeEach(async () => {
    const cluster = managementCluster().adminConfig.getCurrentCluster();
    if (cluster === null) throw new Error('no cluster');
    const ca =
      cluster.caData === undefined
        ? await readFile(cluster.caFile ?? '', 'utf8')
        : Buffer.from(cluster.caData, 'base64').toString();
    proxy = await startFaultProxy({ target: cluster.server, targetCaPem: ca });
    const config = new KubeConfig();
    const user = managementCluster().adminConfig.getCurrentUser();
    if (user === null) throw new Error('no user');
    config.loadFromClusterAndUser({ name: 'proxy', server: proxy.url, skipTLSVerify: true }, user);
    api = new KubernetesClient(config);
  });
  afterEach(async () => {
    await api.close();
    await proxy.close();
  });

  const get = () => api.get(CONFIG_MAPS, { namespace: 'certman-operator', name: 'certman-operator' });

  test('Retry-After of a 429 becomes notBefore', async () => {
    proxy.inject({ when: () => true, fault: { kind: 'answer', status: 429, headers: { 'retry-after': '5' } } });
    const attempt = await timed(() => get().catch((caught: unknown) => caught));
    const error = attempt.value;
    expect(error).toMatchObject({ code: 'kubernetes/unreachable' });
    const { notBefore } = (error as { info: { notBefore: string } }).info;
    expectAfter(attempt, notBefore, 5_000);
  });

  test('a request on a dead connection is repeated at once where that is safe', async () => {
    proxy.inject({ when: () => true, fault: { kind: 'cutBefore' }, times: 1 });
    expect((await get())?.metadata.name).toBe('certman-operator');
    proxy.inject({ when: () => true, fault: { kind: 'cutBefore' }, times: 1 });
    const key = { namespace: await managementCluster().namespace(), name: 'm' };
    await expect(api.create(CONFIG_MAPS, { metadata: key })).rejects.toMatchObject({ code: 'kubernetes/unreachable' });
  });

  test.each([
    ['a page of a proxy', { kind: 'answer', status: 200, body: '<html>hello</html>' }],
    ['another kind of JSON', { kind: 'answer', status: 200, body: { hello: 1 } }],
    ['a list', { kind: 'answer', status: 200, body: [] }],
  ] as const)('%s is reported as no object', async (_name, fault) => {
    proxy.inject({ when: () => true, fault });
    await expect(get()).rejects.toMatchObject({ code: 'kubernetes/unexpected' });
  });

  test('a truncated response fails', async () => {
    proxy.inject({ when: () => true, fault: { kind: 'cutInside', bytes: 20 } });
    await expect(get()).rejects.toMatchObject({ code: 'kubernetes/unreachable' });
  });

  test('an API server that is down is unreachable until it is back', async () => {
    proxy.down();
    await expect(get()).rejects.toMatchObject({ code: 'kubernetes/unreachable', info: { retry: 'transient' } });
    proxy.up();
    expect(await get()).toBeDefined();
  });

  test('an abort ends a pending request with its own reason', async () => {
    proxy.inject({ when: () => true, fault: { kind: 'hang' } });
    const abort = new AbortController();
    const pending = api.withSignal(abort.signal).get(CONFIG_MAPS, { namespace: 'x', name: 'y' });
    setTimeout(() => abort.abort(new Error('cancelled by the test')), 50);
    await expect(pending).rejects.toThrow('cancelled by the test');
  });

  test('connections are reused', async () => {
    for (let count = 0; count < 20; count += 1) await get();
    expect(proxy.seen).toHaveLength(20);
    expect(proxy.seen.every((request) => request.headers['connection'] === 'keep-alive')).toBe(true);
  });
});
