/** The order's URL is in a heartbeat as soon as the CA returns it, so that a worker killed right afterwards costs no order. */
import { defaultPayloadConverter } from '@temporalio/common';
import { expect, test } from 'vitest';
import { issuanceWorkflowId } from '../../../src/contract/ids.ts';
import { waitFor } from '../../support/e2e/checks.ts';
import { createCluster } from '../../support/e2e/clusters.ts';
import { caLog, waitUntilCertified } from '../../support/e2e/evidence.ts';
import { useE2eHarness } from '../../support/e2e/harness.ts';

const lab = useE2eHarness();

/** Of the activity. */
const HEARTBEAT_INTERVAL_MS = 3_000;
/** By then the activity has sent a heartbeat, so that the SDK could throttle the next one. */
const SLOW_CA_MS = HEARTBEAT_INTERVAL_MS + 400;
/** By default the SDK throttles heartbeats to four fifths of the heartbeat timeout of ten seconds. */
const THROTTLE_MS = 8_000;

test('after a worker is killed right after the CA accepted an order, the next worker continues that order', async () => {
  const before = (await caLog(lab())).orders;
  lab().ca.inject({
    when: ({ path }) => path.startsWith('/order-plz'),
    fault: { kind: 'delay', milliseconds: SLOW_CA_MS },
    times: 1,
  });
  const held = lab().ca.inject({ when: ({ path }) => path.startsWith('/authZ/'), fault: { kind: 'hang' } });
  const cluster = await createCluster(lab(), 'slow-ca');
  await waitFor('the worker has the order URL', async () => (held.hits() > 0 ? {} : 'it has not'));
  const order = lab().client.workflow.getHandle(issuanceWorkflowId(cluster.identity, 'primary', 1));
  const recorded = await waitFor('the order URL is in the heartbeat', async () => {
    const { raw } = await order.describe();
    const [placing] = raw.pendingActivities ?? [];
    const payload = placing?.heartbeatDetails?.payloads?.[0];
    const details = payload
      ? defaultPayloadConverter.fromPayload<{ readonly orderUrl?: string } | null>(payload)
      : null;
    if (details?.orderUrl === undefined) return 'it is not';
    return { at: millisecondsOf(placing?.lastHeartbeatTime) };
  });
  await lab().workers()[0]?.kill();
  // It is sent before the next request to the CA. A throttled one would follow the last one before it, at most an interval ago.
  const next = lab().ca.seen.find(({ path }) => path.startsWith('/authZ/'));
  const sentAt = performance.timeOrigin + (next?.at ?? Number.NaN);
  expect(recorded.at).toBeLessThan(sentAt + THROTTLE_MS - HEARTBEAT_INTERVAL_MS);
  held.remove();
  await lab().startWorker({ name: 'next' });
  await waitUntilCertified(lab(), cluster);
  expect((await caLog(lab())).orders).toBe(before + 1);
});

interface Timestamp {
  readonly seconds?: { toString(): string } | null;
  readonly nanos?: number | null;
}

function millisecondsOf(time: Timestamp | null | undefined): number {
  return Number(time?.seconds ?? 0) * 1_000 + (time?.nanos ?? 0) / 1_000_000;
}
