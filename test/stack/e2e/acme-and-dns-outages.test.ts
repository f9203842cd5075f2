/** Outages of the CA, Route 53 and DNS: reported on the resources meanwhile, and issuance continues without intervention afterwards. */
import { expect, test } from 'vitest';
import { issuanceWorkflowId } from '../../../src/contract/ids.ts';
import { waitFor, waitForTxtRemoval } from '../../support/e2e/checks.ts';
import { createCluster, deleteCluster, type E2eCluster } from '../../support/e2e/clusters.ts';
import {
  caLog,
  expectDecommissioned,
  expectIdle,
  getRequest,
  statusOf,
  waitUntilCertified,
} from '../../support/e2e/evidence.ts';
import { useE2eHarness } from '../../support/e2e/harness.ts';

const lab = useE2eHarness();

const sleep = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function failingCondition(cluster: E2eCluster): Promise<string> {
  const status = (await getRequest(lab(), cluster))?.['status'] as
    | { readonly conditions?: readonly { readonly type: string; readonly status: string; readonly reason: string }[] }
    | undefined;
  const failing = status?.conditions?.find(({ type }) => type === 'Failing');
  return failing?.status === 'True' ? failing.reason : 'none';
}

/** Waits until its first order, which is placed, has failed to be fulfilled as often as there are attempts before this one. */
async function waitForAttempt({ identity }: E2eCluster, attempt: number): Promise<void> {
  const order = lab().client.workflow.getHandle(issuanceWorkflowId(identity, 'primary', 1));
  await waitFor(`attempt ${attempt} to fulfil the order`, async () => {
    const description = await order.describe().catch(() => undefined);
    const pending = description?.raw.pendingActivities?.find(
      ({ activityType }) => activityType?.name === 'fulfillOrder',
    );
    const seen = Number(pending?.attempt ?? 0);
    return seen >= attempt ? {} : `attempt ${seen}`;
  });
}

test('a CA outage is reported on the resource, and issuance and revocation continue once the CA is back', async () => {
  const doomed = await createCluster(lab(), 'ca-doomed');
  const { serialNumber } = await waitUntilCertified(lab(), doomed);
  lab().ca.down();
  const waiting = await createCluster(lab(), 'ca-waiting');
  await deleteCluster(lab(), doomed);
  await waitFor('the request reports the outage', async () => {
    const reason = await failingCondition(waiting);
    return reason === 'AcmeUnreachable' ? {} : `its reason is ${reason}`;
  });
  lab().ca.up();
  await waitUntilCertified(lab(), waiting);
  await expectDecommissioned(lab(), doomed, { revoked: [serialNumber] });
});

test('requests to a CA that accepts connections but never answers time out and are retried', async () => {
  const before = lab().ca.seen.length;
  const hanging = lab().ca.inject({ when: () => true, fault: { kind: 'hang' } });
  const waiting = await createCluster(lab(), 'ca-hangs');
  await waitFor('the CA receives a request', async () => (lab().ca.seen.length > before ? {} : 'it has not'));
  await sleep(3_000);
  hanging.remove();
  await waitUntilCertified(lab(), waiting);
});

test('a Route 53 outage during an order delays it: TXT records are published and withdrawn once Route 53 is back', async () => {
  const before = (await caLog(lab())).orders;
  lab().route53.down();
  const waiting = await createCluster(lab(), 'dns-waiting');
  await waitForAttempt(waiting, 2);
  lab().route53.up();
  await waitUntilCertified(lab(), waiting);
  await waitForTxtRemoval(lab().stack, waiting);
  expect((await caLog(lab())).orders).toBe(before + 1);
});

test('challenges are not answered while DNS resolvers are unavailable', async () => {
  await lab().stack.part('coredns').stop();
  const challenges = () => lab().ca.seen.filter(({ path }) => path.startsWith('/chalZ/')).length;
  const before = challenges();
  const waiting = await createCluster(lab(), 'doh-waiting');
  await waitForAttempt(waiting, 3);
  expect((await statusOf(lab(), waiting)).bundles['primary']?.state).toBe('Issuing');
  expect(challenges()).toBe(before);
  await lab().stack.part('coredns').start();
  await waitUntilCertified(lab(), waiting);
});

test('after the outages no issuance is running and the first worker is ready', () => expectIdle(lab()));
