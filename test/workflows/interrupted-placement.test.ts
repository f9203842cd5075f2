/** An attempt that placed an order, and was interrupted while it went on with it: what it may have left is not forgotten. */
import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import { expect, test } from 'vitest';
import type { UnfulfilledOrder } from '../../src/contract/activities/order.ts';
import type { SealedTxtRecord } from '../../src/contract/activities/txt-records.ts';
import { lastAttemptOf } from '../../src/contract/bundle-record.ts';
import { clusterObserved, renew } from '../../src/contract/cluster-certificates.ts';
import { clusterWorkflowId } from '../../src/contract/ids.ts';
import { eventually } from '../support/vitest/eventually.ts';
import { TEST_TIMEOUT_MS } from '../support/vitest/timeouts.ts';
import { clusterView } from '../support/workflows/cluster-views.ts';
import { untilReady, useWorkflowHarness, type WorkflowHarness } from '../support/workflows/use-harness.ts';

const withHarness = useWorkflowHarness();

const ORDER_URL = 'https://ca.test/order/1';
const RECORD: SealedTxtRecord = { name: '_acme-challenge.api.c1.example.com', value: 'of-order-1' };

/** The records of each withdrawal. */
function withdrawn({ doubles }: WorkflowHarness): readonly (readonly SealedTxtRecord[])[] {
  return doubles.calls.flatMap(({ activity, input }) =>
    activity === 'withdrawTxtRecords' ? [(input as { readonly records: readonly SealedTxtRecord[] }).records] : [],
  );
}

/** An order for one name, whose authorization is valid already. */
function orderAt(orderUrl: string): UnfulfilledOrder {
  return { orderUrl, expires: '2099-01-01T00:00:00.000Z', caHost: 'ca.test', challenges: [] };
}

test('its records are withdrawn, and its order is resumed, where no further attempt could place one', async () => {
  await withHarness(async (harness) => {
    const { doubles, env } = harness;
    doubles.override('placeOrder', () => {
      const failure = { code: 'acme/unreachable', message: 'The CA does not answer.', retry: 'transient' };
      const unfinished = { orderUrl: ORDER_URL, caHost: 'ca.test', records: [RECORD] };
      const { code: type, message } = failure;
      throw ApplicationFailure.create({ type, message, details: [failure, unfinished], nonRetryable: true });
    });
    const view = clusterView();
    await harness.start(view);
    const [failed] = await eventually(
      'the order has failed',
      async () => Object.values((await harness.status(view)).bundles),
      ([found]) => found !== undefined && lastAttemptOf(found) !== undefined,
    );
    expect(failed).toMatchObject({
      lastAttempt: { failure: { code: 'acme/unreachable' }, openOrder: ORDER_URL },
      unclaimedOrders: [ORDER_URL],
    });
    expect(withdrawn(harness)).toEqual([[RECORD]]);
    doubles.override('placeOrder', async ({ resume }) => orderAt(resume ?? 'https://ca.test/order/2'));
    await env.client.workflow.getHandle(clusterWorkflowId(view.identity)).executeUpdate(renew, { args: [{}] });
    await untilReady(harness, view);
    const { bundles } = await harness.status(view);
    expect(bundles['primary']?.issued.map(({ certificateUrl }) => certificateUrl)).toEqual([
      `${ORDER_URL}/certificate`,
    ]);
    expect(bundles['primary']?.unclaimedOrders ?? []).toEqual([]);
  });
});

test('its records are withdrawn, and its certificate is revoked, where the cluster is deleted while its worker dies', async () => {
  await withHarness(async (harness) => {
    const { doubles } = harness;
    doubles.override('placeOrder', async () => {
      const context = Context.current();
      // As one that has died by then: Temporal gives up waiting after ten seconds.
      context.heartbeat({ orderUrl: ORDER_URL, caHost: 'ca.test', records: [RECORD], step: 'finalizeOrder' });
      await context.sleep(TEST_TIMEOUT_MS);
      throw new Error('its worker has not ended');
    });
    const view = clusterView();
    const handle = await harness.start(view);
    await eventually('the order is being placed', async () => doubles.countOf('placeOrder'), Boolean);
    await handle.signal(clusterObserved, { ...view, deleting: true });
    await handle.result();
    expect(doubles.countOf('placeOrder')).toBe(1);
    expect(withdrawn(harness)).toEqual([[RECORD]]);
    const revocations = doubles.calls.filter(({ activity }) => activity === 'revokeCertificates');
    expect(revocations.map(({ input }) => input)).toEqual([expect.objectContaining({ orders: [ORDER_URL] })]);
  });
});

test('its records are withdrawn with those of the order that replaces it', async () => {
  await withHarness(async (harness) => {
    harness.doubles.override('placeOrder', async () => ({
      ...orderAt('https://ca.test/order/2'),
      leftRecords: [RECORD],
    }));
    harness.doubles.fulfillsWithPlacement = false;
    const view = clusterView();
    await harness.start(view);
    await untilReady(harness, view);
    expect(withdrawn(harness)).toEqual([[RECORD]]);
  });
});

test('records that an order could not withdraw, which its placement has fulfilled, are withdrawn by its workflow', async () => {
  await withHarness(async (harness) => {
    const { doubles } = harness;
    let attempts = 0;
    doubles.override('withdrawTxtRecords', ({ records }) => {
      attempts += 1;
      if (attempts === 1) throw ApplicationFailure.nonRetryable('not now', 'dns/unreachable');
      for (const { name, value } of records) doubles.published.delete(`${name} ${value}`);
      return Promise.resolve();
    });
    const view = clusterView();
    await harness.start(view);
    await untilReady(harness, view);
    expect(doubles.countOf('placeOrder')).toBe(1);
    expect(attempts).toBe(2);
    expect([...doubles.published]).toEqual([]);
  });
});
