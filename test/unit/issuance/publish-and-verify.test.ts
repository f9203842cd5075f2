/** The activity that publishes and verifies: the next attempt resumes, and a failure says what was published. */
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { DnsAttempt } from '../../../activities/dns-attempt.ts';
import { createOrderActivities, type OrderActivityDeps } from '../../../activities/order.ts';
import type { OrderStep } from '../../../activities/step-observer.ts';
import type { PublishTxtRecordsInput, VerifyPropagationInput } from '../../../src/contract/activities/dns.ts';
import type { PublishAndVerifyInput } from '../../../src/contract/activities/order.ts';
import type { SealedTxtRecord } from '../../../src/contract/activities/txt-records.ts';
import { NotVisibleError, type OwnServers } from '../../../src/dns/propagation-check.ts';
import { CertmanError } from '../../../src/failures/failure.ts';
import { ANY_BUNDLE } from '../../support/acme/run-activity.ts';
import { zoneTarget } from '../../support/dns/route53-proxy.ts';
import { type Attempt, runActivity } from '../../support/temporal/run-activity.ts';

/** Waits between two looks take time on this clock only, by which an attempt decides how long it looks. */
const clock = vi.hoisted(() => ({ now: 0, onWait: (): void => undefined }));
vi.mock('node:timers/promises', async (original) => ({
  ...(await original<object>()),
  setTimeout: (ms: number, _value: undefined, { signal }: { readonly signal: AbortSignal }) => {
    clock.now += ms;
    clock.onWait();
    return signal.aborted ? Promise.reject(signal.reason as Error) : Promise.resolve();
  },
}));

const INPUT: PublishAndVerifyInput = {
  cluster: ANY_BUNDLE.cluster,
  zone: zoneTarget(),
  records: [{ name: '_acme-challenge.example.com', value: 'proof', seal: 'seal of the record' }],
  ownershipOf: ['example.com'],
};
const PUBLISHED = { zoneId: 'Z1', nameServers: ['ns1.example.net'], seal: 'seal of the servers' };
const NOT_VISIBLE = new CertmanError({ code: 'dns/notVisible', message: 'Not yet.', notBefore: new Date() });

let publications: DnsAttempt[];
let verifications: { readonly attempt: number; readonly input: VerifyPropagationInput }[];
let publish: (attempt: DnsAttempt) => Promise<typeof PUBLISHED>;
let publishedInputs: PublishTxtRecordsInput[];
/** Of the records of earlier orders. */
let stands: (records: readonly SealedTxtRecord[]) => readonly string[] | undefined;
let observed: (readonly [OrderStep, number])[];
let verify: (signal: AbortSignal) => Promise<{ readonly seenBy: readonly string[] }>;
beforeEach(() => {
  publications = [];
  publishedInputs = [];
  stands = () => undefined;
  verifications = [];
  observed = [];
  publish = () => Promise.resolve(PUBLISHED);
  verify = () => Promise.resolve({ seenBy: ['resolver'] });
  clock.onWait = () => undefined;
  vi.spyOn(performance, 'now').mockImplementation(() => clock.now);
});
afterEach(() => vi.restoreAllMocks());

/** One attempt, of a new worker. */
async function attempted(attempt: Attempt = {}, wanted = INPUT) {
  const activities = createOrderActivities({
    confirmHeartbeat: () => Promise.resolve(),
    acme: {} as OrderActivityDeps['acme'],
    dns: {
      publishTxtRecords: (now, input) => {
        publications.push(now);
        publishedInputs.push(input);
        return publish(now);
      },
      withdrawTxtRecords: () => Promise.reject(new Error('not a step of this activity')),
    },
    verifyStanding: (_, { records }) => Promise.resolve(stands(records)),
    verifyPropagation: ({ attempt: number, signal }, input) => {
      verifications.push({ attempt: number, input });
      return verify(signal);
    },
    statuses: { report: () => Promise.reject(new Error('not a step of this activity')) },
    onStep: (step, seconds) => observed.push([step, seconds]),
  });
  let heartbeatDetails: unknown;
  const onHeartbeat = (details: unknown): void => void (heartbeatDetails = details);
  try {
    const run = (one: PublishAndVerifyInput) => activities.publishAndVerify(one);
    const result = await runActivity(run, wanted, {
      ...attempt,
      onHeartbeat,
    });
    return { result, heartbeatDetails };
  } catch (error) {
    if (error instanceof CancelledFailure) return { code: 'cancelled', unfinished: error.details[0], heartbeatDetails };
    if (!(error instanceof ApplicationFailure)) throw error;
    return { code: error.type, unfinished: error.details?.[1], heartbeatDetails };
  }
}

test('what is published is verified', async () => {
  expect(await attempted()).toMatchObject({ result: { seenBy: ['resolver'] } });
  const { cluster, zone, records, ownershipOf } = INPUT;
  const { nameServers, seal } = PUBLISHED;
  const input = { cluster, zoneName: zone.zoneName, records, ownershipOf, nameServers, seal };
  expect(verifications).toEqual([{ attempt: 1, input }]);
});

test('records that are not visible yet are not published again, and their check is paced from its own beginning', async () => {
  verify = () => Promise.reject(NOT_VISIBLE);
  const second = await attempted({ attempt: 2 });
  expect(second).toMatchObject({ code: 'dns/notVisible', unfinished: { published: true } });
  await attempted({ attempt: 3, heartbeatDetails: second.heartbeatDetails });
  expect(publications).toHaveLength(1);
  expect(verifications.map(({ attempt }) => attempt)).toEqual([1, 2]);
  expect(verifications[1]?.input).toEqual(verifications[0]?.input);
});

test('the propagation time is from the publication, by whichever attempt, to the check that succeeds', async () => {
  verify = () => Promise.reject(NOT_VISIBLE);
  const { heartbeatDetails } = await attempted();
  expect(observed).toEqual([['publishTxtRecords', expect.any(Number)]]);
  verify = () => Promise.resolve({ seenBy: ['resolver'] });
  const publishedAt = Date.now() - 90_000;
  await attempted({ attempt: 2, heartbeatDetails: { ...(heartbeatDetails as object), publishedAt } });
  expect(observed.map(([step]) => step)).toEqual(['publishTxtRecords', 'verifyPropagation']);
  expect(observed[1]?.[1]).toBeGreaterThanOrEqual(90);
});

test('a change that is not live yet is awaited by the next attempt, and nothing is said to be published', async () => {
  const change = { ...PUBLISHED, change: 'C1' };
  publish = ({ record }) => {
    record(change);
    return Promise.reject(new CertmanError({ code: 'dns/pending', message: 'Not yet.' }));
  };
  const first = await attempted();
  expect(first).toEqual({ code: 'dns/pending', unfinished: undefined, heartbeatDetails: change });
  publish = () => Promise.resolve(PUBLISHED);
  await attempted({ attempt: 2, heartbeatDetails: first.heartbeatDetails });
  expect(publications[1]?.recorded).toEqual(change);
  expect(verifications).toHaveLength(1);
});

test('a cancellation says that the records are published', async () => {
  verify = (signal) =>
    new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
  const cancelled = await attempted({ cancelAfterMs: 50 });
  expect(cancelled).toMatchObject({ code: 'cancelled', unfinished: { published: true } });
});

/** What the zone's own servers say, and when the next look makes sense. Default: by another attempt. */
const notVisible =
  (ownServers: OwnServers, delayMs = 5_000) =>
  (): Promise<never> =>
    Promise.reject(new NotVisibleError('not yet', new Map(), delayMs, ownServers));

/** Another answer at each look, the last one from then on. */
function looks(...answers: readonly (typeof verify)[]): typeof verify {
  let next = 0;
  return (signal) => (answers[Math.min(next++, answers.length - 1)] ?? verify)(signal);
}
const visible: typeof verify = () => Promise.resolve({ seenBy: ['resolver'] });

test('values that come a moment later are seen by the same attempt, without a heartbeat', async () => {
  verify = looks(notVisible('missing', 500), notVisible('seen', 500), visible);
  expect(await attempted()).toEqual({ result: { seenBy: ['resolver'] }, heartbeatDetails: undefined });
  expect([publications.length, verifications.map(({ attempt }) => attempt)]).toEqual([1, [1, 1, 1]]);
});

test('values that take longer are left to the next attempt', async () => {
  verify = notVisible('missing', 500);
  const begin = clock.now;
  expect(await attempted()).toMatchObject({ code: 'dns/notVisible', unfinished: { published: true } });
  // After 0.5 s and 0.65 s, a wait of 0.845 s would end after 1.4 s.
  expect([verifications.length, clock.now - begin]).toEqual([3, 1_150]);
});

test('values that another writer removes between two looks are published by the next attempt', async () => {
  verify = looks(notVisible('seen', 500), notVisible('missing', 500));
  const first = await attempted();
  expect(first).toMatchObject({ code: 'dns/notVisible', unfinished: { published: true } });
  verify = visible;
  await attempted({ attempt: 2, heartbeatDetails: first.heartbeatDetails });
  expect(publications).toHaveLength(2);
});

test('a cancellation between two looks says that the records are published', async () => {
  verify = notVisible('missing', 1_000);
  const cancelled = await attempted({ onStart: (cancel) => (clock.onWait = cancel) });
  expect(cancelled).toMatchObject({ code: 'cancelled', unfinished: { published: true } });
  expect(verifications).toHaveLength(1);
});

test('values that another writer removes are published again at the next look', async () => {
  verify = notVisible('seen');
  const first = await attempted();
  verify = notVisible('missing');
  const second = await attempted({ attempt: 2, heartbeatDetails: first.heartbeatDetails });
  expect(second).toMatchObject({ code: 'dns/notVisible', unfinished: { published: true } });
  expect(publications).toHaveLength(1);
  verify = () => Promise.resolve({ seenBy: ['resolver'] });
  const third = await attempted({ attempt: 3, heartbeatDetails: second.heartbeatDetails });
  expect(third).toMatchObject({ result: { seenBy: ['resolver'] } });
  expect(publications).toHaveLength(2);
  // As after a first publication.
  expect(verifications.at(-1)?.attempt).toBe(1);
});

test.each<OwnServers>(['unknown', 'missing'])(
  'values that no server has shown yet (%s) are not published again soon',
  async (ownServers) => {
    verify = notVisible(ownServers);
    const first = await attempted();
    await attempted({ attempt: 2, heartbeatDetails: first.heartbeatDetails });
    expect(publications).toHaveLength(1);
  },
);

test('values that the servers have not shown for a minute are published again', async () => {
  verify = notVisible('missing');
  const { heartbeatDetails: published } = await attempted();
  const heartbeatDetails = { ...(published as object), publishedAt: Date.now() - 61_000 };
  const second = await attempted({ attempt: 2, heartbeatDetails });
  await attempted({ attempt: 3, heartbeatDetails: second.heartbeatDetails });
  expect(publications).toHaveLength(2);
});

const persistent = (name: string): SealedTxtRecord => ({ name, value: 'ca.test; accounturi=a', persistent: true });
const known = (name: string): SealedTxtRecord => ({ ...persistent(name), published: true });

test('records of an earlier order that DNS has are not published', async () => {
  stands = () => ['resolver of records that stand'];
  const found = await attempted({}, { ...INPUT, records: [known('a'), known('b')] });
  expect(found).toMatchObject({ result: { seenBy: ['resolver of records that stand'] } });
  expect([publications, verifications]).toEqual([[], []]);
});

test('records of an earlier order that DNS does not have any more are published again', async () => {
  await attempted({}, { ...INPUT, records: [known('a')] });
  expect(publishedInputs.map(({ records }) => records)).toEqual([[known('a')]]);
});

test('DNS is asked only for records that were published, and those that are new are published', async () => {
  const asked: unknown[] = [];
  stands = (records) => {
    asked.push(records);
    return ['resolver'];
  };
  const records = [known('a'), persistent('b')];
  await attempted({}, { ...INPUT, records });
  expect(asked).toEqual([[known('a')]]);
  expect(publishedInputs.map((input) => input.records)).toEqual([[persistent('b')]]);
  expect(verifications.map(({ input }) => input.records)).toEqual([records]);
});

test('a record that does not stay is published, whatever its order says', async () => {
  stands = () => ['resolver'];
  const record: SealedTxtRecord = { name: 'a', value: 'v', published: true };
  await attempted({}, { ...INPUT, records: [record] });
  expect(publishedInputs.map(({ records }) => records)).toEqual([[record]]);
});
