/** After a failure at the production CA, the next order is proved at the staging CA. */
import { describe, expect, test } from 'vitest';
import type { ClusterView } from '../../src/clusters/cluster-view.ts';
import type { PlaceOrderInput } from '../../src/contract/activities/acme.ts';
import type { Activities } from '../../src/contract/activities.ts';
import { type BundleRecord, failureOf, nextAttemptOf } from '../../src/contract/bundle-record.ts';
import type { FailureCode } from '../../src/failures/failure.ts';
import { startTimeSkippingEnvironment } from '../support/temporal/temporal-server.ts';
import { eventually } from '../support/vitest/eventually.ts';
import { activityFailure } from '../support/workflows/activity-doubles.ts';
import { clusterView } from '../support/workflows/cluster-views.ts';
import { untilReady, useWorkflowHarness, type WorkflowHarness } from '../support/workflows/use-harness.ts';

const withHarness = useWorkflowHarness(startTimeSkippingEnvironment);
const DAY_MS = 86_400_000;

function fail({ doubles }: WorkflowHarness, activity: 'answerChallenges' | 'proveOrder', code: FailureCode): void {
  doubles.override(activity, () => Promise.reject(activityFailure(code, `a test of ${activity}`)));
}

async function untilFailed(harness: WorkflowHarness, view: ClusterView, attempts: number): Promise<BundleRecord> {
  const { bundles } = await eventually(
    `${attempts} failed attempts`,
    () => harness.status(view),
    (status) => {
      const record = status.bundles['primary'];
      return record?.state === 'Failing' && record.lastAttempt.attempts >= attempts;
    },
  );
  return bundles['primary'] as BundleRecord;
}

/** Passes the time until the next attempt. */
async function advance(harness: WorkflowHarness, view: ClusterView, record: BundleRecord): Promise<void> {
  await harness.untilAsleep(view);
  const now = await harness.env.currentTimeMs();
  await harness.advanceTime(Math.max(1_000, Date.parse(nextAttemptOf(record) ?? '') - now + 1_000));
}

/** The activities of orders so far. */
function steps({ doubles }: WorkflowHarness): readonly string[] {
  const ofOrders: readonly (keyof Activities)[] = ['placeOrder', 'proveOrder', 'installCertificate'];
  return doubles.calls
    .filter(({ activity }) => ofOrders.includes(activity))
    .map(({ activity, input }) =>
      activity === 'placeOrder'
        ? `place${(input as PlaceOrderInput).proveFirst === true ? ' to prove' : ''}`
        : activity,
    );
}

test('an order that is proved goes to the production CA at once, and nothing of the proof is left', () =>
  withHarness(async (harness) => {
    harness.doubles.stagingHost = 'staging.test';
    fail(harness, 'answerChallenges', 'acme/challengeFailed');
    const view = clusterView();
    await harness.start(view);
    const failed = await untilFailed(harness, view, 1);
    expect(steps(harness)).toEqual(['place']);
    harness.doubles.override('answerChallenges', undefined);
    await advance(harness, view, failed);
    await untilReady(harness, view);
    expect(steps(harness)).toEqual(['place', 'place to prove', 'proveOrder', 'place', 'installCertificate']);
    expect([...harness.doubles.published]).toEqual([]);
    expect(harness.doubles.calls.filter(({ activity }) => activity === 'withdrawTxtRecords').length).toBe(3);
    const { bundles } = await harness.status(view);
    expect(JSON.stringify(bundles)).not.toContain('staging');
  }));

test('what the staging CA refuses, the production CA is not asked; the fifth attempt is made there all the same', () =>
  withHarness(async (harness) => {
    harness.doubles.stagingHost = 'staging.test';
    fail(harness, 'answerChallenges', 'acme/challengeFailed');
    fail(harness, 'proveOrder', 'acme/challengeFailed');
    const view = clusterView();
    await harness.start(view);
    for (let attempts = 1; attempts <= 5; attempts += 1) {
      const failed = await untilFailed(harness, view, attempts);
      if (attempts > 1) expect(failureOf(failed)?.message).toBe('a test of proveOrder');
      await advance(harness, view, failed);
    }
    const failed = await untilFailed(harness, view, 6);
    expect(failureOf(failed)?.message).toBe('a test of answerChallenges');
    const proofs = Array.from({ length: 4 }, () => ['place to prove', 'proveOrder']).flat();
    expect(steps(harness)).toEqual(['place', ...proofs, 'place']);
    expect([...harness.doubles.published]).toEqual([]);
  }));

/** The second failure leaves the records of both orders, that of the proof and the one before. */
async function expectAllLeft(harness: WorkflowHarness, view: ClusterView): Promise<void> {
  const { leftoverRecords = [], dnsNames } = await untilFailed(harness, view, 2);
  const values = leftoverRecords.map(({ value }) => value);
  for (const name of dnsNames) {
    expect(values).toContain(`staging-proof-of-${name}`);
    expect(values).toContain(`proof-of-${name}`);
  }
}

test('records that neither the proof nor the order after it could withdraw are both known afterwards', () =>
  withHarness(async (harness) => {
    harness.doubles.stagingHost = 'staging.test';
    fail(harness, 'answerChallenges', 'acme/challengeFailed');
    const view = clusterView();
    await harness.start(view);
    const failed = await untilFailed(harness, view, 1);
    harness.doubles.override('withdrawTxtRecords', () =>
      Promise.reject(activityFailure('dns/accessDenied', 'no right')),
    );
    await advance(harness, view, failed);
    await expectAllLeft(harness, view);
  }));

test('records of an earlier order are not forgotten where a proof that is refused can withdraw none', () =>
  withHarness(async (harness) => {
    harness.doubles.stagingHost = 'staging.test';
    fail(harness, 'answerChallenges', 'acme/challengeFailed');
    fail(harness, 'proveOrder', 'acme/challengeFailed');
    harness.doubles.override('withdrawTxtRecords', () =>
      Promise.reject(activityFailure('dns/accessDenied', 'no right')),
    );
    const view = clusterView();
    await harness.start(view);
    const failed = await untilFailed(harness, view, 1);
    await advance(harness, view, failed);
    await expectAllLeft(harness, view);
  }));

describe('the production CA is asked at once', () => {
  test.each(['acme/unreachable', 'dns/caaForbids'] as const)('where the staging CA proves nothing: %s', (code) =>
    withHarness(async (harness) => {
      harness.doubles.stagingHost = 'staging.test';
      fail(harness, 'answerChallenges', 'acme/challengeFailed');
      fail(harness, 'proveOrder', code);
      const view = clusterView();
      await harness.start(view);
      const failed = await untilFailed(harness, view, 1);
      harness.doubles.override('answerChallenges', undefined);
      await advance(harness, view, failed);
      await untilReady(harness, view);
      expect(steps(harness)).toEqual(['place', 'place to prove', 'proveOrder', 'place', 'installCertificate']);
      expect([...harness.doubles.published]).toEqual([]);
    }),
  );

  test.each(['acme/rateLimited', 'dns/notVisible'] as const)('after %s', (code) =>
    withHarness(async (harness) => {
      harness.doubles.stagingHost = 'staging.test';
      fail(harness, 'answerChallenges', code);
      const view = clusterView();
      await harness.start(view);
      const failed = await untilFailed(harness, view, 1);
      harness.doubles.override('answerChallenges', undefined);
      await advance(harness, view, failed);
      await untilReady(harness, view);
      expect(steps(harness)).not.toContain('place to prove');
    }),
  );

  test('where the certificate in use is about to expire', () =>
    withHarness(async (harness) => {
      harness.doubles.stagingHost = 'staging.test';
      const view = clusterView();
      await harness.start(view);
      await untilReady(harness, view);
      fail(harness, 'answerChallenges', 'acme/challengeFailed');
      await harness.advanceTime(46 * DAY_MS);
      const failed = await untilFailed(harness, view, 1);
      await harness.advanceTime(40 * DAY_MS);
      await untilFailed(harness, view, failed.state === 'Failing' ? failed.lastAttempt.attempts + 4 : 2);
      expect(steps(harness).at(-1)).toBe('place');
    }));
});
