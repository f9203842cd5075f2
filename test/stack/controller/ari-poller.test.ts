/** The sweep of renewal windows (RFC 9773) on a real CA, a real API server and a real Temporal server. */
import { setTimeout as sleep } from 'node:timers/promises';
import pLimit from 'p-limit';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { AcmeClient } from '../../../src/acme/client.ts';
import type { AcmeClientSource } from '../../../src/acme/client-source.ts';
import { watchWorkflowId } from '../../../src/contract/ids.ts';
import { watchStatus } from '../../../src/contract/management-cluster-watch.ts';
import { type KubernetesObject } from '../../../src/kubernetes/api/kubernetes-api.ts';
import { CERTIFICATE_REQUESTS } from '../../../src/kubernetes/objects/resources.ts';
import { caSource, clientOf, newAccount } from '../../support/acme/account.ts';
import { type CaCertificate, issueCertificate } from '../../support/acme/issue-certificate.ts';
import { type Pebble, startPebble } from '../../support/acme/pebble.ts';
import {
  type Cluster,
  createCluster,
  patchCluster,
  writeIssuedObjects,
  writeStatus,
} from '../../support/controller/clusters.ts';
import { QUIET_MS, useControllerHarness } from '../../support/controller/harness.ts';
import { type FaultProxy, startFaultProxy } from '../../support/faults/fault-proxy.ts';
import { Gate } from '../../support/faults/gate.ts';
import { requestSpec, useManagementCluster } from '../../support/kubernetes/management-cluster.ts';
import { eventually } from '../../support/vitest/eventually.ts';

const DAY_MS = 86_400_000;
const PAUSE = 'hive.openshift.io/reconcile-pause';
const PAST = { start: '2026-01-01T00:00:00Z', end: '2026-01-02T00:00:00Z' };
/** Two rounds of the sweep: time enough for what must not happen. */
const TWO_ROUNDS_MS = 11_000;
/** Requests at once, and the shortest time from the begin of one batch of them to the begin of the next. */
const MAX_CONCURRENCY = 10;
const EACH_BATCH_MS = 200;
/** Node's timers may run so much too early. */
const TIMER_MS = 2;
/** The shortest pause while the CA is in trouble. */
const TROUBLE_MS = 5_000;

const hub = useManagementCluster();
const lab = useControllerHarness(hub);
let pebble: Pebble;
let proxy: FaultProxy;
let source: AcmeClientSource;
let ca: AcmeClient;

beforeAll(async () => {
  pebble = await startPebble({ nonceReject: 0, profiles: { default: 90 * 86_400 } });
  proxy = await startFaultProxy({ target: pebble.url, targetCaPem: pebble.caPem, tls: pebble.tls });
  const server = { directoryUrl: `${proxy.url}/dir`, caPem: pebble.caPem };
  source = caSource(server, { stored: await newAccount(server) });
  ca = await clientOf(source);
});
afterAll(async () => {
  await source.close();
  await proxy.close();
  await pebble.stop();
});
beforeEach(() => proxy.clearSeen());

/** A cluster whose one certificate is from the CA, as its CertificateRequest would tell. */
interface Certified {
  readonly cluster: Cluster;
  readonly certificate: CaCertificate;
  /** The whole status, changed by this. */
  readonly write: (change: Readonly<Record<string, unknown>>) => Promise<KubernetesObject>;
}

async function certified(change: Readonly<Record<string, unknown>> = {}): Promise<Certified> {
  const cluster = await createCluster(hub());
  const certificate = await issueCertificate(ca, { dnsNames: [`api.${cluster.namespace}.example.com`] });
  const status = statusOf(certificate);
  await writeIssuedObjects(hub(), cluster, 'one', { ...status, ...change });
  return {
    cluster,
    certificate,
    write: (more) =>
      writeStatus(hub(), { namespace: cluster.namespace, name: 'c1-primary' }, { ...status, ...change, ...more }),
  };
}

/** Renewed by certman's own policy, 45 days before its end: the window that Pebble suggests by itself lies behind that. */
function statusOf({ certId, facts }: CaCertificate) {
  const { notBefore, notAfter } = facts;
  const renewalTime = new Date(Date.parse(notAfter) - 45 * DAY_MS).toISOString();
  return { acmeServer: ca.host, certID: certId, notBefore, notAfter, renewalTime };
}

const looksAt = ({ certId }: Pick<CaCertificate, 'certId'>): number =>
  proxy.seen.filter(({ path }) => path.endsWith(certId)).length;
const looked = (certificate: Pick<CaCertificate, 'certId'>): Promise<number> =>
  eventually(
    `the CA is asked about ${certificate.certId}`,
    () => Promise.resolve(looksAt(certificate)),
    (count) => count > 0,
  );
const MOVED = ['observed', `primary from ${PAST.start}`];

describe('certificates', () => {
  test('at rest are asked about once, and those that need not be, never; no cluster hears anything', async () => {
    const unknownId = (of: CaCertificate): string => `${of.certId.split('.')[0]}.AIdlQyE`;
    const calm = await certified();
    const cases = {
      'whose window lies behind the planned renewal': { of: calm, looks: 1 },
      'of which it is not known which CA issued it': { of: await certified({ acmeServer: undefined }), looks: 1 },
      'that the CA does not know': { of: await certified({ certID: unknownId(calm.certificate) }), looks: 1 },
      'that has expired': { of: await certified({ notAfter: '2026-04-01T00:00:00Z' }), looks: 0 },
      'of another CA': { of: await certified({ acmeServer: 'acme-v02.api.letsencrypt.org' }), looks: 0 },
      'that is in no Secret': { of: await certified({ issued: false }), looks: 0 },
    };
    const run = await lab().startController({ ca: source });
    await looked(calm.certificate);
    await sleep(TWO_ROUNDS_MS);
    for (const [what, { of, looks }] of Object.entries(cases)) {
      const asked = what === 'that the CA does not know' ? unknownId(calm.certificate) : of.certificate.certId;
      expect(looksAt({ certId: asked }), what).toBe(looks);
      expect(await run.receivedSignals(of.cluster), what).toEqual(['observed']);
    }
    expect(run.movedWindows()).toBe(0);
    expect(run.fleet()?.ari.certificates).toBeGreaterThanOrEqual(2);
  });
});

describe('a certificate', () => {
  test('whose window has moved has its cluster told once, and no other; another worker tells nobody again', async () => {
    const [moved, calm] = [await certified(), await certified()];
    await pebble.setRenewalInfo(moved.certificate.chainPem, { suggestedWindow: PAST });
    const first = await lab().startController({ ca: source });
    await first.untilReceived(moved.cluster, MOVED);
    // What the workflow answers by.
    await moved.write({ suggestedWindow: PAST, renewalTime: '2026-11-01T00:00:00Z' });
    await first.stop();
    expect(first.movedWindows()).toBe(1);
    expect(first.logs.filter((line) => line.includes('another time for a renewal'))).toHaveLength(1);
    proxy.clearSeen();
    const second = await lab().startController({
      ca: source,
      managementCluster: first.managementCluster,
      worker: 'worker-2',
    });
    await Promise.all([looked(moved.certificate), looked(calm.certificate)]);
    await sleep(TWO_ROUNDS_MS);
    expect(await second.receivedSignals(moved.cluster)).toEqual(MOVED);
    expect(await second.receivedSignals(calm.cluster)).toEqual(['observed']);
    expect(second.movedWindows()).toBe(0);
  });

  test('whose window moves back has its cluster told as well', async () => {
    const { cluster, certificate } = await certified({ suggestedWindow: PAST, renewalTime: '2026-11-01T00:00:00Z' });
    const suggestedWindow = { start: '2027-01-20T00:00:00Z', end: '2027-01-21T00:00:00Z' };
    await pebble.setRenewalInfo(certificate.chainPem, { suggestedWindow });
    const run = await lab().startController({ ca: source });
    await run.untilReceived(cluster, ['observed', `primary from ${suggestedWindow.start}`]);
  });

  test('of a request that stands alone has that one told', async () => {
    const { namespace, name, uid } = await hub().request();
    const certificate = await issueCertificate(ca, { dnsNames: [`api.${namespace}.example.com`] });
    await pebble.setRenewalInfo(certificate.chainPem, { suggestedWindow: PAST });
    await writeStatus(hub(), { namespace, name }, statusOf(certificate));
    const run = await lab().startController({ ca: source });
    const alone = { kind: 'CertificateRequest', namespace, name, uid } as const;
    await run.untilReceived(alone, ['observed', `${name} from ${PAST.start}`]);
  });

  test('that is replaced while the CA is asked about it moves nothing', async () => {
    const { cluster, certificate, write } = await certified();
    await pebble.setRenewalInfo(certificate.chainPem, { suggestedWindow: PAST });
    const successor = await issueCertificate(ca, { dnsNames: certificate.facts.dnsNames });
    const replaced = new Gate();
    proxy.inject({
      when: ({ path }) => path.endsWith(certificate.certId),
      fault: { kind: 'hold', until: replaced.opened },
    });
    const run = await lab().startController({ ca: source });
    await looked(certificate);
    await run.untilHandled(await write(statusOf(successor)));
    replaced.open();
    // The round that asks about it comes after the answer was dealt with.
    await looked(successor);
    await sleep(QUIET_MS);
    expect(await run.receivedSignals(cluster)).toEqual(['observed']);
    expect(looksAt(certificate)).toBe(1);
  });

  test('of a paused cluster is asked about, and its cluster told, once it goes on', async () => {
    const { cluster, certificate } = await certified();
    await pebble.setRenewalInfo(certificate.chainPem, { suggestedWindow: PAST });
    await patchCluster(hub(), cluster, '/metadata/annotations', { [PAUSE]: 'true' });
    const run = await lab().startController({ ca: source });
    await run.untilReceived(cluster, ['observed']);
    await sleep(TWO_ROUNDS_MS);
    expect(looksAt(certificate)).toBe(0);
    await patchCluster(hub(), cluster, '/metadata/annotations', {});
    await run.untilReceived(cluster, ['observed', 'observed', `primary from ${PAST.start}`]);
  });
});

describe('a CA that', () => {
  test('is away is tried with one certificate at a time, said once, and asked about the rest when it is back', async () => {
    const some = [await certified(), await certified(), await certified()];
    await Promise.all(
      some.map(({ certificate }) => pebble.setRenewalInfo(certificate.chainPem, { suggestedWindow: PAST })),
    );
    const ofThese = ({ path }: { path: string }): boolean =>
      some.some(({ certificate }) => path.endsWith(certificate.certId));
    const away = proxy.inject({ when: ({ path }) => path.includes('/renewalInfo/'), fault: { kind: 'cutBefore' } });
    const run = await lab().startController({ ca: source });
    const isTrouble = (line: string): boolean => line.startsWith('The CA gives no renewal information');
    await eventually(
      'trouble is said',
      () => Promise.resolve(run.logs.filter(isTrouble)),
      (lines) => lines.length > 0,
    );
    const duringTrouble = proxy.seen.length;
    const began = performance.now();
    await sleep(12_000);
    const most = Math.ceil((performance.now() - began) / TROUBLE_MS) + 1;
    expect(proxy.seen.length - duringTrouble).toBeLessThanOrEqual(most);
    expect(run.logs.filter(isTrouble)).toHaveLength(1);
    expect(run.fleet()?.ari.failing).toBe(true);
    away.remove();
    // Those that were tried meanwhile wait ten minutes; the others are told of.
    await eventually(
      'it is over',
      () => Promise.resolve(run.logs.filter((line) => line.startsWith('The CA gives renewal information again'))),
      (lines) => lines.length === 1,
    );
    expect(proxy.seen.filter(ofThese).length).toBeGreaterThanOrEqual(1);
    await expect.poll(() => run.fleet()?.ari.failing).toBe(false);
    const { takeovers } = await lab()
      .env.client.workflow.getHandle(watchWorkflowId(run.managementCluster))
      .query(watchStatus);
    expect(takeovers).toBe(1);
  });

  test('says when it wants to be asked again is not asked before', async () => {
    // Longer than the first pause by itself.
    const AFTER_SECONDS = 8;
    // Less by the part of a second that an instant of HTTP may lack.
    const AFTER_MS = (AFTER_SECONDS - 1) * 1_000;
    await certified();
    const busy = proxy.inject({
      when: ({ path }) => path.includes('/renewalInfo/'),
      fault: { kind: 'answer', status: 503, headers: { 'retry-after': String(AFTER_SECONDS) } },
    });
    await lab().startController({ ca: source });
    /** Milliseconds between one request for renewal information and the next. */
    const pauses = (): readonly number[] => {
      const times = proxy.seen.filter(({ path }) => path.includes('/renewalInfo/')).map(({ at }) => at);
      return times.slice(1).map((at, index) => at - (times[index] ?? at));
    };
    const seen = await eventually(
      'it is asked again',
      () => Promise.resolve(pauses()),
      (all) => all.some((pause) => pause > AFTER_MS),
    );
    busy.remove();
    // Those of one batch were on their way before the first of them was answered.
    expect(seen.findIndex((pause) => pause > AFTER_MS)).toBeLessThan(MAX_CONCURRENCY);
  });

  test('answers nonsense about one certificate is asked about the others', async () => {
    const [odd, fine] = [await certified(), await certified()];
    await pebble.setRenewalInfo(odd.certificate.chainPem, 'tomorrow, perhaps');
    await pebble.setRenewalInfo(fine.certificate.chainPem, { suggestedWindow: PAST });
    const run = await lab().startController({ ca: source });
    await run.untilReceived(fine.cluster, MOVED);
    await eventually(
      'it is said',
      () => Promise.resolve(run.logs.filter((line) => line.startsWith('Renewal information of the CA is unusable'))),
      (lines) => lines.length === 1,
    );
    expect(looksAt(odd.certificate)).toBe(1);
    expect(await run.receivedSignals(odd.cluster)).toEqual(['observed']);
  });
});

/** As many as a ClusterDeployment may have. */
const MAX_BUNDLES = 32;

/** Pebble takes two of its locks in both orders, and stands still for ever when many orders at once meet there. */
const issuing = pLimit(4);

/** A cluster with as many bundles, each with a certificate from the CA. */
async function certifiedBundles(count: number): Promise<{ cluster: Cluster; certificates: readonly CaCertificate[] }> {
  const bundles = Array.from({ length: count }, (_, index) => `b${index}`);
  const cluster = await createCluster(hub());
  const { namespace, name, uid } = cluster;
  const secretOf = (bundle: string): string => `${bundle}-cert`;
  await patchCluster(
    hub(),
    cluster,
    '/spec/certificateBundles',
    bundles.map((bundle) => ({ name: bundle, generate: true, certificateSecretRef: { name: secretOf(bundle) } })),
  );
  const ownerReferences = [{ apiVersion: 'hive.openshift.io/v1', kind: 'ClusterDeployment', name, uid }];
  const certificates = await Promise.all(
    bundles.map(async (bundle) => {
      const names = [`${bundle}.${namespace}.example.com`];
      const certificate = await issuing(() => issueCertificate(ca, { dnsNames: names }));
      const request = { namespace, name: `${name}-${bundle}` };
      const spec = { ...requestSpec(name), certificateSecret: { name: secretOf(bundle) } };
      await hub().certman.apply(CERTIFICATE_REQUESTS, { metadata: { ...request, ownerReferences }, spec });
      await writeStatus(hub(), request, statusOf(certificate));
      return certificate;
    }),
  );
  return { cluster, certificates };
}

test('a take-over of many certificates is no stampede, and a window reaches its own bundle', async () => {
  const clusters = await Promise.all(Array.from({ length: 4 }, () => certifiedBundles(MAX_BUNDLES)));
  const [first] = clusters;
  const moved = first?.certificates[7];
  if (first === undefined || moved === undefined) throw new Error('there are fewer');
  await pebble.setRenewalInfo(moved.chainPem, { suggestedWindow: PAST });
  proxy.clearSeen();
  /** When each batch was begun. */
  const begins: number[] = [];
  const ofBatches: Pick<AcmeClientSource, 'withClient'> = {
    withClient: (work, signal) => {
      begins.push(performance.now());
      return source.withClient(work, signal);
    },
  };
  const run = await lab().startController({ ca: ofBatches });
  await run.untilReceived(first.cluster, ['observed', `b7 from ${PAST.start}`]);
  await eventually(
    'each is asked about once',
    () => Promise.resolve(clusters.flatMap(({ certificates }) => certificates.map(looksAt))),
    (looks) => looks.every((count) => count === 1),
  );
  const times = proxy.seen.filter(({ path }) => path.includes('/renewalInfo/')).map(({ at }) => at);
  process.stdout.write(`${times.length} certificates asked about in ${begins.length} batches\n`);
  // Fifty a second: ten at once, and the next ten no sooner than a fifth of a second later, all of these answered.
  for (const [index, begin] of begins.entries()) {
    const next = begins[index + 1] ?? Number.POSITIVE_INFINITY;
    expect(next - begin).toBeGreaterThanOrEqual(EACH_BATCH_MS - TIMER_MS);
    expect(times.filter((at) => at >= begin && at < next).length).toBeLessThanOrEqual(MAX_CONCURRENCY);
  }
});
