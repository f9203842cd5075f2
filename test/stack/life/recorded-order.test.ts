/** An order is on record at Temporal as soon as the CA has said its URL, so that the death of the worker right after costs none. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { within } from '../../support/checks.ts';
import { newCluster } from '../../support/life-clusters.ts';
import { caLog, untilCertified } from '../../support/life-evidence.ts';
import { useLifeLab } from '../../support/life-lab.ts';

const lab = useLifeLab();

/** The activity has heartbeated by then, so that a throttle of its heartbeats would hold the next one back. */
const SLOW_CA_MS = 3_400;
/** Much longer than the way to Temporal, much shorter than from one heartbeat to the next. */
const THEN_KILLED_MS = 600;

test('a worker killed just after a slow CA took the order: the next one goes on with that order', async () => {
  const before = (await caLog(lab())).orders;
  lab().ca.inject({
    when: ({ path }) => path.startsWith('/order-plz'),
    fault: { kind: 'delay', milliseconds: SLOW_CA_MS },
    times: 1,
  });
  const held = lab().ca.inject({ when: ({ path }) => path.startsWith('/authZ/'), fault: { kind: 'hang' } });
  const cluster = await newCluster(lab(), 'slow-ca');
  await within('the worker has heard of the order', async () => (held.hits() > 0 ? {} : 'it has not'));
  await sleep(THEN_KILLED_MS);
  await lab().workers()[0]?.kill();
  held.remove();
  await lab().startWorker({ name: 'next' });
  await untilCertified(lab(), cluster);
  expect((await caLog(lab())).orders).toBe(before + 1);
});
