/** An order is on record at Temporal as soon as the CA has said its URL, so that the death of the worker right after costs none. */
import { defaultPayloadConverter } from '@temporalio/common';
import { expect, test } from 'vitest';
import { issuanceWorkflowId } from '../../../src/contract/ids.ts';
import { waitFor } from '../../support/e2e/checks.ts';
import { createCluster } from '../../support/e2e/clusters.ts';
import { caLog, untilCertified } from '../../support/e2e/evidence.ts';
import { useE2eHarness } from '../../support/e2e/harness.ts';

const lab = useE2eHarness();

/** The activity has heartbeated by then, so that a throttle of its heartbeats would hold the next one back. */
const SLOW_CA_MS = 3_400;
/** By default the SDK holds a heartbeat back for four fifths of the heartbeat time-out of ten seconds. */
const THROTTLE_MS = 8_000;

test('a worker killed just after a slow CA took the order: the next one goes on with that order', async () => {
  const before = (await caLog(lab())).orders;
  lab().ca.inject({
    when: ({ path }) => path.startsWith('/order-plz'),
    fault: { kind: 'delay', milliseconds: SLOW_CA_MS },
    times: 1,
  });
  const held = lab().ca.inject({ when: ({ path }) => path.startsWith('/authZ/'), fault: { kind: 'hang' } });
  const cluster = await createCluster(lab(), 'slow-ca');
  await waitFor('the worker has heard of the order', async () => (held.hits() > 0 ? {} : 'it has not'));
  const [asked] = lab().ca.seen.filter(({ path }) => path.startsWith('/authZ/'));
  const order = lab().client.workflow.getHandle(issuanceWorkflowId(cluster.identity, 'primary', 1));
  const recordedAt = await waitFor('the order is on record', async () => {
    const { raw } = await order.describe();
    const [placing] = raw.pendingActivities ?? [];
    const payload = placing?.heartbeatDetails?.payloads?.[0];
    const details = payload
      ? defaultPayloadConverter.fromPayload<{ readonly orderUrl?: string } | null>(payload)
      : null;
    if (details?.orderUrl === undefined) return 'it is not';
    const { seconds, nanos } = placing?.lastHeartbeatTime ?? {};
    return { ms: Number(seconds ?? 0) * 1_000 + (nanos ?? 0) / 1_000_000 };
  });
  await lab().workers()[0]?.kill();
  expect(recordedAt.ms - (performance.timeOrigin + (asked?.at ?? 0))).toBeLessThan(THROTTLE_MS / 2);
  held.remove();
  await lab().startWorker({ name: 'next' });
  await untilCertified(lab(), cluster);
  expect((await caLog(lab())).orders).toBe(before + 1);
});
