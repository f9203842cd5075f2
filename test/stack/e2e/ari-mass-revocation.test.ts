/**
 * Mass revocation announced by renewal windows (RFC 9773): every affected cluster gets exactly one new certificate, and the other
 * clusters get no signal.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { setRenewalInfo } from '../../../local/stack/parts/pebble.ts';
import type { WorkerProcess } from '../../../local/stack/worker-process.ts';
import type { RenewalWindow } from '../../../src/certificates/renewal-window.ts';
import { renewalWindowChanged } from '../../../src/contract/cluster-certificates.ts';
import { clusterWorkflowId } from '../../../src/contract/ids.ts';
import { type ObservedRequest, observeRequest } from '../../../src/kubernetes/objects/observed-request.ts';
import { CERTIFICATE_REQUESTS } from '../../../src/kubernetes/objects/resources.ts';
import { readTlsSecret } from '../../../src/kubernetes/objects/tls-secret.ts';
import { hasSignOctet } from '../../support/acme/issue-certificate.ts';
import { waitFor } from '../../support/e2e/checks.ts';
import { createClusters, type E2eCluster } from '../../support/e2e/clusters.ts';
import { caLog, collect, expectIdle } from '../../support/e2e/evidence.ts';
import { useE2eHarness } from '../../support/e2e/harness.ts';
import { scrape } from '../../support/e2e/prometheus.ts';

const AFFECTED = 200;
const SPARED = 5;
const EXPLANATION = 'https://ca.example/incident/7';

const lab = useE2eHarness({
  // Like Let's Encrypt, reuse valid authorizations.
  pebble: { nonceReject: 0, authzReuse: 100, profiles: { default: 90 * 86_400 } },
  worker: { CERTMAN_ROUTE53_REQUESTS_PER_SECOND: '50' },
});
let affected: readonly E2eCluster[];
let spared: readonly E2eCluster[];
let before: ReadonlyMap<string, ObservedRequest>;
let figures = '';

/** @returns the CertificateRequest of each cluster, by namespace. */
async function requests(): Promise<ReadonlyMap<string, ObservedRequest>> {
  const listed = await collect(lab().kubernetes.list(CERTIFICATE_REQUESTS));
  return new Map(listed.map((object) => observeRequest(object)).map((request) => [request.namespace, request]));
}

function worker(): WorkerProcess {
  const [only] = lab().workers();
  if (only === undefined) throw new Error('no worker is running');
  return only;
}

async function metric(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
  return (await scrape(worker().metricsUrl)).value(name, labels) ?? 0;
}

const renewalInfoRequests = (): number => lab().ca.seen.filter(({ path }) => path.includes('/renewalInfo/')).length;

/** @returns seconds since `began`. */
function secondsSince(began: number): string {
  return ((performance.now() - began) / 1000).toFixed(1);
}

beforeAll(async () => {
  // The shortest Retry-After that certman honours; Pebble's is six hours.
  lab().ca.inject({
    when: ({ path }) => path.includes('/renewalInfo/'),
    fault: { kind: 'changeHeaders', headers: { 'retry-after': '60' } },
  });
  const began = performance.now();
  affected = await createClusters(lab(), 'affected', AFFECTED);
  spared = await createClusters(lab(), 'spared', SPARED);
  before = await waitFor('every cluster has its certificate', async () => {
    const found = await requests();
    const ready = [...found.values()].filter(({ issued, certId }) => issued && certId !== undefined).length;
    return ready === AFFECTED + SPARED ? found : `${ready} have one`;
  });
  figures += `${AFFECTED + SPARED} certificates issued in ${secondsSince(began)} s`;
});
afterAll(() => void process.stdout.write(`${figures}\n`));

test('every issued certificate is polled, and an unchanged renewal window causes no signal', async () => {
  await waitFor('all are polled', async () => {
    const count = await metric('certman_ari_certificates');
    return count === AFFECTED + SPARED ? {} : `${count} are`;
  });
  expect(await metric('certman_ari_window_changes_total')).toBe(0);
  expect((await caLog(lab())).serials).toHaveLength(AFFECTED + SPARED);
});

test('certificates whose renewal window the CA moves into the past are replaced exactly once', async () => {
  const [start, end] = [-2, -1].map((hours) => new Date(Date.now() + hours * 3_600_000).toISOString());
  if (start === undefined || end === undefined) throw new Error('no window');
  const answer = { suggestedWindow: { start, end }, explanationURL: EXPLANATION };
  const chains = await Promise.all(affected.map(chainOf));
  const renewalInfoBefore = renewalInfoRequests();
  const requestsBefore = lab().ca.seen.length;
  const began = performance.now();
  await Promise.all(chains.map((chain) => setRenewalInfo(lab().stack.acme, chain, answer)));
  const after = await waitFor('all are replaced', async () => {
    const found = await requests();
    const replaced = affected.filter(({ namespace }) => {
      const [old, now] = [before.get(namespace), found.get(namespace)];
      return now?.issued === true && now.certId !== undefined && now.certId !== old?.certId;
    });
    return replaced.length === AFFECTED ? found : `${replaced.length} are`;
  });
  const polls = renewalInfoRequests() - renewalInfoBefore;
  const others = lab().ca.seen.length - requestsBefore - polls;
  figures += `; ${AFFECTED} replaced within ${secondsSince(began)} s of the CA's change, with ${polls} renewalInfo requests and ${(others / AFFECTED).toFixed(1)} other requests to the CA per certificate`;
  for (const { namespace } of spared) {
    expect(after.get(namespace)?.serialNumber).toBe(before.get(namespace)?.serialNumber);
  }
  // Once the new certificates are polled, a second order for an old one would have been placed.
  await waitFor('all new certificates are polled', async () => {
    const { seen } = lab().ca;
    const polled = (certId = ''): boolean => seen.some(({ path }) => path.endsWith(certId));
    const missing = affected.filter(({ namespace }) => !polled(after.get(namespace)?.certId));
    return missing.length === 0 ? {} : `${missing.length} are not`;
  });
  const { serials } = await caLog(lab());
  expect(serials).toHaveLength(2 * AFFECTED + SPARED);
  expect(new Set([...(await requests()).values()].map(({ serialNumber }) => serialNumber)).size).toBe(
    AFFECTED + SPARED,
  );
  expect(await metric('certman_ari_window_changes_total')).toBe(AFFECTED);
});

test('each order names the certificate it replaces, and the CA accepts it as a replacement', async () => {
  const { orders, replacing } = await caLog(lab());
  expect(orders).toBe(2 * AFFECTED + SPARED);
  const unknownToPebble = affected.filter(({ namespace }) => hasSignOctet(before.get(namespace)?.certId ?? ''));
  expect(replacing).toBe(AFFECTED - unknownToPebble.length);
});

test('a late signal with the window of a replaced certificate has no effect', async () => {
  const [first] = affected;
  const old = before.get(first?.namespace ?? '');
  if (first === undefined || old?.certId === undefined) throw new Error('the first cluster has no certificate');
  const window: RenewalWindow = {
    certId: old.certId,
    start: '2026-01-01T00:00:00Z',
    end: '2026-01-02T00:00:00Z',
    explanationUrl: EXPLANATION,
  };
  const now = (await requests()).get(first.namespace);
  const handle = lab().client.workflow.getHandle(clusterWorkflowId(first.identity));
  await handle.signal(renewalWindowChanged, { bundleName: first.bundleName, window });
  // Longer than an issuance takes.
  await new Promise((resolve) => setTimeout(resolve, 5_000));
  expect((await requests()).get(first.namespace)).toEqual(now);
  expect((await caLog(lab())).orders).toBe(2 * AFFECTED + SPARED);
  await expectIdle(lab());
});

async function chainOf({ namespace, secretName }: E2eCluster): Promise<string> {
  const secret = await readTlsSecret(lab().kubernetes, { namespace, name: secretName });
  if (secret.kind !== 'valid') throw new Error(`the Secret ${namespace}/${secretName} is ${secret.kind}`);
  return secret.chainPem;
}
