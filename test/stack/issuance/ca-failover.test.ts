/** Orders that go to a second real CA while the first one fails. */
import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CaList } from '../../../src/acme/ca-list.ts';
import type { AcmeClientSource } from '../../../src/acme/client-source.ts';
import { placeNewOrder } from '../../../src/acme/order.ts';
import type { ObjectRef } from '../../../src/clusters/cluster-identity.ts';
import { CertmanError, type FailureInfo } from '../../../src/failures/failure.ts';
import type { PreflightStep } from '../../../src/issuance/context.ts';
import { CERTIFICATE_REQUESTS, FINALIZER, SECRETS } from '../../../src/kubernetes/objects/resources.ts';
import { caSource } from '../../support/acme/account.ts';
import {
  type AcmeHarness,
  issue,
  standaloneClusterOf,
  startAcmeHarness,
  trustingGate,
  uniqueDnsNames,
  type WorkerOptions,
} from '../../support/acme/harness.ts';
import { type AcmeSteps, createAcmeSteps, runAcmeActivity } from '../../support/acme/run-activity.ts';
import { isRequestFor } from '../../support/acme/use-issuance.ts';
import { useManagementCluster } from '../../support/kubernetes/management-cluster.ts';
import { failureOf } from '../../support/temporal/run-activity.ts';

/** As many failures of a CA as an outage needs. */
const FAILURES = 3;

const managementCluster = useManagementCluster();
let first: AcmeHarness;
let second: AcmeHarness;
let sources: readonly [AcmeClientSource, AcmeClientSource];
let activities: AcmeSteps;
let request: ObjectRef;
let used: string[];
const opened: AcmeClientSource[] = [];

beforeAll(async () => {
  const profiles = { default: 90 * 86_400 };
  [first, second] = await Promise.all([
    startAcmeHarness({ nonceReject: 0, profiles }),
    startAcmeHarness({ nonceReject: 0, profiles }),
  ]);
  const roots = [first, second].map(({ pebble }) => readFileSync(pebble.rootsFile, 'utf8')).join('\n');
  writeFileSync(first.pebble.rootsFile, roots);
});
afterAll(async () => {
  await Promise.all(opened.map((source) => source.close()));
  await Promise.all([first?.stop(), second?.stop()]);
});
beforeEach(async () => {
  first.proxy.up();
  second.proxy.up();
  for (const { proxy } of [first, second]) proxy.clearSeen();
  request = await managementCluster().request();
  activities = newWorker();
});

/** It has seen nothing of the CAs yet. */
function newWorker(options: WorkerOptions = {}, secondIs: 'fallback' | 'staging' = 'fallback'): AcmeSteps {
  const health = { failoverAfterMs: 0 };
  sources = [caSource(first.server, first.account, { health }), caSource(second.server, second.account, { health })];
  opened.push(...sources);
  used = [];
  return createAcmeSteps({
    ...first.deps(managementCluster().certman, options),
    chainGate: options.chainGate ?? trustingGate(first.pebble.rootsFile),
    ca: secondIs === 'fallback' ? new CaList(sources[0], [sources[1]]) : new CaList(sources[0], [], sources[1]),
    onProof: (outcome) => used.push(outcome),
    onFailover: (_from, to, refused) => used.push(refused ?? to),
  });
}

const hostOf = ({ proxy }: AcmeHarness): string => new URL(proxy.url).host;
const bundle = () => ({ cluster: { ...standaloneClusterOf(request), kind: undefined }, bundleName: request.name });
const place = (more: object = {}) =>
  runAcmeActivity(activities, 'placeOrder', { ...bundle(), dnsNames: uniqueDnsNames(), ...more });
const failure = (more: object = {}): Promise<FailureInfo> => failureOf(place(more));

/** Until the next order is placed elsewhere. */
async function breakFirst(): Promise<void> {
  first.proxy.down();
  for (let count = 1; count < FAILURES; count += 1) {
    expect(await failure()).toMatchObject({ code: 'acme/unreachable' });
  }
}

it('stays with the first CA until it has failed for long enough, then goes to the next one', async () => {
  await place();
  await breakFirst();
  expect(second.proxy.seen).toEqual([]);
  const order = await place({ caHost: hostOf(first), replaces: 'aaaa.bbbb', renewal: true });
  expect(order.caHost).toBe(hostOf(second));
  expect(order.failover).toMatch(new RegExp(`^${hostOf(first)} has failed since .*3 requests.*cannot be reached`));
  expect(used).toEqual([hostOf(second)]);
  // Of another CA's certificate, it would refuse `replaces`.
  expect(second.proxy.seen.filter(isRequestFor('newOrder'))).toHaveLength(1);
});

it('issues, resumes and revokes at the CA of the order', async () => {
  await breakFirst();
  const dnsNames = uniqueDnsNames();
  const order = await place({ dnsNames });
  const resumed = await place({ dnsNames, resume: order.orderUrl });
  expect(resumed).toMatchObject({ orderUrl: order.orderUrl, challenges: order.challenges, caHost: hostOf(second) });
  const { certificateUrl, facts, seal } = await issue(activities, request, dnsNames, undefined, bundle());
  const { serialNumber, notAfter } = facts;
  expect(await second.pebble.statusOf(serialNumber)).toMatchObject({ Status: 'Valid' });
  first.proxy.up();
  const { admin } = managementCluster();
  await admin.patch(CERTIFICATE_REQUESTS, request, [{ op: 'add', path: '/metadata/finalizers', value: [FINALIZER] }]);
  await admin.delete(CERTIFICATE_REQUESTS, request);
  const entries = await runAcmeActivity(activities, 'revokeCertificates', {
    cluster: standaloneClusterOf(request),
    bundleName: request.name,
    secretName: 'primary-cert',
    issued: [{ certificateUrl, serialNumber, notAfter, seal }],
    orders: [order.orderUrl],
    reason: 5,
  });
  expect(entries).toMatchObject([{ serialNumber, outcome: 'revoked' }]);
  expect(await second.pebble.statusOf(serialNumber)).toMatchObject({ Status: 'Revoked', Reason: 5 });
});

it('goes back to the first CA once that one answers', async () => {
  await breakFirst();
  expect((await place()).caHost).toBe(hostOf(second));
  first.proxy.up();
  // The one order in a minute that is tried there.
  await sources[0].withClient((ca) => placeNewOrder(ca, { dnsNames: uniqueDnsNames() }));
  const order = await place();
  expect(order).toMatchObject({ caHost: hostOf(first) });
  expect(order.failover).toBeUndefined();
});

it('goes to the next CA when the first stops all issuance with 403', async () => {
  await place();
  const { remove } = first.proxy.inject({
    when: isRequestFor('newOrder'),
    fault: { kind: 'answer', status: 403, body: {} },
  });
  for (let count = 1; count < FAILURES; count += 1) expect(await failure()).toMatchObject({ code: 'acme/unexpected' });
  const order = await place();
  remove();
  expect(order.caHost).toBe(hostOf(second));
});

it('goes to the next CA when the first asks for a long pause, during which it is sent nothing', async () => {
  await place();
  const { remove, hits } = first.proxy.inject({
    when: isRequestFor('newOrder'),
    fault: { kind: 'answer', status: 503, headers: { 'retry-after': '7200' } },
  });
  for (let count = 1; count < FAILURES; count += 1) {
    expect(await failure()).toMatchObject({ code: 'acme/serverError', notBefore: expect.any(String) as string });
  }
  const order = await place();
  remove();
  expect(order.caHost).toBe(hostOf(second));
  expect(hits()).toBe(1);
});

it.each<[what: string, status: number, type: string, code: string]>([
  ['a limit', 429, 'rateLimited', 'acme/rateLimited'],
  ['a name that it refuses', 400, 'rejectedIdentifier', 'acme/rejectedIdentifier'],
])('stays with the first CA for %s', async (_what, status, type, code) => {
  const body = { type: `urn:ietf:params:acme:error:${type}`, detail: 'a test' };
  const headers = { 'content-type': 'application/problem+json' };
  const when = isRequestFor('newOrder');
  const { remove } = first.proxy.inject({ when, fault: { kind: 'answer', status, headers, body } });
  for (let count = 0; count <= FAILURES; count += 1) expect(await failure()).toMatchObject({ code });
  remove();
  expect(second.proxy.seen).toEqual([]);
});

describe('where the next CA may not issue, the failure of the first one says why:', () => {
  const message =
    'CAA records of example.com forbid the CA to issue for api.example.com: its accounturi is not that of …';
  const preflight: PreflightStep = {
    require: ({ ca }) =>
      ca.host === hostOf(second)
        ? Promise.reject(new CertmanError({ code: 'dns/caaForbids', message }))
        : Promise.resolve(),
  };

  it('CAA', async () => {
    activities = newWorker({ preflight });
    await breakFirst();
    const info = await failure();
    expect(info).toMatchObject({ code: 'acme/unreachable', retry: 'transient' });
    expect(info.message).toContain(`No other CA may issue instead. ${hostOf(second)}: ${message}`);
    expect(second.proxy.seen.filter(isRequestFor('newOrder'))).toEqual([]);
    expect(used).toEqual(['dns/caaForbids']);
  });

  it('its limit for the names', async () => {
    await breakFirst();
    const { message: shown } = await failure({ limitedCas: [hostOf(second)] });
    expect(shown).toContain(`${hostOf(second)}: Rate limit: five certificates for exactly these names`);
  });

  it('its profiles', async () => {
    activities = newWorker({ profile: 'of-another-ca' });
    await breakFirst();
    expect((await failure()).message).toContain('does not offer the profile of-another-ca');
  });

  it('its outage', async () => {
    await breakFirst();
    second.proxy.down();
    const { message: shown } = await failure();
    expect(shown).toMatch(
      new RegExp(`No other CA may issue instead. ${hostOf(second)}: The CA at .* cannot be reached`),
    );
  });

  it('its last chain', async () => {
    const refused = { reason: 'noTrustedRoot', message: 'it leads to no trusted root' } as const;
    activities = newWorker({ chainGate: { verify: () => Promise.resolve(refused) } });
    await breakFirst();
    const issued = issue(activities, request, uniqueDnsNames(), undefined, bundle());
    expect(await failureOf(issued)).toMatchObject({ code: 'certificate/chainNotTrusted' });
    const { message: shown } = await failure();
    expect(shown).toContain(`${hostOf(second)}: Its last one: The certificate at`);
    expect(shown).toContain('it leads to no trusted root');
  });
});

describe('a staging CA', () => {
  beforeEach(() => {
    activities = newWorker({}, 'staging');
  });

  it('proves an order after a failure, and nothing of it is kept or installed', async () => {
    const dnsNames = uniqueDnsNames();
    const order = await place({ dnsNames, proveFirst: true, caHost: hostOf(first), renewal: true });
    expect(order).toMatchObject({ proof: true, caHost: hostOf(second) });
    const { orderUrl, challenges } = order;
    const input = { ...bundle(), orderUrl, challenges, dnsNames };
    await runAcmeActivity(activities, 'proveOrder', input);
    expect(used).toEqual(['proved']);
    expect(second.proxy.seen.filter(isRequestFor('finalize'))).toHaveLength(1);
    expect(second.proxy.seen.filter(isRequestFor('certificate'))).toEqual([]);
    expect(first.proxy.seen).toEqual([]);
    const { namespace } = request;
    for await (const { metadata } of managementCluster().admin.list(SECRETS, { namespace }))
      expect(metadata?.name).not.toMatch(/primary-cert|staging/);

    // Its authorizations are given up: the next proof validates anew.
    const next = await place({ dnsNames, proveFirst: true });
    expect(next.challenges.length).toBe(challenges.length);
    const finalizing = runAcmeActivity(activities, 'finalizeOrder', { ...bundle(), orderUrl, dnsNames, request });
    expect(await failureOf(finalizing)).toMatchObject({ code: 'kubernetes/notAskedFor' });
  });

  it('that refuses a name spares the production CA', async () => {
    const body = { type: 'urn:ietf:params:acme:error:rejectedIdentifier', detail: 'not by policy' };
    const headers = { 'content-type': 'application/problem+json' };
    const when = isRequestFor('newOrder');
    const { remove } = second.proxy.inject({ when, fault: { kind: 'answer', status: 400, headers, body } });
    const refused = await failure({ proveFirst: true });
    remove();
    expect(refused).toMatchObject({ code: 'acme/rejectedIdentifier' });
    expect(refused.message).toContain(`At the staging CA ${hostOf(second)}`);
    expect(first.proxy.seen.filter(isRequestFor('newOrder'))).toEqual([]);
  });

  it('that is down holds up nothing', async () => {
    second.proxy.down();
    const order = await place({ proveFirst: true });
    expect(order).toMatchObject({ caHost: hostOf(first) });
    expect(order.proof).toBeUndefined();
    expect(used).toEqual(['skipped']);
  });
});
