/** When the activity that places an order goes on to fulfill it, what it leaves to `fulfillOrder`, and how that continues. */
import { ActivityCancellationDetails, type ApplicationFailure, CancelledFailure } from '@temporalio/common';
import type { LogEntry } from '@temporalio/worker';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import type { AcmeActivityDeps } from '../../../activities/acme.ts';
import type { DnsSteps } from '../../../activities/dns.ts';
import { createOrderActivities, type OrderActivityDeps } from '../../../activities/order.ts';
import { CaHealth } from '../../../src/acme/ca-health.ts';
import type { AcmeClient } from '../../../src/acme/client.ts';
import type { PlacedOrder } from '../../../src/contract/activities/acme.ts';
import type {
  BegunFulfillment,
  FulfilledPlacement,
  FulfillmentTerms,
  FulfillOrderInput,
  UnfulfilledOrder,
} from '../../../src/contract/activities/order.ts';
import { CertmanError, type FailureCode } from '../../../src/failures/failure.ts';
import type { FailoverContext } from '../../../src/issuance/ca-failover.ts';
import { ISSUED_CERTIFICATE, PENDING_CHALLENGE } from '../../support/acme/issued-order.ts';
import { ANY_BUNDLE } from '../../support/acme/run-activity.ts';
import { zoneTarget } from '../../support/dns/route53-proxy.ts';
import { SEALED } from '../../support/dns/sealed-records.ts';
import { type Attempt, runActivity } from '../../support/temporal/run-activity.ts';

const steps = vi.hoisted(() => ({
  place: vi.fn(),
  answer: vi.fn(),
  isOver: vi.fn(),
  finalize: vi.fn(),
  install: vi.fn(),
}));
vi.mock('../../../src/issuance/ca-failover.ts', () => ({ placeOrderWithFailover: steps.place }));
vi.mock('../../../src/issuance/answer-challenges.ts', () => ({
  answerChallenges: steps.answer,
  isValidationOver: steps.isOver,
}));
vi.mock('../../../src/issuance/finalize-order.ts', () => ({ finalizeOrder: steps.finalize }));
vi.mock('../../../src/issuance/install-certificate.ts', () => ({ installCertificate: steps.install }));

const ORDER: PlacedOrder = {
  orderUrl: 'https://ca.test/order/1#seal',
  expires: '2026-12-01T00:00:00.000Z',
  caHost: 'ca.test',
  challenges: [PENDING_CHALLENGE],
};

const FULFILL: FulfillmentTerms = {
  otherRecords: [],
  zone: zoneTarget({ zoneName: 'example.com' }),
  request: { namespace: 'ns', name: 'c1-primary', uid: 'request-uid' },
  secretName: 'primary-cert',
  reportTerms: { isRenewal: false },
};

const publish = vi.fn<DnsSteps['publishTxtRecords']>();
const withdraw = vi.fn<DnsSteps['withdrawTxtRecords']>();
const verify = vi.fn();
const confirmHeartbeat = vi.fn<OrderActivityDeps['confirmHeartbeat']>();
beforeEach(() => {
  steps.place.mockReset().mockImplementation((context: FailoverContext) => {
    context.record({ orderUrl: ORDER.orderUrl });
    return Promise.resolve(ORDER);
  });
  publish.mockReset().mockResolvedValue({ zoneId: 'Z1', nameServers: ['ns-1.test'], seal: 'seal' });
  withdraw.mockReset().mockResolvedValue(undefined);
  verify.mockReset().mockResolvedValue({ seenBy: ['resolver'] });
  confirmHeartbeat.mockReset().mockResolvedValue(undefined);
  steps.answer.mockReset().mockResolvedValue(undefined);
  steps.isOver.mockReset().mockResolvedValue(false);
  steps.finalize.mockReset().mockResolvedValue({ certificateUrl: 'https://ca.test/certificate/1' });
  steps.install.mockReset().mockResolvedValue({ ...ISSUED_CERTIFICATE, seal: 'seal' });
});

/** What is recorded of the order while it is read, and from before its records are published. */
const PLACING = { orderUrl: ORDER.orderUrl, step: 'placeOrder' };
const PUBLISHING = { ...ORDER, step: 'publishTxtRecords' };

const failing = (code: FailureCode, notBefore?: Date) => () =>
  Promise.reject(new CertmanError({ code, message: 'A test.', notBefore }));

function activities() {
  const first = {
    health: new CaHealth({ failoverAfterMs: 0 }),
    withClient: (work: (ca: AcmeClient) => unknown) => work({} as AcmeClient),
  };
  const acme = { ca: { ...SEALED.ca, first, ofOrder: () => Promise.resolve(first) } };
  return createOrderActivities({
    acme: acme as unknown as AcmeActivityDeps,
    dns: { publishTxtRecords: publish, withdrawTxtRecords: withdraw },
    verifyPropagation: verify,
    verifyStanding: () => Promise.reject(new Error('not a step of these activities')),
    statuses: { report: () => Promise.resolve() },
    confirmHeartbeat,
  });
}

/** One attempt at placing the order, of a new worker. */
async function placed(attempt: Attempt = {}, terms: { readonly fulfill?: FulfillmentTerms } = { fulfill: FULFILL }) {
  const heartbeats: unknown[] = [];
  const onHeartbeat = (details: unknown): void => {
    heartbeats.push(details);
    attempt.onHeartbeat?.(details);
  };
  const input = { ...ANY_BUNDLE, dnsNames: ['example.com'], ...terms };
  const run = (given: typeof input) => activities().placeOrder(given);
  return { result: await runActivity(run, input, { ...attempt, onHeartbeat }), heartbeats };
}

async function unfulfilled(attempt?: Attempt): Promise<UnfulfilledOrder> {
  const { result } = await placed(attempt);
  expect(result).not.toHaveProperty('fulfilled');
  return result as UnfulfilledOrder;
}

/** One attempt at fulfilling it, of a new worker. */
async function fulfilled(begun: BegunFulfillment | undefined, attempt: Attempt = {}) {
  const { orderUrl, caHost, challenges } = ORDER;
  const order = { ...ANY_BUNDLE, dnsNames: ['example.com'], orderUrl, caHost, challenges };
  const run = (given: FulfillOrderInput) => activities().fulfillOrder(given);
  return await runActivity(
    run,
    { ...FULFILL, ...order, ...(begun && { begun }) },
    { scheduledAt: Date.now(), ...attempt },
  );
}

const callsOf = () => [publish, verify, steps.answer, steps.finalize].map(({ mock }) => mock.calls.length);

describe('the activity that places an order', () => {
  test('fulfills it, and says nothing that another version would fulfill again', async () => {
    const { result } = await placed();
    expect(result).toEqual({
      orderUrl: ORDER.orderUrl,
      caHost: 'ca.test',
      zoneNames: ['example.com'],
      fulfilled: expect.objectContaining({ withdrawn: true, reported: true, installed: expect.anything() }),
    });
    expect(callsOf()).toEqual([1, 1, 1, 1]);
  });

  test('only places it where the workflow does not ask for more', async () => {
    const { result } = await placed({}, {});
    expect(result).toEqual(ORDER);
    expect(callsOf()).toEqual([0, 0, 0, 0]);
  });

  test('goes on only once Temporal knows of the order and its records', async () => {
    await placed();
    expect(confirmHeartbeat.mock.calls.map(([, details]) => details)).toEqual([PLACING, PUBLISHING]);
    expect(callsOf()).toEqual([1, 1, 1, 1]);
  });

  test.each([0, 1])('goes no further when heartbeat %s is not confirmed', async (unconfirmed) => {
    const answers = [() => Promise.resolve(), () => Promise.resolve()];
    answers[unconfirmed] = () => Promise.reject(new Error('not in time'));
    for (const answer of answers) confirmHeartbeat.mockImplementationOnce(answer);
    const { result, heartbeats } = await placed();
    expect(result).toEqual(ORDER);
    // It goes with an ordinary one.
    expect(heartbeats).toEqual([[PLACING, PUBLISHING][unconfirmed]]);
    expect(callsOf()).toEqual([0, 0, 0, 0]);
  });

  test('does not go on with an order where it is cancelled while it places it', async () => {
    let cancel = (): void => undefined;
    steps.place.mockImplementation(() => {
      cancel();
      return Promise.resolve(ORDER);
    });
    const { result } = await placed({ onStart: (found) => (cancel = found) });
    expect(result).toEqual(ORDER);
    expect(confirmHeartbeat).not.toHaveBeenCalled();
    expect(callsOf()).toEqual([0, 0, 0, 0]);
  });

  test('records no earlier order over that of a fallback CA, whenever it learns that it is not confirmed', async () => {
    const late = Promise.withResolvers<never>();
    confirmHeartbeat.mockImplementationOnce(() => late.promise);
    steps.place.mockImplementation(async (context: FailoverContext) => {
      context.record({ orderUrl: 'https://first.test/order/1#seal' });
      context.record({ orderUrl: ORDER.orderUrl });
      late.reject(new Error('not in time'));
      await Promise.allSettled([late.promise]);
      return ORDER;
    });
    const { result, heartbeats } = await placed();
    expect(result).toHaveProperty('fulfilled');
    expect(heartbeats).not.toContainEqual(expect.objectContaining({ orderUrl: 'https://first.test/order/1#seal' }));
  });

  test('does not forget an order that it has placed and cannot read', async () => {
    steps.place.mockImplementation((context: FailoverContext) => {
      context.record({ orderUrl: ORDER.orderUrl });
      return failing('acme/unreachable')();
    });
    const heartbeats: unknown[] = [];
    const attempt = { onHeartbeat: (details: unknown): void => void heartbeats.push(details) };
    const details = [expect.anything(), { orderUrl: ORDER.orderUrl }];
    await expect(placed(attempt)).rejects.toMatchObject({ type: 'acme/unreachable', details });
    expect(heartbeats).toEqual([PLACING]);
  });

  test.each([
    ['is placed', {}],
    ['was placed by an earlier attempt', { attempt: 2, heartbeatDetails: { orderUrl: ORDER.orderUrl } }],
  ])('says which order %s where it is cancelled before it could read it', async (_what, attempt: Attempt) => {
    let cancel = (): void => undefined;
    steps.place.mockImplementation((context: FailoverContext) => {
      if (context.attempt === 1) context.record({ orderUrl: ORDER.orderUrl });
      cancel();
      return Promise.reject(new CancelledFailure('cancelled'));
    });
    for (const terms of [{ fulfill: FULFILL }, {}]) {
      const running = placed({ ...attempt, onStart: (found) => (cancel = found) }, terms);
      await expect(running).rejects.toMatchObject({
        name: 'CancelledFailure',
        details: [{ orderUrl: ORDER.orderUrl }],
      });
    }
  });

  test('says which order an earlier attempt has placed where it cannot read the accounts', async () => {
    const unreadable = new CertmanError({ code: 'kubernetes/unreachable', message: 'A test.' });
    const seals = vi.spyOn(SEALED.ca, 'seals').mockRejectedValue(unreadable);
    try {
      await expect(placed({ attempt: 2, heartbeatDetails: { orderUrl: ORDER.orderUrl } })).rejects.toMatchObject({
        type: 'kubernetes/unreachable',
        details: [expect.anything(), { orderUrl: ORDER.orderUrl }],
      });
    } finally {
      seals.mockRestore();
    }
  });

  test('says nothing of an order where it fails before it places one', async () => {
    steps.place.mockImplementation(failing('rateLimit/newOrders'));
    await expect(placed()).rejects.toMatchObject({ details: [expect.anything()] });
  });

  test.each([
    ['is a proof', { ...ORDER, proof: true as const }],
    [
      'has a record that stays',
      {
        ...ORDER,
        challenges: [{ ...PENDING_CHALLENGE, record: { ...PENDING_CHALLENGE.record, persistent: true as const } }],
      },
    ],
    [
      'has a record outside of the zone',
      {
        ...ORDER,
        challenges: [
          { ...PENDING_CHALLENGE, record: { ...PENDING_CHALLENGE.record, name: '_acme-challenge.example.net' } },
        ],
      },
    ],
  ])('leaves it to the workflow where it %s', async (_what, order: PlacedOrder) => {
    steps.place.mockResolvedValue(order);
    expect((await placed()).result).toEqual(order);
    expect(callsOf()).toEqual([0, 0, 0, 0]);
  });

  test('says which records it could not withdraw', async () => {
    withdraw.mockImplementation(failing('dns/unreachable'));
    expect((await placed()).result).toMatchObject({
      fulfilled: { withdrawn: false },
      leftRecords: [PENDING_CHALLENGE.record],
    });
  });

  test('says from before it begins which step it is at, which is no publication where nothing is to be published', async () => {
    steps.place.mockResolvedValue({ ...ORDER, challenges: [] });
    const { result } = await placed();
    expect(result).toHaveProperty('fulfilled');
    expect(confirmHeartbeat.mock.calls.map(([, details]) => details)).toEqual([
      { ...ORDER, challenges: [], step: 'finalizeOrder' },
    ]);
    expect(callsOf()).toEqual([0, 0, 0, 1]);
  });

  test('says in its heartbeats which step it is at', async () => {
    vi.useFakeTimers({ toFake: ['setInterval'] });
    try {
      publish.mockImplementation(async () => {
        await vi.advanceTimersByTimeAsync(3_000);
        return { zoneId: 'Z1', nameServers: ['ns-1.test'], seal: 'seal' };
      });
      steps.finalize.mockImplementation(async () => {
        await vi.advanceTimersByTimeAsync(3_000);
        return { certificateUrl: 'https://ca.test/certificate/1' };
      });
      const { heartbeats } = await placed();
      expect(heartbeats).toEqual([
        PUBLISHING,
        { ...ORDER, step: 'finalizeOrder', fulfilling: expect.objectContaining({ step: 'finalizeOrder' }) as unknown },
      ]);
    } finally {
      vi.useRealTimers();
    }
  });
});

test('the activity that fulfills an order says from its first heartbeat which step it is at', async () => {
  vi.useFakeTimers({ toFake: ['setInterval'] });
  try {
    publish.mockImplementation(async () => {
      await vi.advanceTimersByTimeAsync(3_000);
      return { zoneId: 'Z1', nameServers: ['ns-1.test'], seal: 'seal' };
    });
    const heartbeats: unknown[] = [];
    await fulfilled(undefined, { onHeartbeat: (details) => void heartbeats.push(details) });
    expect(heartbeats[0]).toEqual({ step: 'publishTxtRecords' });
  } finally {
    vi.useRealTimers();
  }
});

describe('a fulfillment that fails after the placement', () => {
  test('fails no attempt, and is the first attempt of fulfillOrder, which then continues', async () => {
    const soon = new Date(Date.now() + 30_000);
    verify.mockImplementationOnce(failing('dns/notVisible', soon));
    const { begun, ...order } = await unfulfilled();
    expect(order).toEqual(ORDER);
    const heartbeats: unknown[] = [];
    const onHeartbeat = (details: unknown): void => void heartbeats.push(details);
    const failure = await fulfilled(begun, { onHeartbeat }).catch((error: unknown) => error);
    expect(failure).toMatchObject({ type: 'dns/notVisible', nonRetryable: false });
    // Until the next attempt, people see which step it waits at.
    expect(heartbeats).toMatchObject([{ step: 'verifyPropagation' }]);
    expect((failure as ApplicationFailure).details?.[1]).toEqual({ published: true, notFinalized: true });
    expect((failure as ApplicationFailure).nextRetryDelay).toBeGreaterThan(0);
    expect(callsOf()).toEqual([1, 1, 0, 0]);
    expect(await fulfilled(begun, { attempt: 2 })).toMatchObject({ installed: { serialNumber: '1' } });
    expect(callsOf()).toEqual([1, 2, 1, 1]);
    expect(steps.isOver).not.toHaveBeenCalled();
  });

  test.each<FailureCode>(['acme/challengeFailed', 'dns/credentialsMissing', 'dns/queued'])(
    'with %s ends as that of fulfillOrder does',
    async (code) => {
      publish.mockImplementation(failing(code));
      const { begun } = await unfulfilled();
      const asFirst = await fulfilled(undefined).catch((error: unknown) => error);
      const asBegun = await fulfilled(begun).catch((error: unknown) => error);
      const facts = ({ type, message, nonRetryable, details }: ApplicationFailure) => [
        type,
        message,
        nonRetryable,
        details,
      ];
      expect(facts(asBegun as ApplicationFailure)).toEqual(facts(asFirst as ApplicationFailure));
    },
  );

  test('is logged once, with its cause, where it is unexpected', async () => {
    publish.mockRejectedValue(new TypeError('of a defect'));
    const entries: string[] = [];
    const onLog = ({ level, meta }: LogEntry): void => {
      // The SDK has a line of its own for each attempt that fails.
      if (level === 'WARN' && meta?.['code'] !== undefined) entries.push(String(meta['error']));
    };
    const { begun } = await unfulfilled({ onLog });
    expect(entries).toEqual([expect.stringContaining('of a defect')]);
    await expect(fulfilled(begun, { onLog })).rejects.toMatchObject({ type: 'internal/unexpected' });
    expect(entries).toHaveLength(1);
  });

  test('is not what anyone else says it is', async () => {
    const failure = { code: 'of/mine', message: 'x'.repeat(100_000), retry: 'transient' };
    const begun = { failure } as unknown as BegunFulfillment;
    await expect(fulfilled(begun)).rejects.toMatchObject({ type: 'internal/unexpected' });
  });
});

describe('a fulfillment that is interrupted after the placement', () => {
  test('by a cancellation, or the end of its worker, keeps what it has done', async () => {
    let cancel = (): void => undefined;
    steps.finalize.mockImplementation(() => {
      cancel();
      return Promise.reject(new CancelledFailure('cancelled'));
    });
    const { begun } = await unfulfilled({ onStart: (found) => (cancel = found) });
    expect(begun).toEqual({
      recorded: expect.objectContaining({ step: 'finalizeOrder' }),
      begunAt: expect.any(String),
      unfinished: { published: true },
    });
    steps.finalize.mockResolvedValue({ certificateUrl: 'https://ca.test/certificate/1' });
    expect(await fulfilled(begun)).toMatchObject({ installed: { serialNumber: '1' } });
    // It neither publishes nor answers again.
    expect(callsOf()).toEqual([1, 1, 1, 2]);
  });

  test.each(['paused', 'reset'] as const)('by a person who has it %s does not end', async (how) => {
    let cancel = (_details: ActivityCancellationDetails): void => undefined;
    steps.finalize.mockImplementation(() => {
      cancel(new ActivityCancellationDetails({ [how]: true }));
      return Promise.reject(new CancelledFailure('cancelled'));
    });
    const heartbeats: unknown[] = [];
    const onHeartbeat = (details: unknown): void => void heartbeats.push(details);
    const running = placed({ onHeartbeat, onStart: (found) => (cancel = found) });
    await expect(running).rejects.toThrow(CancelledFailure);
    const heartbeatDetails = heartbeats.at(-1);
    expect(heartbeatDetails).toMatchObject({ ...ORDER, step: 'finalizeOrder' });
    const { begun } = await unfulfilled({ attempt: 2, heartbeatDetails });
    expect(begun).toEqual({ recorded: expect.objectContaining({ step: 'finalizeOrder' }) });
  });

  test('by a cancellation, before it finalized, says so', async () => {
    let cancel = (): void => undefined;
    publish.mockImplementation(() => {
      cancel();
      return Promise.reject(new CancelledFailure('cancelled'));
    });
    const { begun } = await unfulfilled({ onStart: (found) => (cancel = found) });
    expect(begun).toMatchObject({ unfinished: { notFinalized: true } });
    expect(begun).not.toHaveProperty('failure');
  });

  test('by the death of its worker is left to fulfillOrder, with its order, which asks the CA how far it came', async () => {
    const attempt = { attempt: 2, heartbeatDetails: { ...ORDER, step: 'publishTxtRecords' } };
    const { begun, ...order } = await unfulfilled(attempt);
    expect(order).toEqual(ORDER);
    expect(begun).toEqual({ recorded: undefined });
    // At another CA, or for an order that is over, there would be another certificate.
    expect(steps.place).not.toHaveBeenCalled();
    expect(callsOf()).toEqual([0, 0, 0, 0]);
    steps.isOver.mockResolvedValue(true);
    await fulfilled(begun);
    expect(callsOf()).toEqual([0, 0, 1, 1]);
  });

  test('before it began is no reason to leave the rest to another activity', async () => {
    const { result } = await placed({ attempt: 2, heartbeatDetails: { orderUrl: ORDER.orderUrl } });
    expect(result).toHaveProperty('fulfilled');
    expect(callsOf()).toEqual([1, 1, 1, 1]);
  });
});

test('a fulfilled placement has no challenges, so that no earlier version goes on with it', async () => {
  const { result } = await placed();
  expect((result as FulfilledPlacement & Partial<PlacedOrder>).challenges).toBeUndefined();
});
