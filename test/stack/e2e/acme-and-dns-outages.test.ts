/** The CA, Route 53 and DNS away for a while and back: said on the resources meanwhile, and gone on with by itself. */
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
  untilCertified,
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

test('the CA away: said on the resource, and issued and revoked once it is back', async () => {
  const doomed = await createCluster(lab(), 'ca-doomed');
  const { serialNumber } = await untilCertified(lab(), doomed);
  lab().ca.down();
  const waiting = await createCluster(lab(), 'ca-waiting');
  await deleteCluster(lab(), doomed);
  await waitFor('the request says so', async () => {
    const reason = await failingCondition(waiting);
    return reason === 'AcmeUnreachable' ? {} : `it says ${reason}`;
  });
  lab().ca.up();
  await untilCertified(lab(), waiting);
  await expectDecommissioned(lab(), doomed, { revoked: [serialNumber] });
});

test('a CA that takes connections and never answers is not waited for without end', async () => {
  const before = lab().ca.seen.length;
  const hanging = lab().ca.inject({ when: () => true, fault: { kind: 'hang' } });
  const waiting = await createCluster(lab(), 'ca-hangs');
  await waitFor('the CA is asked', async () => (lab().ca.seen.length > before ? {} : 'it is not'));
  await sleep(3_000);
  hanging.remove();
  await untilCertified(lab(), waiting);
});

test('Route 53 away in the middle of orders: the records come and go once it is back', async () => {
  const before = (await caLog(lab())).orders;
  lab().route53.down();
  const waiting = await createCluster(lab(), 'dns-waiting');
  await waitFor('the order is placed', async () => ((await caLog(lab())).orders > before ? {} : 'it is not'));
  await sleep(10_000);
  lab().route53.up();
  await untilCertified(lab(), waiting);
  await waitForTxtRemoval(lab().stack, waiting);
  expect((await caLog(lab())).orders).toBe(before + 1);
});

test('DNS resolvers away: the CA is not asked to look before they are back', async () => {
  await lab().stack.part('coredns').stop();
  const challenges = () => lab().ca.seen.filter(({ path }) => path.startsWith('/chalZ/')).length;
  const before = challenges();
  const waiting = await createCluster(lab(), 'doh-waiting');
  const order = lab().client.workflow.getHandle(issuanceWorkflowId(waiting.identity, 'primary', 1));
  await waitFor('DNS was asked in vain, and again', async () => {
    const description = await order.describe().catch(() => undefined);
    const looks = description?.raw.pendingActivities?.find(
      ({ activityType }) => activityType?.name === 'verifyPropagation',
    );
    return Number(looks?.attempt ?? 0) > 2 ? {} : `attempt ${looks?.attempt ?? 0}`;
  });
  expect((await statusOf(lab(), waiting)).bundles['primary']?.state).toBe('Issuing');
  expect(challenges()).toBe(before);
  await lab().stack.part('coredns').start();
  await untilCertified(lab(), waiting);
});

test('of all this nothing is stuck, and the worker is the one that began', () => expectIdle(lab()));
