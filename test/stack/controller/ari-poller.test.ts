/** The ARI poller (RFC 9773) against a real CA, API server and Temporal server. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import type { AcmeClient } from '../../../src/acme/client.ts';
import type { AcmeClientSource } from '../../../src/acme/client-source.ts';
import type { RenewalPolicy } from '../../../src/certificates/planned-renewal.ts';
import { CertmanError } from '../../../src/failures/failure.ts';
import { type KubernetesObject } from '../../../src/kubernetes/api/kubernetes-api.ts';
import { RENEWAL_POLICY_ANNOTATION } from '../../../src/kubernetes/objects/renewal-policy-annotation.ts';
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
import { watchesUnbroken } from '../../support/controller/watch-attempt.ts';
import { type FaultProxy, startFaultProxy } from '../../support/faults/fault-proxy.ts';
import { Gate } from '../../support/faults/gate.ts';
import { GRPC, isSignalTo, startTemporalFrontend } from '../../support/faults/temporal-frontend.ts';
import { PEBBLE_CONNECTIONS } from '../../support/faults/upstream.ts';
import { requestSpec, useManagementCluster } from '../../support/kubernetes/management-cluster.ts';
import { eventually } from '../../support/vitest/eventually.ts';

const DAY_MS = 86_400_000;
const PAUSE = 'hive.openshift.io/reconcile-pause';
const PAST = { start: '2026-01-01T00:00:00Z', end: '2026-01-02T00:00:00Z' };
/** Two rounds of the poller: long enough to see that nothing happens. */
const TWO_ROUNDS_MS = 11_000;
/** Concurrent requests, and the shortest time from the start of one batch to the next. */
const MAX_CONCURRENCY = 10;
const EACH_BATCH_MS = 200;
/** Node's timers may fire this much too early. */
const TIMER_MS = 2;
/** The shortest pause while the CA fails. */
const TROUBLE_MS = 5_000;

const managementCluster = useManagementCluster();
const harness = useControllerHarness(managementCluster);
let pebble: Pebble;
let proxy: FaultProxy;
let source: AcmeClientSource;
let ca: AcmeClient;

beforeAll(async () => {
  pebble = await startPebble({ nonceReject: 0, profiles: { default: 90 * 86_400 } });
  proxy = await startFaultProxy({
    target: pebble.url,
    targetCaPem: pebble.caPem,
    tls: pebble.tls,
    ...PEBBLE_CONNECTIONS,
  });
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

/** A cluster with one certificate from the CA, as in the status of its CertificateRequest. */
interface Certified {
  readonly cluster: Cluster;
  readonly certificate: CaCertificate;
  /** Writes the whole status with a change. */
  readonly write: (change: Readonly<Record<string, unknown>>) => Promise<KubernetesObject>;
}

async function certified(change: Readonly<Record<string, unknown>> = {}, policy?: RenewalPolicy): Promise<Certified> {
  const cluster = await createCluster(managementCluster());
  const certificate = await issueCertificate(ca, { dnsNames: [`api.${cluster.namespace}.example.com`] });
  const status = statusOf(certificate);
  await writeIssuedObjects(managementCluster(), cluster, 'one', { ...status, ...change });
  if (policy !== undefined) {
    await managementCluster().admin.patch(CERTIFICATE_REQUESTS, { namespace: cluster.namespace, name: 'c1-primary' }, [
      { op: 'add', path: '/metadata/annotations', value: { [RENEWAL_POLICY_ANNOTATION]: policy } },
    ]);
  }
  return {
    cluster,
    certificate,
    write: (more) =>
      writeStatus(
        managementCluster(),
        { namespace: cluster.namespace, name: 'c1-primary' },
        { ...status, ...change, ...more },
      ),
  };
}

/** Renewal planned 45 days before expiry: the window that Pebble suggests by default is later. */
function statusOf({ certId, facts }: CaCertificate) {
  const { notBefore, notAfter } = facts;
  const renewalTime = new Date(Date.parse(notAfter) - 45 * DAY_MS).toISOString();
  return { acmeServer: ca.host, certID: certId, notBefore, notAfter, renewalTime };
}

const pollsOf = ({ certId }: Pick<CaCertificate, 'certId'>): number =>
  proxy.seen.filter(({ path }) => path.endsWith(certId)).length;
const polled = (certificate: Pick<CaCertificate, 'certId'>): Promise<number> =>
  eventually(
    `the CA is asked about ${certificate.certId}`,
    () => Promise.resolve(pollsOf(certificate)),
    (count) => count > 0,
  );
const MOVED = ['observed', `primary from ${PAST.start}`];

describe('certificates', () => {
  test('at rest are polled once, and those that need not be, never; no cluster is signalled', async () => {
    const unknownId = (of: CaCertificate): string => `${of.certId.split('.')[0]}.AIdlQyE`;
    const calm = await certified();
    const cases = {
      'whose window lies behind the planned renewal': { of: calm, polls: 1 },
      'of an unknown CA': { of: await certified({ acmeServer: undefined }), polls: 1 },
      'that the CA does not know': { of: await certified({ certID: unknownId(calm.certificate) }), polls: 1 },
      'that has expired': { of: await certified({ notAfter: '2026-04-01T00:00:00Z' }), polls: 0 },
      'of another CA': { of: await certified({ acmeServer: 'acme-v02.api.letsencrypt.org' }), polls: 0 },
      'that is in no Secret': { of: await certified({ issued: false }), polls: 0 },
    };
    const run = await harness().startController({ ca: source });
    await polled(calm.certificate);
    await sleep(TWO_ROUNDS_MS);
    for (const [what, { of, polls }] of Object.entries(cases)) {
      const asked = what === 'that the CA does not know' ? unknownId(calm.certificate) : of.certificate.certId;
      expect(pollsOf({ certId: asked }), what).toBe(polls);
      expect(await run.receivedSignals(of.cluster), what).toEqual(['observed']);
    }
    expect(run.movedWindows()).toBe(0);
    await expect.poll(() => run.fleet()?.ari?.certificates).toBeGreaterThanOrEqual(2);
  });
});

test('certificates of a fallback CA are polled there, whatever the first one does', async () => {
  const { certificate } = await certified();
  const away = new CertmanError({ code: 'acme/unreachable', message: 'The first CA is away.' });
  const first = { withClient: () => Promise.reject(away) };
  await harness().startController({ ca: first, fallbackCas: [source] });
  await polled(certificate);
});

describe('a certificate', () => {
  test('whose window has moved has its cluster signalled once, and no other cluster; another worker does not signal again', async () => {
    const [moved, calm] = [await certified(), await certified()];
    await pebble.setRenewalInfo(moved.certificate.chainPem, { suggestedWindow: PAST });
    const first = await harness().startController({ ca: source });
    await first.untilReceived(moved.cluster, MOVED);
    // As the workflow does in response.
    await moved.write({ suggestedWindow: PAST, renewalTime: '2026-11-01T00:00:00Z' });
    await first.stop();
    expect(first.movedWindows()).toBe(1);
    expect(first.logs.filter((line) => line.includes('another time for a renewal'))).toHaveLength(1);
    proxy.clearSeen();
    const second = await harness().startController({
      ca: source,
      managementCluster: first.managementCluster,
      worker: 'worker-2',
    });
    await Promise.all([polled(moved.certificate), polled(calm.certificate)]);
    await sleep(TWO_ROUNDS_MS);
    expect(await second.receivedSignals(moved.cluster)).toEqual(MOVED);
    expect(await second.receivedSignals(calm.cluster)).toEqual(['observed']);
    expect(second.movedWindows()).toBe(0);
  });

  test('that waits for its window by policy ari has its first window signalled, which is no change of one', async () => {
    const [waiting, annotated, optedOut] = [
      await certified(),
      await certified({}, 'ari'),
      await certified({}, 'renew-before'),
    ];
    const windows = async ({ cluster }: Certified) =>
      ((await run.receivedSignals(cluster)) ?? []).filter((what) => what.startsWith('primary from'));
    const run = await harness().startController({ ca: source, renewalPolicy: 'ari' });
    for (const one of [waiting, annotated]) {
      await eventually(
        'its window is signalled',
        () => windows(one),
        (found) => found.length === 1,
      );
    }
    await polled(optedOut.certificate);
    await sleep(QUIET_MS);
    expect(await windows(optedOut)).toEqual([]);
    expect(run.movedWindows()).toBe(0);
  });

  test('whose window moves back has its cluster signalled as well', async () => {
    const { cluster, certificate } = await certified({ suggestedWindow: PAST, renewalTime: '2026-11-01T00:00:00Z' });
    const suggestedWindow = { start: '2027-01-20T00:00:00Z', end: '2027-01-21T00:00:00Z' };
    await pebble.setRenewalInfo(certificate.chainPem, { suggestedWindow });
    const run = await harness().startController({ ca: source });
    await run.untilReceived(cluster, ['observed', `primary from ${suggestedWindow.start}`]);
  });

  test('whose signal Temporal refuses for a while has its cluster signalled within a resync interval', async () => {
    const { cluster, certificate } = await certified();
    await pebble.setRenewalInfo(certificate.chainPem, { suggestedWindow: PAST });
    const frontend = await startTemporalFrontend(harness().env.address);
    onTestFinished(() => frontend.close());
    const isOfCluster = isSignalTo(cluster);
    frontend.refuse(
      GRPC.FAILED_PRECONDITION,
      (request) => isOfCluster(request) && request.body.includes('renewalWindowChanged'),
    );
    const temporalAddress = frontend.address;
    const run = await harness().startController({ ca: source, temporalAddress, resyncIntervalMs: 1_000 });
    await eventually(
      'the poller gives up the signal',
      async () => run.logs,
      (lines) => lines.some((line) => line.startsWith('Temporal rejected') && line.includes(cluster.namespace)),
    );
    expect((await run.receivedSignals(cluster))?.filter((what) => what.startsWith('primary from')) ?? []).toEqual([]);
    frontend.serve();
    await run.untilReceived(cluster, [`primary from ${PAST.start}`], /^primary from/);
  });

  test('of a standalone request has that request signalled', async () => {
    const { namespace, name, uid } = await managementCluster().request();
    const certificate = await issueCertificate(ca, { dnsNames: [`api.${namespace}.example.com`] });
    await pebble.setRenewalInfo(certificate.chainPem, { suggestedWindow: PAST });
    await writeStatus(managementCluster(), { namespace, name }, statusOf(certificate));
    const run = await harness().startController({ ca: source });
    const alone = { kind: 'CertificateRequest', namespace, name, uid } as const;
    await run.untilReceived(alone, ['observed', `${name} from ${PAST.start}`]);
  });

  test('that is replaced while the CA is asked causes no signal', async () => {
    const { cluster, certificate, write } = await certified();
    await pebble.setRenewalInfo(certificate.chainPem, { suggestedWindow: PAST });
    const successor = await issueCertificate(ca, { dnsNames: certificate.facts.dnsNames });
    const replaced = new Gate();
    proxy.inject({
      when: ({ path }) => path.endsWith(certificate.certId),
      fault: { kind: 'hold', until: replaced.opened },
    });
    const run = await harness().startController({ ca: source });
    await polled(certificate);
    await run.untilHandled(await write(statusOf(successor)));
    replaced.open();
    // The round that asks about it comes after the answer was dealt with.
    await polled(successor);
    await sleep(QUIET_MS);
    expect(await run.receivedSignals(cluster)).toEqual(['observed']);
    expect(pollsOf(certificate)).toBe(1);
  });

  test('of a paused cluster is polled, and its cluster signalled, when it is resumed', async () => {
    const { cluster, certificate } = await certified();
    await pebble.setRenewalInfo(certificate.chainPem, { suggestedWindow: PAST });
    await patchCluster(managementCluster(), cluster, '/metadata/annotations', { [PAUSE]: 'true' });
    const run = await harness().startController({ ca: source });
    await run.untilReceived(cluster, ['observed']);
    await sleep(TWO_ROUNDS_MS);
    expect(pollsOf(certificate)).toBe(0);
    await patchCluster(managementCluster(), cluster, '/metadata/annotations', {});
    await run.untilReceived(cluster, ['observed', 'observed', `primary from ${PAST.start}`]);
  });
});

describe('a CA that', () => {
  test('is unreachable is tried with one certificate at a time, logged once, and polled for the rest when it recovers', async () => {
    const some = [await certified(), await certified(), await certified()];
    await Promise.all(
      some.map(({ certificate }) => pebble.setRenewalInfo(certificate.chainPem, { suggestedWindow: PAST })),
    );
    const ofThese = ({ path }: { path: string }): boolean =>
      some.some(({ certificate }) => path.endsWith(certificate.certId));
    const away = proxy.inject({ when: ({ path }) => path.includes('/renewalInfo/'), fault: { kind: 'cutBefore' } });
    const run = await harness().startController({ ca: source });
    const isTrouble = (line: string): boolean => line.startsWith('The CA gives no renewal information');
    await eventually(
      'the outage is logged',
      () => Promise.resolve(run.logs.filter(isTrouble)),
      (lines) => lines.length > 0,
    );
    const duringTrouble = proxy.seen.length;
    const began = performance.now();
    await sleep(12_000);
    const most = Math.ceil((performance.now() - began) / TROUBLE_MS) + 1;
    expect(proxy.seen.length - duringTrouble).toBeLessThanOrEqual(most);
    expect(run.logs.filter(isTrouble)).toHaveLength(1);
    await expect.poll(() => run.fleet()?.ari?.failing).toBe(true);
    away.remove();
    // Those that were tried meanwhile wait ten minutes; the others are signalled.
    await eventually(
      'the recovery is logged',
      () => Promise.resolve(run.logs.filter((line) => line.startsWith('The CA gives renewal information again'))),
      (lines) => lines.length === 1,
    );
    expect(proxy.seen.filter(ofThese).length).toBeGreaterThanOrEqual(1);
    await expect.poll(() => run.fleet()?.ari?.failing).toBe(false);
    expect(await watchesUnbroken(harness().env.client, run.managementCluster)).toBe(true);
  });

  test('sends Retry-After is not asked before that', async () => {
    // Longer than the first back-off.
    const AFTER_SECONDS = 8;
    // HTTP dates have whole seconds.
    const AFTER_MS = (AFTER_SECONDS - 1) * 1_000;
    await certified();
    const busy = proxy.inject({
      when: ({ path }) => path.includes('/renewalInfo/'),
      fault: { kind: 'answer', status: 503, headers: { 'retry-after': String(AFTER_SECONDS) } },
    });
    await harness().startController({ ca: source });
    /** Milliseconds between consecutive requests for renewal information. */
    const pauses = (): readonly number[] => {
      const times = proxy.seen.filter(({ path }) => path.includes('/renewalInfo/')).map(({ at }) => at);
      return times.slice(1).map((at, index) => at - (times[index] ?? at));
    };
    const seen = await eventually(
      'the CA is asked again',
      () => Promise.resolve(pauses()),
      (all) => all.some((pause) => pause > AFTER_MS),
    );
    busy.remove();
    // The first batch is sent before its first answer.
    expect(seen.findIndex((pause) => pause > AFTER_MS)).toBeLessThan(MAX_CONCURRENCY);
  });

  test('answers with an unusable window for one certificate is polled about the others', async () => {
    const [odd, fine] = [await certified(), await certified()];
    await pebble.setRenewalInfo(odd.certificate.chainPem, 'tomorrow, perhaps');
    await pebble.setRenewalInfo(fine.certificate.chainPem, { suggestedWindow: PAST });
    const run = await harness().startController({ ca: source });
    await run.untilReceived(fine.cluster, MOVED);
    await eventually(
      'the warning is logged',
      () => Promise.resolve(run.logs.filter((line) => line.startsWith('Renewal information of the CA is unusable'))),
      (lines) => lines.length === 1,
    );
    expect(pollsOf(odd.certificate)).toBe(1);
    expect(await run.receivedSignals(odd.cluster)).toEqual(['observed']);
  });
});

/** Maximum of a ClusterDeployment. */
const MAX_BUNDLES = 32;

/** A cluster with `count` bundles, each with a certificate from the CA. */
async function certifiedBundles(count: number): Promise<{ cluster: Cluster; certificates: readonly CaCertificate[] }> {
  const bundles = Array.from({ length: count }, (_, index) => `b${index}`);
  const cluster = await createCluster(managementCluster());
  const { namespace, name, uid } = cluster;
  const secretOf = (bundle: string): string => `${bundle}-cert`;
  await patchCluster(
    managementCluster(),
    cluster,
    '/spec/certificateBundles',
    bundles.map((bundle) => ({ name: bundle, generate: true, certificateSecretRef: { name: secretOf(bundle) } })),
  );
  const ownerReferences = [{ apiVersion: 'hive.openshift.io/v1', kind: 'ClusterDeployment', name, uid }];
  const certificates = await Promise.all(
    bundles.map(async (bundle) => {
      const names = [`${bundle}.${namespace}.example.com`];
      const certificate = await issueCertificate(ca, { dnsNames: names });
      const request = { namespace, name: `${name}-${bundle}` };
      const spec = { ...requestSpec(name), certificateSecret: { name: secretOf(bundle) } };
      await managementCluster().certman.apply(CERTIFICATE_REQUESTS, {
        metadata: { ...request, ownerReferences },
        spec,
      });
      await writeStatus(managementCluster(), request, statusOf(certificate));
      return certificate;
    }),
  );
  return { cluster, certificates };
}

test('after a take-over, many certificates are polled at a limited rate, and a window reaches its own bundle', async () => {
  const clusters = await Promise.all(Array.from({ length: 4 }, () => certifiedBundles(MAX_BUNDLES)));
  const [first] = clusters;
  const moved = first?.certificates[7];
  if (first === undefined || moved === undefined) throw new Error('there are fewer');
  await pebble.setRenewalInfo(moved.chainPem, { suggestedWindow: PAST });
  proxy.clearSeen();
  /** Start of each batch. */
  const starts: number[] = [];
  const ofBatches: Pick<AcmeClientSource, 'withClient'> = {
    withClient: (work, signal) => {
      starts.push(performance.now());
      return source.withClient(work, signal);
    },
  };
  const run = await harness().startController({ ca: ofBatches });
  await run.untilReceived(first.cluster, ['observed', `b7 from ${PAST.start}`]);
  await eventually(
    'each is polled once',
    () => Promise.resolve(clusters.flatMap(({ certificates }) => certificates.map(pollsOf))),
    (polls) => polls.every((count) => count === 1),
  );
  const times = proxy.seen.filter(({ path }) => path.includes('/renewalInfo/')).map(({ at }) => at);
  process.stdout.write(`${times.length} certificates polled in ${starts.length} batches\n`);
  // Fifty a second: batches of ten, 200 ms apart, each answered before the next.
  for (const [index, start] of starts.entries()) {
    const next = starts[index + 1] ?? Number.POSITIVE_INFINITY;
    expect(next - start).toBeGreaterThanOrEqual(EACH_BATCH_MS - TIMER_MS);
    expect(times.filter((at) => at >= start && at < next).length).toBeLessThanOrEqual(MAX_CONCURRENCY);
  }
});
