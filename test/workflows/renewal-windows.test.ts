import { expect, test } from 'vitest';
import { dependencyChanged, renew } from '../../src/contract/cluster-certificates.ts';
import { CertReason } from '../../src/contract/search-attributes.ts';
import { startTimeSkippingEnvironment } from '../support/temporal/temporal-server.ts';
import { eventually } from '../support/vitest/eventually.ts';
import { clusterView } from '../support/workflows/cluster-views.ts';
import { useWorkflowHarness, type WorkflowHarness } from '../support/workflows/use-harness.ts';

const DAY_MS = 86_400_000;

const withHarness = useWorkflowHarness(startTimeSkippingEnvironment);

async function issuedCount({ doubles }: WorkflowHarness, count: number): Promise<void> {
  await eventually(
    `${count} certificates`,
    async () => doubles.issued.length,
    (issued) => issued === count,
  );
}

/** Days that the first certificate was in use. */
function daysInUse({ doubles: { issued } }: WorkflowHarness): number {
  const [before, last] = issued;
  return (Date.parse(last?.notBefore ?? '') - Date.parse(before?.notBefore ?? '')) / DAY_MS;
}

async function reasonOfRenewing({ doubles }: WorkflowHarness, reason: string): Promise<void> {
  await eventually(
    `Renewing has the reason ${reason}`,
    async () => doubles.reports.at(-1)?.conditions.find(({ type }) => type === 'Renewing'),
    (condition) => condition?.reason === reason,
  );
}

/** From so many days after now. */
async function freeze({ env }: WorkflowHarness, fromDay: number, toDay: number) {
  const now = await env.currentTimeMs();
  const at = (day: number): string => new Date(now + day * DAY_MS).toISOString();
  return { name: 'launch', from: at(fromDay), to: at(toDay) };
}

test('a renewal waits for the end of a freeze, says so once, and sleeps meanwhile', async () => {
  await withHarness(async (harness) => {
    const { doubles } = harness;
    doubles.renewalWindows = { freezes: [await freeze(harness, 40, 50)] };
    const view = clusterView();
    const handle = await harness.start(view);
    await issuedCount(harness, 1);
    await harness.advanceTime(46 * DAY_MS);
    await reasonOfRenewing(harness, 'Frozen');
    expect(doubles.reports.at(-1)).toMatchObject({ state: 'Ready', event: { reason: 'RenewalPostponed' } });
    expect((await handle.describe()).typedSearchAttributes.get(CertReason)).toBe('Frozen');
    const until = doubles.reports.at(-1)?.renewalTime;
    const evaluations = doubles.countOf('applyCertificateRequests');
    await harness.untilAsleep(view);
    await handle.signal(dependencyChanged, { what: 'something else' });
    await eventually(
      'evaluated again',
      async () => doubles.countOf('applyCertificateRequests'),
      (count) => count === evaluations + 1,
    );
    await reasonOfRenewing(harness, 'Frozen');
    await harness.untilAsleep(view);
    expect(doubles.reports.at(-1)?.renewalTime).toBe(until);
    expect(doubles.reports.filter(({ event }) => event?.reason === 'RenewalPostponed')).toHaveLength(1);
    await harness.advanceTime(2 * DAY_MS);
    expect(doubles.issued).toHaveLength(1);
    expect(doubles.countOf('applyCertificateRequests')).toBe(evaluations + 1);
    await harness.advanceTime(3 * DAY_MS);
    await issuedCount(harness, 2);
    expect(daysInUse(harness)).toBeGreaterThanOrEqual(50);
    expect(daysInUse(harness)).toBeLessThan(51.1);
    await reasonOfRenewing(harness, 'Scheduled');
  });
});

test('a freeze that lasts too long is not waited for: 27 to 28 of 90 days are then left', async () => {
  await withHarness(async (harness) => {
    harness.doubles.renewalWindows = { freezes: [await freeze(harness, 1, 300)] };
    await harness.start(clusterView());
    await issuedCount(harness, 1);
    await harness.advanceTime(61.9 * DAY_MS);
    expect(harness.doubles.issued).toHaveLength(1);
    await harness.advanceTime(3 * DAY_MS);
    await issuedCount(harness, 2);
    // Up to a day earlier than 63, by its place among those that wait as long.
    expect(daysInUse(harness)).toBeGreaterThan(61.9);
    expect(daysInUse(harness)).toBeLessThan(63.1);
    const reasons = harness.doubles.reports.map(({ event }) => event?.reason);
    expect(reasons).not.toContain('ExpiryNear');
  });
});

test('windows that change while a renewal waits take effect at the signal', async () => {
  await withHarness(async (harness) => {
    const { doubles } = harness;
    const view = clusterView();
    doubles.renewalWindows = { freezes: [await freeze(harness, 40, 60)] };
    const handle = await harness.start(view);
    await issuedCount(harness, 1);
    await harness.advanceTime(46 * DAY_MS);
    await reasonOfRenewing(harness, 'Frozen');
    doubles.renewalWindows = {
      windows: [{ name: 'leap-years', schedule: '0 0 29 2 *', duration: '1d' }],
    };
    await harness.untilAsleep(view);
    await handle.signal(dependencyChanged, { what: 'the renewal windows' });
    await reasonOfRenewing(harness, 'OutsideWindow');
    await harness.untilAsleep(view);
    expect(doubles.reports.filter(({ event }) => event?.reason === 'RenewalPostponed')).toHaveLength(2);
    doubles.renewalWindows = {};
    await handle.signal(dependencyChanged, { what: 'the renewal windows' });
    await issuedCount(harness, 2);
    expect(daysInUse(harness)).toBeLessThan(47);
  });
});

test('an operator renews what waits, at once', async () => {
  await withHarness(async (harness) => {
    const view = clusterView();
    harness.doubles.renewalWindows = { freezes: [await freeze(harness, 40, 60)] };
    const handle = await harness.start(view);
    await issuedCount(harness, 1);
    await harness.advanceTime(46 * DAY_MS);
    await reasonOfRenewing(harness, 'Frozen');
    await harness.untilAsleep(view);
    await handle.executeUpdate(renew, { args: [{}] });
    expect(harness.doubles.issued).toHaveLength(2);
  });
});

test('a retry waits for the window as well, and what failed stays on the resource', async () => {
  await withHarness(async (harness) => {
    const { doubles } = harness;
    const view = clusterView();
    const handle = await harness.start(view);
    await issuedCount(harness, 1);
    doubles.failOrders('acme/orderInvalid', 'The CA says no.');
    await harness.advanceTime(45 * DAY_MS);
    await eventually(
      'it fails',
      async () => doubles.reports.at(-1)?.state,
      (state) => state === 'Failing',
    );
    doubles.override('placeOrder', undefined);
    doubles.renewalWindows = { freezes: [await freeze(harness, -1, 3)] };
    await harness.untilAsleep(view);
    await handle.signal(dependencyChanged, { what: 'the renewal windows' });
    await reasonOfRenewing(harness, 'Frozen');
    const { state, nextAttempt, conditions = [] } = doubles.reports.at(-1) ?? {};
    expect(state).toBe('Failing');
    expect(conditions.find(({ type }) => type === 'Failing')).toMatchObject({
      status: 'True',
      reason: 'AcmeOrderInvalid',
    });
    expect(Date.parse(nextAttempt ?? '') - (await harness.env.currentTimeMs())).toBeGreaterThan(2 * DAY_MS);
    expect(doubles.issued).toHaveLength(1);
    await harness.advanceTime(5 * DAY_MS);
    await issuedCount(harness, 2);
    expect(daysInUse(harness)).toBeGreaterThan(47);
  });
});
