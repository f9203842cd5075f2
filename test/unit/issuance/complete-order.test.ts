/** What an attempt at completing an order says of those before it, and how long it waits for the withdrawal beside. */
import { ApplicationFailure } from '@temporalio/common';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import type { AcmeActivityDeps } from '../../../activities/acme.ts';
import type { DnsSteps } from '../../../activities/dns.ts';
import { createOrderActivities } from '../../../activities/order.ts';
import type { OrderStep } from '../../../activities/step-observer.ts';
import { CaHealth } from '../../../src/acme/ca-health.ts';
import type { AcmeClient } from '../../../src/acme/client.ts';
import type { CompleteOrderInput } from '../../../src/contract/activities/order.ts';
import { CertmanError, type FailureCode } from '../../../src/failures/failure.ts';
import type { AttemptContext } from '../../../src/issuance/context.ts';
import { ANY_BUNDLE } from '../../support/acme/run-activity.ts';
import { zoneTarget } from '../../support/dns/route53-proxy.ts';
import { SEALED } from '../../support/dns/sealed-records.ts';
import { type Attempt, runActivity } from '../../support/temporal/run-activity.ts';
import { WAIT_TIMEOUT_MS } from '../../support/vitest/timeouts.ts';

const steps = vi.hoisted(() => ({ answer: vi.fn(), finalize: vi.fn(), install: vi.fn() }));
vi.mock('../../../src/issuance/answer-challenges.ts', () => ({ answerChallenges: steps.answer }));
vi.mock('../../../src/issuance/finalize-order.ts', () => ({ finalizeOrder: steps.finalize }));
vi.mock('../../../src/issuance/install-certificate.ts', () => ({ installCertificate: steps.install }));

const INPUT: CompleteOrderInput = {
  ...ANY_BUNDLE,
  orderUrl: 'https://ca.test/order/1',
  challenges: [
    {
      identifier: 'example.com',
      wildcard: false,
      authorizationUrl: 'https://ca.test/authz/1',
      challengeUrl: 'https://ca.test/challenge/1',
      record: { name: '_acme-challenge.example.com', value: 'proof' },
    },
  ],
  otherRecords: [],
  zone: zoneTarget(),
  dnsNames: ['example.com'],
  request: { namespace: 'ns', name: 'c1-primary', uid: 'request-uid' },
  secretName: 'primary-cert',
};

let withdraw: DnsSteps['withdrawTxtRecords'];
let observed: (readonly [OrderStep, number])[];
beforeEach(() => {
  observed = [];
  withdraw = () => Promise.resolve();
  steps.answer.mockReset().mockResolvedValue(undefined);
  steps.finalize.mockReset().mockResolvedValue({ certificateUrl: 'https://ca.test/certificate/1' });
  steps.install.mockReset().mockResolvedValue({ serialNumber: '1' });
});

/** One attempt, of a new worker. */
async function attempted(attempt: Attempt = {}) {
  const first = {
    health: new CaHealth({ failoverAfterMs: 0 }),
    withClient: (work: (ca: AcmeClient) => unknown) => work({} as AcmeClient),
  };
  const acme = { ca: { ...SEALED.ca, first, ofOrder: () => Promise.resolve(first) } };
  const unused = () => Promise.reject(new Error('not a step of this activity'));
  const activities = createOrderActivities({
    confirmHeartbeat: () => Promise.resolve(),
    acme: acme as unknown as AcmeActivityDeps,
    dns: { publishTxtRecords: unused, withdrawTxtRecords: (now, input) => withdraw(now, input) },
    verifyPropagation: unused,
    verifyStanding: unused,
    statuses: { report: unused },
    onStep: (step, seconds) => observed.push([step, seconds]),
  });
  let heartbeatDetails: unknown;
  const onHeartbeat = (details: unknown): void => void (heartbeatDetails = details);
  try {
    const run = (input: CompleteOrderInput) => activities.completeOrder(input);
    return { result: await runActivity(run, INPUT, { ...attempt, onHeartbeat }), heartbeatDetails };
  } catch (error) {
    if (!(error instanceof ApplicationFailure)) throw error;
    return { code: error.type, unfinished: error.details?.[1], heartbeatDetails };
  }
}

const failing = (code: FailureCode) => () => Promise.reject(new CertmanError({ code, message: 'A test.' }));
const NOT_FINALIZED = { notFinalized: true };

describe('an attempt that fails before it finalizes says that the order is not finalized', () => {
  test('when all before it ended by themselves, whatever the reason', async () => {
    steps.answer.mockImplementation(failing('acme/serverError'));
    const first = await attempted();
    const second = await attempted({ attempt: 2, heartbeatDetails: first.heartbeatDetails });
    // The CA's word on CAA records, say.
    steps.answer.mockImplementation(failing('acme/rejectedIdentifier'));
    const third = await attempted({ attempt: 3, heartbeatDetails: second.heartbeatDetails });
    expect([first.unfinished, second.unfinished, third.unfinished]).toEqual([
      NOT_FINALIZED,
      NOT_FINALIZED,
      NOT_FINALIZED,
    ]);
  });

  test('not after one whose worker died, unless the order shows it', async () => {
    steps.answer.mockImplementation(failing('acme/serverError'));
    const { heartbeatDetails } = await attempted();
    const afterKill = await attempted({ attempt: 3, heartbeatDetails });
    expect(afterKill.unfinished).toBeUndefined();
    const later = await attempted({ attempt: 4, heartbeatDetails: afterKill.heartbeatDetails });
    expect(later.unfinished).toBeUndefined();
    steps.answer.mockImplementation(failing('acme/pending'));
    const pending = await attempted({ attempt: 5, heartbeatDetails: later.heartbeatDetails });
    expect(pending.unfinished).toEqual(NOT_FINALIZED);
  });

  test('not when it finalizes', async () => {
    steps.finalize.mockImplementation(failing('acme/serverError'));
    const first = await attempted();
    expect(first).toMatchObject({ code: 'acme/serverError', unfinished: undefined });
    const second = await attempted({ attempt: 2, heartbeatDetails: first.heartbeatDetails });
    expect(second.unfinished).toBeUndefined();
    expect(steps.answer).toHaveBeenCalledTimes(1);
  });
});

test('the duration of a step is observed once, over all of its attempts', async () => {
  steps.answer.mockImplementation(failing('acme/pending'));
  const { heartbeatDetails } = await attempted();
  expect(observed).toEqual([]);
  steps.answer.mockReset();
  const begunAt = Date.now() - 60_000;
  await attempted({ attempt: 2, heartbeatDetails: { ...(heartbeatDetails as object), begunAt } });
  expect(observed.map(([step]) => step)).toEqual(['answerChallenges', 'finalizeOrder', 'installCertificate']);
  expect(observed[0]?.[1]).toBeGreaterThanOrEqual(60);
  expect(observed[1]?.[1]).toBeLessThan(60);
});

test('what a retry can find out by itself takes no heartbeat of its own, but a failure records it', async () => {
  const note = (context: Pick<AttemptContext, 'note'>): void => context.note({ answered: true });
  steps.answer.mockImplementation(note);
  expect(await attempted()).toMatchObject({ result: { withdrawn: true }, heartbeatDetails: undefined });
  steps.answer.mockImplementation((context: Pick<AttemptContext, 'note'>) => {
    note(context);
    return failing('acme/pending')();
  });
  expect((await attempted()).heartbeatDetails).toMatchObject({ recorded: { answered: true } });
});

test('an attempt resumes at the step that the one before had reached, where that step has recorded nothing', async () => {
  steps.finalize.mockImplementation(failing('acme/serverError'));
  const { heartbeatDetails } = await attempted();
  // As Temporal carries it.
  const carried: unknown = JSON.parse(JSON.stringify(heartbeatDetails));
  await attempted({ attempt: 2, heartbeatDetails: carried });
  expect(steps.answer).toHaveBeenCalledTimes(1);
  expect(steps.finalize).toHaveBeenCalledTimes(2);
});

test('a step that an earlier version began is not observed', async () => {
  const heartbeatDetails = { step: 'answerChallenges', since: 1, withdrawn: false };
  await attempted({ attempt: 2, heartbeatDetails });
  expect(observed.map(([step]) => step)).toEqual(['finalizeOrder', 'installCertificate']);
});

test('a withdrawal that hangs is not waited for long, and is left to the workflow', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    let signal: AbortSignal | undefined;
    withdraw = (attempt) => {
      ({ signal } = attempt);
      return new Promise(() => undefined);
    };
    const attempt = attempted();
    await vi.waitUntil(() => vi.getTimerCount() > 0, WAIT_TIMEOUT_MS);
    vi.runAllTimers();
    const { result } = await attempt;
    expect(result).toMatchObject({ installed: { serialNumber: '1' }, withdrawn: false });
    expect(signal?.aborted).toBe(true);
  } finally {
    vi.useRealTimers();
  }
});
