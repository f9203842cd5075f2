import { Registry } from 'prom-client';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { readLeaf } from '../../../src/acme/certificate.ts';
import { toCachedCluster } from '../../../src/clusters/cached-cluster.ts';
import type { ClusterView } from '../../../src/clusters/cluster-view.ts';
import { ControllerCache } from '../../../src/controller/controller-cache.ts';
import { FailedProbes } from '../../../src/controller/failed-probes.ts';
import { KeyedWorkQueue } from '../../../src/controller/keyed-work-queue.ts';
import { servedPollClient, servedRemovalClient } from '../../../src/controller/served-poller.ts';
import { AddressLookupError } from '../../../src/dns/public-addresses.ts';
import { CertmanError } from '../../../src/failures/failure.ts';
import type { KubernetesApi, KubernetesObject } from '../../../src/kubernetes/api/kubernetes-api.ts';
import { certificateFacts } from '../../../src/kubernetes/objects/certificate-facts.ts';
import { observeRequest } from '../../../src/kubernetes/objects/observed-request.ts';
import type { ResolveHost } from '../../../src/network/resolve-allowed.ts';
import { createMetrics } from '../../../src/observability/metrics.ts';
import { TlsProbe } from '../../../src/tls-probe/tls-probe.ts';
import { TrustStore } from '../../../src/x509/trust-store.ts';
import { IssuingCa } from '../../support/certificates/issuing-ca.ts';
import { startTlsServer, type TlsServer } from '../../support/certificates/tls-server.ts';
import { Gate } from '../../support/faults/gate.ts';
import { LOOPBACK } from '../../support/network.ts';
import { clusterView } from '../../support/workflows/cluster-views.ts';

const HOUR_MS = 3_600_000;
const logger = { info: () => undefined, warn: () => undefined, error: () => undefined };

let ca: IssuingCa;
let server: TlsServer;
let issued: Awaited<ReturnType<typeof issue>>;
let cache: ControllerCache;
let queue: KeyedWorkQueue;
let view: ClusterView;
/** What the API server has of the request. */
let stored: KubernetesObject | undefined;
let events: string[];
let patches: number;

beforeAll(async () => {
  ca = await IssuingCa.create();
  issued = await issue('05');
  server = await startTlsServer(issued);
});
afterAll(() => server.close());
beforeEach(() => {
  cache = new ControllerCache();
  queue = new KeyedWorkQueue(8, 100);
  view = { ...clusterView(), finalizer: true, apiURL: `https://api.c1.example.com:${server.port}` };
  stored = undefined;
  events = [];
  patches = 0;
});

async function issue(serialHex: string) {
  const pair = await ca.issue({ serialHex });
  const { serialNumber, issuerName, notBefore, notAfter } = certificateFacts(readLeaf(pair.chainPem));
  return { ...pair, status: { issued: true, serialNumber, issuerName, notBefore, notAfter } };
}

const api = {
  withSignal: () => api,
  get: () => Promise.resolve(stored),
  create: (_resource, object) => {
    events.push(`${String(object['type'])} ${String(object['reason'])}`);
    return Promise.resolve(object);
  },
  patch: (_resource, _key, operations) => {
    if (stored === undefined) return Promise.resolve(undefined);
    const { metadata, status } = stored as typeof stored & { readonly status: { readonly conditions?: object[] } };
    const actual = new Map<string, unknown>(
      Object.entries(metadata).map(([name, value]) => [`/metadata/${name}`, value]),
    );
    const isOther = operations.some((one) => one.op === 'test' && actual.get(one.path) !== one.value);
    const change = operations.at(-1);
    const value = change !== undefined && 'value' in change ? change.value : undefined;
    const isAppended = change?.path === '/status/conditions/-';
    if (isOther || (isAppended && status.conditions === undefined)) {
      return Promise.reject(new CertmanError({ code: 'kubernetes/conflict', message: 'it is not as it was' }));
    }
    patches += 1;
    const conditions = isAppended ? [...(status.conditions ?? []), value] : value;
    const resourceVersion = String(Number(metadata.resourceVersion) + 1);
    stored = { ...stored, metadata: { ...metadata, resourceVersion }, status: { ...status, conditions } };
    return Promise.resolve(stored);
  },
} as Partial<KubernetesApi> as KubernetesApi;

const toLoopback: ResolveHost = () => Promise.resolve([{ address: '127.0.0.1', family: 4 }]);

function setUp(
  kubernetes: KubernetesApi = api,
  roots = new TrustStore([ca.certificatePem]),
  resolve = toLoopback,
  failedProbes = new FailedProbes(),
) {
  const check = {
    tls: new TlsProbe({ privateNetworks: [LOOPBACK], resolve, timeoutMs: 5_000 }),
    roots: { of: () => roots },
    intervalMs: 12 * HOUR_MS,
    withinMs: 3 * HOUR_MS,
  };
  const signal = new AbortController().signal;
  const metrics = createMetrics(new Registry());
  return servedPollClient({ cache, kubernetes, queue, metrics, logger, signal }, check, failedProbes);
}

function setRequest(status: object, kind?: 'CertificateRequest', dnsNames = ['api.c1.example.com']): void {
  const { namespace } = view.identity;
  cache.setCluster(toCachedCluster(undefined, { ...view, identity: { ...view.identity, kind } }));
  const name = cache.allClusters().next().value?.certificates[0]?.requestName ?? '';
  stored = {
    metadata: { namespace, name, uid: 'u', resourceVersion: '1' },
    spec: { dnsNames },
    status,
  };
  observe();
}
/** As the informer does after a write. */
const observe = (): void => {
  if (stored !== undefined) cache.requests.set(observeRequest(stored));
};
const servedIn = () =>
  (
    stored?.['status'] as
      | { conditions?: { type: string; status: string; reason: string; message: string }[] }
      | undefined
  )?.conditions?.find(({ type }) => type === 'Served');

async function pollOnce(client: ReturnType<typeof setUp>) {
  const keys = [...client.changes()];
  const [subject] = keys.flatMap((key) => client.find(key) ?? []);
  if (subject === undefined) throw new Error('nothing is polled');
  const [result] = await client.poll([subject]);
  observe();
  return { subject, result };
}
const installed = (ageMs: number) => ({ installedTime: new Date(Date.now() - ageMs).toISOString() });

describe('the sweep of what clusters serve', () => {
  test('writes the condition and the Events once; the same answer again writes nothing', async () => {
    setRequest({ ...issued.status, ...installed(60_000) });
    const client = setUp();
    const { result } = await pollOnce(client);
    expect(servedIn()).toMatchObject({ status: 'True', reason: 'Served' });
    expect(result?.kind).toBe('answered');
    expect((result?.nextPollAt ?? 0) - Date.now()).toBeGreaterThan(11 * HOUR_MS);
    await pollOnce(client);
    expect(patches).toBe(1);
    expect(events).toEqual(['Normal Served', 'Normal Served']);
  });

  test('records no Event of a certificate from before the probes began that is served', async () => {
    setRequest(issued.status);
    await pollOnce(setUp());
    expect(servedIn()).toMatchObject({ status: 'True' });
    expect(events).toEqual([]);
  });

  test('takes a certificate for served until three probes in a row have not reached the cluster', async () => {
    setRequest({ ...issued.status, ...installed(48 * HOUR_MS) });
    const down = { current: false };
    const client = setUp(api, undefined, () =>
      down.current
        ? Promise.reject(new AddressLookupError('EAI_AGAIN', 'no resolver answers'))
        : Promise.resolve([{ address: '127.0.0.1', family: 4 }]),
    );
    const { subject } = await pollOnce(client);
    const pollAgain = async () => {
      const [result] = await client.poll([client.find(subject.key) ?? subject]);
      observe();
      return { result, reason: servedIn()?.reason };
    };
    down.current = true;
    const waits: number[] = [];
    for (const reason of ['Served', 'Served', 'Unreachable', 'Unreachable']) {
      const polled = await pollAgain();
      expect(polled.reason).toBe(reason);
      waits.push(Math.round(((polled.result?.nextPollAt ?? 0) - Date.now()) / 60_000));
    }
    expect(waits).toEqual([1, 2, 4, 8]);
    down.current = false;
    expect((await pollAgain()).reason).toBe('Served');
    down.current = true;
    expect((await pollAgain()).reason).toBe('Served');
  });

  test.each(['before', 'during'])(
    'keeps nothing of a certificate that goes out of use %s a probe that fails',
    async (when) => {
      setRequest(issued.status);
      const failedProbes = new FailedProbes();
      const gate = new Gate();
      const looking = Promise.withResolvers<void>();
      let isHeld = false;
      const resolve: ResolveHost = async () => {
        looking.resolve();
        if (isHeld) await gate.opened;
        throw new AddressLookupError('EAI_AGAIN', 'no resolver answers');
      };
      const client = setUp(api, undefined, resolve, failedProbes);
      const { subject } = await pollOnce(client);
      expect(failedProbes.size).toBe(1);
      isHeld = when === 'during';
      const polled = isHeld ? client.poll([subject]) : undefined;
      if (isHeld) await looking.promise;
      cache.deleteCluster(subject.cluster);
      cache.requests.delete(subject.request);
      expect([...client.changes()].map((key) => client.find(key))).toEqual([undefined]);
      gate.open();
      await polled;
      expect(failedProbes.size).toBe(0);
    },
  );

  test('waits for Hive without an Event, then warns once', async () => {
    const renewed = await issue('06');
    setRequest({ ...renewed.status, ...installed(HOUR_MS), replacedSerialNumber: '5' });
    await pollOnce(setUp());
    expect(servedIn()).toMatchObject({ status: 'False', reason: 'NotServedYet' });
    expect(events).toEqual([]);
    setRequest({ ...renewed.status, ...installed(4 * HOUR_MS), replacedSerialNumber: '5' });
    const client = setUp();
    await pollOnce(client);
    await pollOnce(client);
    expect(servedIn()).toMatchObject({ status: 'False', reason: 'NotServed' });
    expect(events).toEqual(['Warning NotServed', 'Warning NotServed']);
  });

  test('warns of a chain that clients refuse, and names the certificate', async () => {
    const { leafPem, keyPem, status } = await issue('07');
    const bare = await startTlsServer({ chainPem: leafPem, keyPem });
    onTestFinished(() => bare.close());
    view = { ...view, apiURL: `https://api.c1.example.com:${bare.port}` };
    setRequest(status);
    const others = await IssuingCa.create('Other');
    await pollOnce(setUp(api, new TrustStore([others.certificatePem])));
    expect(servedIn()).toMatchObject({ status: 'False', reason: 'ChainNotTrusted' });
    expect(servedIn()?.message).toContain('certificate 1 of 1 (CN=api.c1.example.com) was signed by "CN=Test R99"');
    expect(events).toEqual(['Warning ChainNotTrusted', 'Warning ChainNotTrusted']);
  });

  test.each([
    [{ privateLink: true }, 'PrivateLink'],
    [{ hibernating: true }, 'Hibernating'],
  ] as const)('connects to no cluster with %j, and says so', async (change, reason) => {
    view = { ...view, ...change };
    const before = server.seen.length;
    setRequest({ ...issued.status, ...installed(24 * HOUR_MS) });
    await pollOnce(setUp());
    expect(servedIn()).toMatchObject({ status: 'Unknown', reason });
    expect(server.seen).toHaveLength(before);
    expect(events).toEqual([]);
  });

  test('polls another certificate, or a cluster that has woken, at once, and no standalone request', () => {
    const client = setUp();
    const versions = new Set<string | number | undefined>();
    const note = () => versions.add(client.versionOf?.(subjectOf(client)));
    setRequest(issued.status);
    note();
    setRequest({ ...issued.status, serialNumber: '99' });
    note();
    view = { ...view, hibernating: true };
    setRequest({ ...issued.status, serialNumber: '99' });
    note();
    setRequest({ ...issued.status, serialNumber: '99', issuerName: 'another' });
    note();
    expect(versions.size).toBe(3);
    cache = new ControllerCache();
    setRequest(issued.status, 'CertificateRequest');
    expect(() => subjectOf(setUp())).toThrow('nothing is polled');
  });

  const subjectOf = (client: ReturnType<typeof setUp>) => {
    const [subject] = [...client.changes()].flatMap((key) => client.find(key) ?? []);
    if (subject === undefined) throw new Error('nothing is polled');
    return subject;
  };

  test.each([
    ['Served', {}],
    ['NotPublic', {}],
    ['PrivateLink', { privateLink: true }],
  ] as const)('goes on with the sweep of an earlier controller: %s is not due at once', (reason, change) => {
    const random = vi.spyOn(Math, 'random').mockReturnValue(0.5);
    onTestFinished(() => random.mockRestore());
    view = { ...view, ...change };
    const condition = { type: 'Served', status: reason === 'Served' ? 'True' : 'Unknown', reason, message: atPort() };
    setRequest({ ...issued.status, conditions: [condition] });
    const client = setUp();
    expect(client.firstPollAt?.(subjectOf(client), 1_000)).toBe(1_000 + 6 * HOUR_MS);
  });
  const atPort = (port = server.port): string =>
    `Certificate ${issued.status.serialNumber} is served at api.c1.example.com:${port}.`;

  test('is due at once after a take-over where a name is served at another port than the last probe found it at', () => {
    const condition = { type: 'Served', status: 'True', reason: 'Served', message: atPort(server.port + 1) };
    setRequest({ ...issued.status, conditions: [condition] });
    const client = setUp();
    expect(client.firstPollAt?.(subjectOf(client), 1_000)).toBe(1_000);
  });

  test.each([
    ['NotProbed', {}],
    ['Unreachable', {}],
    ['PrivateLink', {}],
    ['Served', { privateLink: true }],
  ] as const)('is due at once after a take-over where %s is no answer, with %j', (reason, change) => {
    view = { ...view, ...change };
    const condition = { type: 'Served', status: reason === 'Served' ? 'True' : 'Unknown', reason, message: 'x' };
    setRequest({ ...issued.status, conditions: [condition] });
    const client = setUp();
    expect(client.firstPollAt?.(subjectOf(client), 1_000)).toBe(1_000);
  });

  test('is paced for certificates from before certman or a day ago, and held while clusters of a list are signalled', async () => {
    const isBackground = (status: object): boolean | undefined => {
      setRequest({ ...issued.status, ...status });
      const client = setUp();
      return client.background?.includes(subjectOf(client), Date.now());
    };
    expect([isBackground({}), isBackground(installed(25 * HOUR_MS)), isBackground(installed(HOUR_MS))]).toEqual([
      true,
      true,
      false,
    ]);
    const { background, foregroundPerSecond } = setUp();
    expect(foregroundPerSecond).toBe(10);
    const gate = new Gate();
    const adoption = queue.add('a', () => gate.opened, 'background');
    expect(background?.isHeld()).toBe(true);
    gate.open();
    await adoption;
    expect(background?.isHeld()).toBe(false);
  });

  test.each([
    ['another certificate', { serialNumber: '99' }],
    ['the time of its installation', {}],
  ])('is due at once, and not paced, when the status gets %s', (_what, change) => {
    setRequest(issued.status);
    const client = setUp();
    const before = subjectOf(client);
    setRequest({ ...issued.status, ...installed(20_000), ...change });
    const subject = subjectOf(client);
    expect(client.versionOf?.(subject)).not.toBe(client.versionOf?.(before));
    expect(client.background?.includes(subject, Date.now())).toBe(false);
    const now = Date.now();
    expect(client.firstPollAt?.(subject, now)).toBe(now);
  });

  test.each([
    ['a moment ago', 1_000],
    ['a minute ago', 60_000],
    ['by a worker whose clock is ahead', -3_600_000],
  ])('a certificate that was installed %s is probed 15 s after that at the earliest', (_what, ageMs) => {
    setRequest({ ...issued.status, ...installed(ageMs) });
    const client = setUp();
    const subject = subjectOf(client);
    const now = Date.now();
    const earliest = Math.max(now, Math.min(now, subject.request.installedAt ?? 0) + 15_000);
    expect(client.firstPollAt?.(subject, now)).toBe(earliest);
    expect(client.earliestPollAt?.(subject, now)).toBe(earliest);
  });

  /** Of the changes since the last call: whether they make a subject due, whenever it was planned. */
  function dueAtOnce(client: ReturnType<typeof setUp>): readonly boolean[] {
    const subjects = [...client.changes()].flatMap((key) => client.find(key) ?? []);
    return subjects.map((subject) => {
      const [before, version] = [versions.get(client), client.versionOf?.(subject)];
      versions.set(client, version);
      const now = Date.now();
      return client.changeDueAt?.(subject, now) === now || (before !== undefined && before !== version);
    });
  }
  const versions = new Map<object, string | number | undefined>();
  const served = { type: 'Served', status: 'True', reason: 'Served', message: 'x' };

  test.each([
    ['the address of the API', { apiURL: 'https://api.c1.example.com:7443' }, ['api.c1.example.com']],
    ['the names', {}, ['api.c1.example.com', '*.new.c1.example.com']],
  ])('is due at once when %s changes, and only then', (_what, change, dnsNames) => {
    setRequest({ ...issued.status, conditions: [served] });
    const client = setUp();
    expect(dueAtOnce(client)).toEqual([false]);
    // As a resync does.
    setRequest({ ...issued.status, conditions: [served] });
    expect(dueAtOnce(client)).toEqual([false]);
    view = { ...view, ...change };
    setRequest({ ...issued.status, conditions: [served] }, undefined, dnsNames);
    expect(dueAtOnce(client)).toEqual([true]);
    setRequest({ ...issued.status, conditions: [served] }, undefined, dnsNames);
    expect(dueAtOnce(client)).toEqual([false]);
  });

  test('is due at once when the condition has been removed', () => {
    setRequest({ ...issued.status, conditions: [served] });
    const client = setUp();
    expect(dueAtOnce(client)).toEqual([false]);
    setRequest(issued.status);
    expect(dueAtOnce(client)).toEqual([true]);
  });

  test('is due at once five times when the condition is removed again and again, then once in two minutes', () => {
    setRequest(issued.status);
    const client = setUp();
    const subject = subjectOf(client);
    const waits = Array.from({ length: 6 }, () => client.changeDueAt?.(subject, 0) ?? -1);
    expect(waits.slice(0, 5)).toEqual([0, 0, 0, 0, 0]);
    expect(waits[5]).toBeGreaterThan(60_000);
    expect(waits[5]).toBeLessThanOrEqual(120_000);
  });

  test('writes the condition again that another writer removes during a probe', async () => {
    setRequest({ ...issued.status, ...installed(60_000) });
    const gate = new Gate();
    const probing = Promise.withResolvers<void>();
    const client = setUp(api, undefined, async (...host) => {
      if (patches === 0) return await toLoopback(...host);
      probing.resolve();
      await gate.opened;
      return await toLoopback(...host);
    });
    const { subject } = await pollOnce(client);
    const again = client.poll([client.find(subject.key) ?? subject]);
    await probing.promise;
    stored = stored && { ...stored, status: { ...issued.status, ...installed(60_000) } };
    observe();
    gate.open();
    await again;
    expect(servedIn()).toMatchObject({ status: 'True', reason: 'Served' });
    expect(patches).toBe(2);
  });

  test('removes all conditions at the pace of the sweep where it is switched off', async () => {
    const condition = { type: 'Served', status: 'True', reason: 'Served', message: 'x' };
    setRequest({ ...issued.status, ...installed(60_000), conditions: [condition] });
    const metrics = createMetrics(new Registry());
    const { signal } = new AbortController();
    const client = servedRemovalClient({ cache, kubernetes: api, queue, metrics, logger, signal });
    const subject = subjectOf(client);
    expect(client.background?.includes(subject, Date.now())).toBe(true);
    await client.poll([subject]);
    expect(servedIn()).toBeUndefined();
  });

  test('writes nothing to a request that has another certificate by then, or is another one', async () => {
    setRequest(issued.status);
    const metadata = { name: 'c1-primary', uid: 'u', ...stored?.metadata, resourceVersion: '2' };
    stored = stored && { ...stored, metadata, status: { ...(stored['status'] as object), serialNumber: '99' } };
    await pollOnce(setUp());
    expect(patches).toBe(0);
    expect(events).toEqual([]);
  });

  test('fails, to be repeated, while the API server refuses the write', async () => {
    const refused = new CertmanError({ code: 'kubernetes/unreachable', message: 'away' });
    setRequest(issued.status);
    await expect(pollOnce(setUp({ ...api, patch: () => Promise.reject(refused) }))).rejects.toBe(refused);
  });
});
