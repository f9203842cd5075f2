/** What an attempt at fulfilling an order resumes, what it says of those before it, and what it reports. */
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import type { AcmeActivityDeps } from '../../../activities/acme.ts';
import type { DnsSteps } from '../../../activities/dns.ts';
import { createOrderActivities } from '../../../activities/order.ts';
import { CaHealth } from '../../../src/acme/ca-health.ts';
import type { AcmeClient } from '../../../src/acme/client.ts';
import type { ReportStatusInput } from '../../../src/contract/activities/kubernetes.ts';
import type { FulfillOrderInput } from '../../../src/contract/activities/order.ts';
import { clusterWorkflowId } from '../../../src/contract/ids.ts';
import { CertmanError, type FailureCode } from '../../../src/failures/failure.ts';
import { ISSUED_CERTIFICATE, PENDING_CHALLENGE } from '../../support/acme/issued-order.ts';
import { ANY_BUNDLE } from '../../support/acme/run-activity.ts';
import { zoneTarget } from '../../support/dns/route53-proxy.ts';
import { SEALED } from '../../support/dns/sealed-records.ts';
import { type Attempt, runActivity } from '../../support/temporal/run-activity.ts';

const steps = vi.hoisted(() => ({ answer: vi.fn(), isOver: vi.fn(), finalize: vi.fn(), install: vi.fn() }));
vi.mock('../../../src/issuance/answer-challenges.ts', () => ({
  answerChallenges: steps.answer,
  isValidationOver: steps.isOver,
}));
vi.mock('../../../src/issuance/finalize-order.ts', () => ({ finalizeOrder: steps.finalize }));
vi.mock('../../../src/issuance/install-certificate.ts', () => ({ installCertificate: steps.install }));

const INPUT: FulfillOrderInput = {
  ...ANY_BUNDLE,
  orderUrl: 'https://ca.test/order/1',
  caHost: 'ca.test',
  challenges: [PENDING_CHALLENGE],
  otherRecords: [],
  zone: zoneTarget(),
  dnsNames: ['example.com'],
  request: { namespace: 'ns', name: 'c1-primary', uid: 'request-uid' },
  secretName: 'primary-cert',
  reportTerms: { isRenewal: false },
};

const publish = vi.fn<DnsSteps['publishTxtRecords']>();
const verify = vi.fn();
const report = vi.fn<(input: ReportStatusInput) => Promise<void>>();
beforeEach(() => {
  publish.mockReset().mockResolvedValue({ zoneId: 'Z1', nameServers: ['ns-1.test'], seal: 'seal' });
  verify.mockReset().mockResolvedValue({ seenBy: ['resolver'] });
  report.mockReset().mockResolvedValue(undefined);
  steps.answer.mockReset().mockResolvedValue(undefined);
  steps.isOver.mockReset().mockResolvedValue(false);
  steps.finalize.mockReset().mockResolvedValue({ certificateUrl: 'https://ca.test/certificate/1' });
  steps.install.mockReset().mockResolvedValue({ ...ISSUED_CERTIFICATE, seal: 'seal' });
});

/** One attempt, of a new worker. */
async function attempted(attempt: Attempt = {}, input: FulfillOrderInput = INPUT) {
  const first = {
    health: new CaHealth({ failoverAfterMs: 0 }),
    withClient: (work: (ca: AcmeClient) => unknown) => work({} as AcmeClient),
  };
  const acme = { ca: { ...SEALED.ca, first, ofOrder: () => Promise.resolve(first) } };
  const activities = createOrderActivities({
    confirmHeartbeat: () => Promise.resolve(),
    acme: acme as unknown as AcmeActivityDeps,
    dns: { publishTxtRecords: publish, withdrawTxtRecords: () => Promise.resolve() },
    verifyPropagation: verify,
    verifyStanding: () => Promise.reject(new Error('not a step of this activity')),
    statuses: { report },
  });
  let heartbeatDetails: unknown;
  const onHeartbeat = (details: unknown): void => void (heartbeatDetails = details);
  try {
    const run = (given: FulfillOrderInput) => activities.fulfillOrder(given);
    return { result: await runActivity(run, input, { ...attempt, onHeartbeat }), heartbeatDetails };
  } catch (error) {
    if (error instanceof CancelledFailure) return { code: 'cancelled', unfinished: error.details[0], heartbeatDetails };
    if (!(error instanceof ApplicationFailure)) throw error;
    const { type: code, nonRetryable } = error;
    return { code, nonRetryable, unfinished: error.details?.[1], heartbeatDetails };
  }
}

const failing = (code: FailureCode) => () => Promise.reject(new CertmanError({ code, message: 'A test.' }));

describe('an attempt at fulfilling an order', () => {
  test('publishes, verifies, completes and reports, with its Event', async () => {
    const { result } = await attempted();
    expect(result).toMatchObject({ withdrawn: true, installed: { serialNumber: '1' } });
    expect(report).toHaveBeenCalledTimes(1);
    const reported = report.mock.calls[0]?.[0].report;
    expect(reported).toMatchObject({
      state: 'Ready',
      requestName: 'c1-primary',
      caHost: 'ca.test',
      workflowId: clusterWorkflowId(INPUT.cluster),
      event: { reason: 'Issued' },
    });
    expect(result).toMatchObject({ reported: true, installedAt: reported?.installation?.time });
  });

  test('verifies again what the one before has published, and answers once', async () => {
    verify.mockImplementationOnce(failing('dns/notVisible'));
    const first = await attempted();
    expect(first.unfinished).toEqual({ published: true, notFinalized: true });
    const second = await attempted({ attempt: 2, heartbeatDetails: first.heartbeatDetails });
    expect(second.result).toMatchObject({ withdrawn: true });
    expect([publish, verify, steps.answer].map(({ mock }) => mock.calls.length)).toEqual([1, 2, 1]);
    // As if the step were an activity of its own.
    expect(steps.answer.mock.calls[0]?.[0]).toMatchObject({ attempt: 1, recorded: undefined });
    expect(steps.isOver).not.toHaveBeenCalled();
  });

  test('finalizes again what the one before has answered, and publishes nothing', async () => {
    steps.finalize.mockImplementationOnce(failing('acme/serverError'));
    const first = await attempted();
    expect(first.unfinished).toEqual({ published: true });
    const second = await attempted({ attempt: 2, heartbeatDetails: first.heartbeatDetails });
    expect(second.result).toMatchObject({ installed: { serialNumber: '1' } });
    expect([publish, steps.answer].map(({ mock }) => mock.calls.length)).toEqual([1, 1]);
  });

  test('without challenges publishes nothing', async () => {
    expect((await attempted({}, { ...INPUT, challenges: [] })).result).toMatchObject({ withdrawn: true });
    expect([publish, verify, steps.answer].map(({ mock }) => mock.calls.length)).toEqual([0, 0, 0]);
  });
});

describe('an attempt after one whose worker died, which may have come further than it recorded', () => {
  /** What it had recorded at most. */
  const PENDING_CHANGE = { zoneId: 'Z1', nameServers: ['ns-1.test'], change: 'C1', seal: 'seal' };
  const afterKill = () => attempted({ attempt: 2, heartbeatDetails: PENDING_CHANGE });

  test('looks for no records where the names are validated, since they may be withdrawn', async () => {
    steps.isOver.mockResolvedValue(true);
    expect((await afterKill()).result).toMatchObject({ installed: { serialNumber: '1' } });
    expect([publish, verify].map(({ mock }) => mock.calls.length)).toEqual([0, 0]);
  });

  test.each([
    ['says that they are not', () => Promise.resolve(false)],
    ['does not answer', failing('acme/unreachable')],
  ])('proves the names where the CA %s', async (_what, isOver) => {
    steps.isOver.mockImplementation(isOver);
    expect((await afterKill()).result).toMatchObject({ installed: { serialNumber: '1' } });
    expect([publish, verify].map(({ mock }) => mock.calls.length)).toEqual([1, 1]);
  });

  test('has the challenges read before they are answered', async () => {
    await afterKill();
    expect(steps.answer.mock.calls[0]?.[0]).toMatchObject({ attempt: 2, recorded: undefined });
  });
});

describe('an attempt that fails says that the order is not finalized', () => {
  test('while all before it ended by themselves', async () => {
    publish.mockImplementationOnce(failing('dns/throttled'));
    verify.mockImplementationOnce(failing('dns/notVisible'));
    // Not a code of a CA by which the order is known to be unfinished.
    steps.answer.mockImplementationOnce(failing('acme/rejectedIdentifier'));
    const first = await attempted();
    const second = await attempted({ attempt: 2, heartbeatDetails: first.heartbeatDetails });
    const third = await attempted({ attempt: 3, heartbeatDetails: second.heartbeatDetails });
    expect([first, second, third].map(({ unfinished }) => unfinished)).toEqual([
      { notFinalized: true },
      { published: true, notFinalized: true },
      { published: true, notFinalized: true },
    ]);
  });

  test('not after one whose worker died', async () => {
    verify.mockImplementation(failing('dns/notVisible'));
    const { heartbeatDetails } = await attempted();
    expect((await attempted({ attempt: 3, heartbeatDetails })).unfinished).toEqual({ published: true });
  });
});

test('values that are not visible are looked for again for 20 minutes', async () => {
  verify.mockImplementation(failing('dns/notVisible'));
  const minutesAgo = (minutes: number) => attempted({ scheduledAt: Date.now() - minutes * 60_000 });
  expect(await minutesAgo(19)).toMatchObject({ code: 'dns/notVisible', nonRetryable: false });
  expect(await minutesAgo(21)).toMatchObject({ code: 'dns/notVisible', nonRetryable: true });
});

describe('a status that cannot be written with the certificate', () => {
  test('is left to the workflow', async () => {
    report.mockImplementation(failing('kubernetes/unreachable'));
    const { result } = await attempted();
    expect(result).toMatchObject({ installed: { serialNumber: '1' } });
    expect(result?.reported).toBeUndefined();
  });

  test('because a fact of it is not as expected is left to the workflow too', async () => {
    steps.install.mockResolvedValue({ ...ISSUED_CERTIFICATE, seal: 'seal', notAfter: 'at no instant' });
    const { result } = await attempted();
    expect(result).toMatchObject({ installed: { serialNumber: '1' } });
    expect(result?.reported).toBeUndefined();
    expect(report).not.toHaveBeenCalled();
  });

  test('is not tried where the workflow has to write it', async () => {
    const { reportTerms: _none, ...input } = INPUT;
    expect((await attempted({}, input)).result?.reported).toBeUndefined();
    expect(report).not.toHaveBeenCalled();
  });
});
