import { CancelledFailure } from '@temporalio/common';
import { describe, expect, it } from 'vitest';
import type { ClusterIdentity } from '../../../src/clusters/cluster-identity.ts';
import type { PlaceOrderInput } from '../../../src/contract/activities/acme.ts';
import type { OwnershipProof } from '../../../src/contract/activities/txt-records.ts';
import { splitSeal } from '../../../src/contract/sealed-url.ts';
import { CertmanError } from '../../../src/failures/failure.ts';
import type { PreflightStep } from '../../../src/issuance/context.ts';
import { StandaloneOrders } from '../../../src/issuance/standalone-orders.ts';
import { issue, standaloneClusterOf, startAcmeHarness, uniqueDnsNames } from '../../support/acme/harness.ts';
import { runAcmeActivity } from '../../support/acme/run-activity.ts';
import { isRequestFor, useIssuance } from '../../support/acme/use-issuance.ts';
import { failureOf } from '../../support/temporal/run-activity.ts';
import { expectAfter, timed } from '../../support/vitest/timed.ts';

const issuance = useIssuance();

/** Orders that cannot be resumed. */
const UNUSABLE: readonly (readonly [why: string, earlier: () => Promise<string>])[] = [
  [
    'is for other names',
    async () => (await runAcmeActivity(issuance().activities, 'placeOrder', { dnsNames: uniqueDnsNames() })).orderUrl,
  ],
  ['is unknown to the CA', () => issuance().sealed(`${issuance().lab.proxy.url}/my-order/gone`)],
  ['belongs to another CA', () => issuance().sealed('https://acme-staging-v02.api.letsencrypt.org/acme/order/1/2')],
  ['is no URL', () => issuance().sealed('order-1')],
  ['was not placed for the bundle', async () => splitSeal((await issuance().placeOrder()).orderUrl).url],
];

type ProofOf = (cluster: ClusterIdentity, dnsNames: readonly string[]) => Promise<OwnershipProof | undefined>;

/** What does not show that a request controls its names now. */
const UNPROVED: readonly (readonly [what: string, proofOf: ProofOf])[] = [
  ['without a proof of its names', () => Promise.resolve(undefined)],
  ['with a proof of other names', (cluster) => issuance().ownershipProof(cluster, uniqueDnsNames())],
  [
    'with the proof of another',
    (cluster, dnsNames) => issuance().ownershipProof({ ...cluster, uid: 'another' }, dnsNames),
  ],
  [
    'with a proof that is too old',
    (cluster, dnsNames) => issuance().ownershipProof(cluster, dnsNames, Date.now() - 5 * 3_600_000),
  ],
  [
    'with a proof whose time was changed',
    async (cluster, dnsNames) => {
      const proof = await issuance().ownershipProof(cluster, dnsNames, Date.now() - 5 * 3_600_000);
      return { ...proof, verifiedAt: new Date().toISOString() };
    },
  ],
];

describe('placing an order', () => {
  it('returns the TXT record of every name, those of x and *.x under one name', async () => {
    const { activities, lab } = issuance();
    const dnsNames = ['apps.both.example.com', '*.apps.both.example.com'];
    const { challenges, caHost, expires } = await runAcmeActivity(activities, 'placeOrder', { dnsNames });
    expect(challenges.map(({ identifier, wildcard, record }) => [identifier, wildcard, record.name])).toEqual([
      ['apps.both.example.com', true, '_acme-challenge.apps.both.example.com'],
      ['apps.both.example.com', false, '_acme-challenge.apps.both.example.com'],
    ]);
    expect(new Set(challenges.map((challenge) => challenge.record.value)).size).toBe(2);
    for (const { record } of challenges) expect(record.value).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(caHost).toBe(new URL(lab.proxy.url).host);
    expect(Date.parse(expires)).toBeGreaterThan(Date.now());
  });

  it('returns an owner tag with each record, the same when the order is resumed: until the order expires', async () => {
    const { activities, lab } = issuance();
    const dnsNames = uniqueDnsNames();
    const placed = await runAcmeActivity(activities, 'placeOrder', { dnsNames });
    const resumed = await runAcmeActivity(activities, 'placeOrder', { dnsNames, resume: placed.orderUrl });
    expect(resumed.challenges).toEqual(placed.challenges);
    const seals = await lab.source.seals();
    for (const { record } of placed.challenges) {
      const tag = seals.readOwnerTag(record.name, record.owner ?? '');
      expect(tag?.proves(record.value)).toBe(true);
      expect(tag?.expiresAt).toBe(1_000 * Math.ceil(Date.parse(placed.expires) / 1_000));
    }
  });

  it('skips names that are authorized already', async () => {
    const { managementCluster, request, dnsNames } = issuance();
    const reusing = await startAcmeHarness({ authzReuse: 100 });
    const worker = reusing.activities(managementCluster.certman);
    await issue(worker, request, dnsNames);
    const again = await runAcmeActivity(worker, 'placeOrder', { dnsNames });
    await reusing.stop();
    expect(again.challenges).toEqual([]);
  });

  it('costs no order, and none of its namespace, while the preflight refuses it', async () => {
    const { managementCluster, lab, dnsNames, request } = issuance();
    const message = 'CAA records of example.com forbid the CA to issue.';
    let checked = 0;
    let isForbidden = true;
    const preflight: PreflightStep = {
      require: (order) => {
        checked += 1;
        expect(order).toMatchObject({ dnsNames, ca: { host: new URL(lab.proxy.url).host } });
        return isForbidden ? Promise.reject(new CertmanError({ code: 'dns/caaForbids', message })) : Promise.resolve();
      },
    };
    const standaloneOrders = new StandaloneOrders(1);
    const worker = lab.activities(managementCluster.certman, { preflight, standaloneOrders });
    const cluster = standaloneClusterOf(request);
    const ownershipProof = await issuance().ownershipProof(cluster, dnsNames);
    const input = { dnsNames, cluster, ownershipProof };
    const refusal = await failureOf(runAcmeActivity(worker, 'placeOrder', input));
    expect(refusal).toMatchObject({ code: 'dns/caaForbids', retry: 'onChange' });
    expect(issuance().requestCounts()['newOrder']).toBe(0);
    isForbidden = false;
    const { orderUrl } = await runAcmeActivity(worker, 'placeOrder', input);
    expect(checked).toBe(2);
    // An order that exists is not given up.
    isForbidden = true;
    expect((await runAcmeActivity(worker, 'placeOrder', { ...input, resume: orderUrl })).orderUrl).toBe(orderUrl);
    expect(checked).toBe(2);
  });

  it('limits the new orders of the standalone requests of a namespace, not those of clusters or renewals', async () => {
    const { managementCluster, lab, dnsNames, request } = issuance();
    const worker = lab.activities(managementCluster.certman, { standaloneOrders: new StandaloneOrders(2) });
    const placeAny = (options: Partial<PlaceOrderInput>) =>
      runAcmeActivity(worker, 'placeOrder', { dnsNames: uniqueDnsNames(), ...options });
    const place = async (namespace: string, options: Partial<PlaceOrderInput> = {}) => {
      const cluster = standaloneClusterOf({ ...request, namespace });
      const names = options.dnsNames ?? uniqueDnsNames();
      const ownershipProof = await issuance().ownershipProof(cluster, names);
      return await placeAny({ dnsNames: names, cluster, ownershipProof, ...options });
    };
    const first = await place('shop', { dnsNames });
    await place('shop');
    lab.proxy.clearSeen();
    const refusal: unknown = await place('shop').catch((error: unknown) => error);
    expect(refusal).toMatchObject({ type: 'rateLimit/namespace', nonRetryable: true });
    expect(issuance().requestCounts()['newOrder']).toBe(0);
    // Names change at any time, and what the order replaces stays the same until one of them is issued.
    const replacing: unknown = await place('shop', { replaces: 'AQ.Ag' }).catch((error: unknown) => error);
    expect(replacing).toMatchObject({ type: 'rateLimit/namespace' });
    expect(issuance().requestCounts()['newOrder']).toBe(0);
    await placeAny({});
    await place('other');
    await place('shop', { renewal: true });
    expect(await place('shop', { dnsNames, resume: first.orderUrl })).toEqual(first);
    expect(issuance().requestCounts()['newOrder']).toBe(3);
    // At its turn, which another worker may have told.
    const turn = { code: 'rateLimit/namespace', at: new Date().toISOString() } as const;
    await place('shop', { turn });
    expect(issuance().requestCounts()['newOrder']).toBe(4);
  });

  it('counts no order of a standalone request that the CA was not there to take', async () => {
    const { managementCluster, lab, dnsNames, request } = issuance();
    const worker = lab.activities(managementCluster.certman, { standaloneOrders: new StandaloneOrders(1) });
    const cluster = standaloneClusterOf(request);
    const ownershipProof = await issuance().ownershipProof(cluster, dnsNames);
    const place = () => runAcmeActivity(worker, 'placeOrder', { dnsNames, cluster, ownershipProof });
    const outage = lab.proxy.inject({
      when: isRequestFor('newOrder'),
      fault: { kind: 'answer', status: 500, body: {} },
    });
    for (const _ of [1, 2]) expect(await failureOf(place())).toMatchObject({ code: 'acme/serverError' });
    outage.remove();
    await place();
    expect(await failureOf(place())).toMatchObject({ code: 'rateLimit/namespace' });
  });

  it.each(UNPROVED)('places none for a standalone request %s', async (_what, proofOf) => {
    const { activities, dnsNames, request } = issuance();
    const cluster = standaloneClusterOf(request);
    const ownershipProof = await proofOf(cluster, dnsNames);
    const refusal = await failureOf(runAcmeActivity(activities, 'placeOrder', { dnsNames, cluster, ownershipProof }));
    expect(refusal.code).toBe('kubernetes/notAskedFor');
    expect(issuance().requestCounts()['newOrder']).toBe(0);
  });

  it('resumes the order of an earlier attempt of the workflow', async () => {
    const first = await issuance().placeOrder();
    issuance().lab.proxy.clearSeen();
    expect(await issuance().placeOrder(first.orderUrl)).toEqual(first);
    expect(issuance().requestCounts()['newOrder']).toBe(0);
  });

  it('resumes the order of an interrupted attempt of the activity', async () => {
    const { activities, lab, dnsNames } = issuance();
    const cut = lab.proxy.inject({ when: isRequestFor('authorization'), fault: { kind: 'cutBefore' }, times: 3 });
    const heartbeats: unknown[] = [];
    const onHeartbeat = (details: unknown): void => void heartbeats.push(details);
    const running = runAcmeActivity(activities, 'placeOrder', { dnsNames }, { onHeartbeat });
    expect(await failureOf(running)).toMatchObject({ code: 'acme/unreachable', retry: 'transient' });
    cut.remove();
    lab.proxy.clearSeen();
    const heartbeatDetails = heartbeats.at(-1);
    const order = await runAcmeActivity(activities, 'placeOrder', { dnsNames }, { attempt: 2, heartbeatDetails });
    expect(heartbeatDetails).toEqual({ orderUrl: order.orderUrl });
    expect(order.challenges).toHaveLength(3);
    expect(issuance().requestCounts()['newOrder']).toBe(0);
  });

  it('returns no challenges when the earlier order is valid', async () => {
    const { activities, lab, request, dnsNames } = issuance();
    const { order } = await issue(activities, request, dnsNames);
    lab.proxy.clearSeen();
    expect(await issuance().placeOrder(order.orderUrl)).toMatchObject({ orderUrl: order.orderUrl, challenges: [] });
    expect(issuance().requestCounts()['newOrder']).toBe(0);
  });

  it.each(UNUSABLE)('places a new order when the earlier one %s', async (_why, earlier) => {
    const resume = await earlier();
    const order = await issuance().placeOrder(resume);
    expect(order.orderUrl).not.toBe(resume);
    expect(order.challenges).toHaveLength(3);
  });

  it.each(['acme-v02.api.letsencrypt.org', ''])(
    'orders nothing when it was decided for the CA "%s", but the account is of another one now',
    async (caHost) => {
      const { activities, dnsNames, lab } = issuance();
      lab.proxy.clearSeen();
      const placing = runAcmeActivity(activities, 'placeOrder', { dnsNames, caHost });
      const failure = await failureOf(placing);
      expect(failure).toMatchObject({ code: 'acme/caChanged', retry: 'onChange' });
      expect(failure.message).toContain(`the ACME account is one of ${new URL(lab.proxy.url).host} now`);
      expect(issuance().requestCounts()['newOrder']).toBe(0);
    },
  );

  it('ends at once when it is cancelled', async () => {
    const { activities, lab, dnsNames } = issuance();
    const hang = lab.proxy.inject({ when: isRequestFor('newOrder'), fault: { kind: 'hang' } });
    const running = runAcmeActivity(activities, 'placeOrder', { dnsNames }, { cancelAfterMs: 200 });
    await expect(running).rejects.toBeInstanceOf(CancelledFailure);
    hang.remove();
  });

  it('that is rate limited is not retried before the Retry-After', async () => {
    const body = { type: 'urn:ietf:params:acme:error:rateLimited', detail: 'too many certificates for example.com' };
    const fault = { kind: 'answer', status: 429, headers: { 'retry-after': '7200' }, body } as const;
    const limit = issuance().lab.proxy.inject({ when: isRequestFor('newOrder'), fault });
    const attempt = await timed(() => failureOf(issuance().placeOrder()));
    const failure = attempt.value;
    limit.remove();
    expect(failure).toMatchObject({ code: 'acme/rateLimited', retry: 'backoff' });
    expectAfter(attempt, failure.notBefore, 7_200_000);
  });

  describe('after a refusal by a limit of the account', () => {
    const refuse = (detail: string) => {
      const body = { type: 'urn:ietf:params:acme:error:rateLimited', detail };
      const fault = { kind: 'answer', status: 429, headers: { 'retry-after': '36' }, body } as const;
      return issuance().lab.proxy.inject({ when: isRequestFor('newOrder'), fault, times: 1 });
    };
    /** A worker of its own, which no other test holds back. */
    const startWorker = () => issuance().lab.activities(issuance().managementCluster.certman);
    const placeOrder = (worker: ReturnType<typeof startWorker>) =>
      runAcmeActivity(worker, 'placeOrder', { dnsNames: uniqueDnsNames() });

    it('holds back every order of the account, each until a turn of its own, without a request', async () => {
      const worker = startWorker();
      refuse('too many new orders (300) from this account in the last 3h0m0s, retry after 2026-12-01');
      const refused = await failureOf(placeOrder(worker));
      issuance().lab.proxy.clearSeen();
      const held = [await failureOf(placeOrder(worker)), await failureOf(placeOrder(worker))];
      const turns = [refused, ...held].map(({ notBefore = '' }) => Date.parse(notBefore));
      expect(turns[1]).toBe((turns[0] ?? 0) + 36_000);
      expect(turns[2]).toBe((turns[0] ?? 0) + 72_000);
      for (const failure of held) {
        expect(failure).toMatchObject({ code: 'rateLimit/newOrders', retry: 'backoff' });
        expect(failure.message).toContain('so none was sent');
      }
      expect(issuance().requestCounts()['newOrder']).toBe(0);
      const renewal = { dnsNames: uniqueDnsNames(), renewal: true } as const;
      expect((await runAcmeActivity(worker, 'placeOrder', renewal)).challenges).toHaveLength(3);
    });

    it('gives a turn to an order for other names that replaces a certificate, which the CA need not exempt', async () => {
      const worker = startWorker();
      const place = (order: Partial<PlaceOrderInput>) =>
        failureOf(runAcmeActivity(worker, 'placeOrder', { dnsNames: uniqueDnsNames(), replaces: 'AQ.Ag', ...order }));
      refuse('too many new orders (300) from this account in the last 3h0m0s, retry after 2026-12-01');
      const replacing = await place({});
      expect(replacing.code).toBe('rateLimit/newOrders');
      expect(replacing.notBefore).toBeDefined();
      refuse('too many new orders (300) from this account in the last 3h0m0s, retry after 2026-12-01');
      expect((await place({ renewal: true })).code).toBe('acme/rateLimited');
    });

    it('holds back no other order if the limit is that of a name', async () => {
      const worker = startWorker();
      refuse('too many certificates (50) already issued for "example.com" in the last 168h0m0s');
      expect(await failureOf(placeOrder(worker))).toMatchObject({ code: 'acme/rateLimited' });
      expect((await placeOrder(worker)).challenges).toHaveLength(3);
    });
  });
});
