/** The canary of a new issuer, on a real API server. */
import { beforeAll, expect, it } from 'vitest';
import { recordDecision } from '../../../src/cli/canary/decide.ts';
import { listIssuers } from '../../../src/cli/canary/read-issuers.ts';
import { CertmanError } from '../../../src/failures/failure.ts';
import { reviewCanaries } from '../../../src/issuance/canary-places.ts';
import { type CanaryCandidate, IssuerCanary } from '../../../src/issuance/issuer-canary.ts';
import { certificateFacts } from '../../../src/kubernetes/objects/certificate-facts.ts';
import { ISSUERS_CONFIG_MAP, IssuerRecordStore } from '../../../src/kubernetes/objects/issuer-records.ts';
import { CERTIFICATE_REQUESTS, CONFIG_MAPS } from '../../../src/kubernetes/objects/resources.ts';
import type { TlsSecret } from '../../../src/kubernetes/objects/tls-secret.ts';
import { decodeCertificates, serialNumberOf } from '../../../src/x509/certificate.ts';
import { type MadeCertificate, makeCertificate, pemOf } from '../../support/certificates/chains.ts';
import { createRequest, useManagementCluster } from '../../support/kubernetes/management-cluster.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const PERIOD_MS = DAY_MS;

const managementCluster = useManagementCluster();

let known: MadeCertificate;
let fresh: MadeCertificate;

beforeAll(async () => {
  const root = await makeCertificate({ name: 'Root' });
  known = await makeCertificate({ name: 'YE1', issuer: root });
  fresh = await makeCertificate({ name: 'YE2', issuer: root });
});

async function leafOf(issuer: MadeCertificate, ageMs: number, lifetimeMs = 90 * DAY_MS): Promise<MadeCertificate> {
  const notBefore = new Date(Date.now() - ageMs);
  const notAfter = new Date(notBefore.getTime() + lifetimeMs);
  return await makeCertificate({ name: 'c1', dnsNames: ['c1.example.com'], issuer, notBefore, notAfter });
}

async function secretWith(issuer: MadeCertificate, ageMs = 40 * DAY_MS): Promise<TlsSecret> {
  const leaf = await leafOf(issuer, ageMs);
  return {
    kind: 'valid',
    chainPem: pemOf(leaf, issuer),
    keyPem: leaf.keyPem,
    certificate: certificateFacts(leaf.certificate),
    metadata: { name: 'primary-cert' },
    replaceable: true,
  };
}

/** A fleet in a namespace of its own, with a ConfigMap of its own, and a clock that a test can set forward. */
async function fleet(clusters = 2) {
  const { admin } = managementCluster();
  const namespace = await managementCluster().namespace();
  await admin.create(CONFIG_MAPS, { metadata: { namespace, name: ISSUERS_CONFIG_MAP } });
  let ahead = 0;
  const outcomes: string[] = [];
  const canary = new IssuerCanary({
    rule: { clusters, periodMs: PERIOD_MS },
    namespace,
    onOutcome: (outcome) => outcomes.push(outcome),
    now: () => Date.now() + ahead,
  });
  const renewal = async (name: string, change: Partial<CanaryCandidate> = {}): Promise<CanaryCandidate> => ({
    cluster: { managementCluster: 'hive', namespace, name, uid: `uid-of-${name}` },
    request: await createRequest(admin, namespace, `${name}-primary`),
    target: await secretWith(known),
    chainPem: pemOf(await leafOf(fresh, 0), fresh),
    ...change,
  });
  const admit = (candidate: CanaryCandidate) => canary.admit(admin, candidate);
  return {
    renewal,
    outcomes,
    store: new IssuerRecordStore(admin, namespace),
    admit,
    /** What became of it: `installed`, or the failure. */
    install: async (candidate: CanaryCandidate): Promise<'installed' | CertmanError> => {
      try {
        const onInstalled = await admit(candidate);
        await onInstalled();
        return 'installed';
      } catch (error) {
        if (error instanceof CertmanError) return error;
        throw error;
      }
    },
    /** The status of its request after a probe. @param serialNumber default: of its new certificate. */
    serve: async ({ request, chainPem }: CanaryCandidate, status: string, reason: string, serialNumber?: string) => {
      const [leaf] = decodeCertificates(chainPem) ?? [];
      const lastProbeTime = new Date(Date.now() + HOUR_MS).toISOString();
      const condition = {
        type: 'Served',
        status,
        reason,
        message: 'probed',
        lastProbeTime,
        lastTransitionTime: lastProbeTime,
      };
      const value = { serialNumber: serialNumber ?? (leaf && serialNumberOf(leaf)), conditions: [condition] };
      await admin.patch(CERTIFICATE_REQUESTS, request, [{ op: 'add', path: '/status', value }], {
        subresource: 'status',
      });
    },
    setForward: (ms: number) => {
      ahead = ms;
    },
    remove: ({ request }: CanaryCandidate) => admin.delete(CERTIFICATE_REQUESTS, request),
  };
}

const codeOf = (outcome: 'installed' | CertmanError): string => (outcome === 'installed' ? outcome : outcome.code);

it('installs a new issuer on exactly as many clusters as are set, however many ask at once; the others after the period', async () => {
  const { renewal, install, setForward, outcomes, store } = await fleet();
  const candidates = await Promise.all(['a', 'b', 'c', 'd', 'e', 'f'].map((name) => renewal(name)));
  const first = await Promise.all(candidates.map(install));
  expect(first.map(codeOf).sort()).toEqual([
    ...Array.from({ length: 4 }, () => 'certificate/waitsForCanary'),
    'installed',
    'installed',
  ]);
  const waiting = candidates.filter((_, index) => first[index] !== 'installed');
  const [one, other] = waiting;
  if (one === undefined || other === undefined) throw new Error('none waits');
  const asked = await install(one);
  if (asked === 'installed') throw new Error('it did not wait');
  expect(asked.message).toContain(
    'the canary of its issuer YE2 (Root), which is new to this fleet: installed on 2 of 2',
  );
  const [issuer] = await listIssuers(store);
  const begin = Math.min(...(issuer?.places ?? []).map(({ installedAt = '' }) => Date.parse(installedAt)));
  expect(Date.parse(asked.info.notBefore ?? '')).toBe(begin + PERIOD_MS);
  // The clusters of the canary may renew again.
  for (const candidate of candidates.filter((found) => !waiting.includes(found)))
    expect(await install(candidate)).toBe('installed');

  setForward(PERIOD_MS);
  expect(await install(one)).toBe('installed');
  expect(await install(other)).toBe('installed');
  expect(await listIssuers(store)).toMatchObject([{ name: 'YE2 (Root)', state: 'accepted' }]);
  expect(outcomes.slice(-2)).toEqual(['known', 'known']);
});

it('gives the place of a deleted cluster to the next one', async () => {
  const { renewal, install, remove } = await fleet(1);
  const first = await renewal('a');
  const second = await renewal('b');
  expect(await install(first)).toBe('installed');
  expect(codeOf(await install(second))).toBe('certificate/waitsForCanary');
  await remove(first);
  expect(await install(second)).toBe('installed');
});

it('has no canary for an issuer that a cluster had before', async () => {
  const { renewal, install, store } = await fleet(1);
  expect(await install(await renewal('a'))).toBe('installed');
  // By its own Secret a cluster that got it after the canary began proves nothing, nor does a standalone request.
  const later = await secretWith(fresh, -HOUR_MS);
  expect(codeOf(await install(await renewal('b', { target: later })))).toBe('certificate/waitsForCanary');
  const standalone = await renewal('c', { target: await secretWith(fresh) });
  const cluster = { ...standalone.cluster, kind: 'CertificateRequest' as const };
  expect(codeOf(await install({ ...standalone, cluster }))).toBe('certificate/waitsForCanary');
  expect(await install(standalone)).toBe('installed');
  expect(await listIssuers(store)).toMatchObject([
    { state: 'accepted', why: 'A cluster had a certificate of it before.' },
  ]);
});

it('holds no certificate whose cluster has none, or one that would be near its expiry at the end, or that is replaced at once', async () => {
  const { renewal, install, outcomes, store } = await fleet(1);
  const target = await secretWith(known, 88 * DAY_MS);
  expect(await install(await renewal('a', { target: { kind: 'missing' } }))).toBe('installed');
  expect(await install(await renewal('b', { target }))).toBe('installed');
  expect(await install(await renewal('c', { skipCanary: true }))).toBe('installed');
  expect(outcomes).toEqual(['exempt', 'exempt', 'exempt']);
  expect(await listIssuers(store)).toEqual([]);
});

it('ends once the probes of all its clusters are content, and refuses the issuer where clients refuse its chain', async () => {
  const { renewal, install, store, serve } = await fleet(2);
  const [a, b, c] = await Promise.all([renewal('a'), renewal('b'), renewal('c')]);
  const { admin } = managementCluster();
  const review = () => reviewCanaries(admin, store, 2, Date.now());
  const stateNow = async () => (await listIssuers(store))[0]?.state;
  for (const candidate of [a, b]) expect(await install(candidate)).toBe('installed');
  await serve(a, 'True', 'Served');
  await serve(b, 'False', 'NotServedYet');
  await review();
  expect(await stateNow()).toBe('canary');
  await serve(b, 'True', 'Served', '4711');
  await review();
  // Of another certificate.
  expect(await stateNow()).toBe('canary');
  await serve(b, 'False', 'ChainNotTrusted');
  await review();
  expect(await stateNow()).toBe('refused');
  expect(codeOf(await install(c))).toBe('certificate/issuerRefused');
  const [issuer] = await listIssuers(store);
  if (issuer === undefined) throw new Error('no issuer is recorded');
  await store.update(issuer.id, (found) => (found === undefined ? {} : { record: { ...found, state: 'canary' } }));
  await serve(b, 'True', 'Served');
  await review();
  expect(await stateNow()).toBe('accepted');
  expect(await install(c)).toBe('installed');
});

it('holds a refused issuer back from a certificate in use until that nears its expiry', async () => {
  const { renewal, install, store } = await fleet(1);
  expect(await install(await renewal('a'))).toBe('installed');
  const [issuer] = await listIssuers(store);
  if (issuer === undefined) throw new Error('no issuer is recorded');
  await recordDecision(store, issuer, 'refused', undefined);
  expect(codeOf(await install(await renewal('b')))).toBe('certificate/issuerRefused');
  const target = await secretWith(known, 88 * DAY_MS);
  expect(await install(await renewal('c', { target }))).toBe('installed');
});

it('is ended by a person, either way', async () => {
  const { renewal, install, store } = await fleet(1);
  const second = await renewal('b');
  expect(await install(await renewal('a'))).toBe('installed');
  const [issuer] = await listIssuers(store);
  if (issuer === undefined) throw new Error('no issuer is recorded');
  await recordDecision(store, issuer, 'refused', 'payments pins YE1');
  const refused = await install(second);
  expect(codeOf(refused)).toBe('certificate/issuerRefused');
  expect((refused as CertmanError).message).toContain('payments pins YE1');
  await recordDecision(store, issuer, 'accepted', undefined);
  expect(await install(second)).toBe('installed');
});

it('says what to do where the ConfigMap is missing', async () => {
  const { renewal, admit } = await fleet(1);
  const candidate = await renewal('a');
  const { admin } = managementCluster();
  await admin.delete(CONFIG_MAPS, { namespace: candidate.request.namespace, name: ISSUERS_CONFIG_MAP });
  await expect(admit(candidate)).rejects.toMatchObject({ code: 'configuration/invalid' });
});
