/** A standalone request proves each name with its own credentials before the CA is asked for an order. */
import { expect, test } from 'vitest';
import type { ClusterView } from '../../src/clusters/cluster-view.ts';
import type { PlaceOrderInput } from '../../src/contract/activities/acme.ts';
import type { TxtRecordsInput } from '../../src/contract/activities/dns.ts';
import { failureOf, nextAttemptOf } from '../../src/contract/bundle-record.ts';
import { clusterObserved, dependencyChanged } from '../../src/contract/cluster-certificates.ts';
import { eventually } from '../support/vitest/eventually.ts';
import { activityFailure } from '../support/workflows/activity-doubles.ts';
import { bundleView, clusterView } from '../support/workflows/cluster-views.ts';
import { untilReady, useWorkflowHarness, type WorkflowHarness } from '../support/workflows/use-harness.ts';

const withHarness = useWorkflowHarness();

function standalone(change: Partial<ClusterView> = {}): ClusterView {
  const view = clusterView();
  return {
    ...view,
    identity: { ...view.identity, kind: 'CertificateRequest' },
    bundles: [{ ...bundleView('primary', 'shop.example.com'), requestName: 'shop' }],
    ...change,
  };
}

const STEPS = ['publishTxtRecords', 'verifyPropagation', 'placeOrder', 'answerChallenges', 'finalizeOrder'];

const stepsOf = (harness: WorkflowHarness) =>
  harness.doubles.calls.map(({ activity }) => activity).filter((activity) => STEPS.includes(activity));

async function untilState(harness: WorkflowHarness, view: ClusterView, states: readonly string[]) {
  const { bundles } = await eventually(
    states.join(' or '),
    () => harness.status(view),
    (status) => states.includes(status.bundles['primary']?.state ?? ''),
  );
  const record = bundles['primary'];
  if (record === undefined) throw new Error('no record');
  return record;
}

test('with a record for each order, published and verified first, and withdrawn at the end', async () => {
  await withHarness(async (harness) => {
    const view = standalone();
    await harness.start(view);
    await untilReady(harness, view);
    expect(stepsOf(harness)).toEqual([
      'publishTxtRecords',
      'verifyPropagation',
      'placeOrder',
      'publishTxtRecords',
      'verifyPropagation',
      'answerChallenges',
      'finalizeOrder',
    ]);
    const published = harness.doubles.calls.filter(({ activity }) => activity === 'publishTxtRecords');
    const [ownership, challenge] = published.map(({ input }) => (input as TxtRecordsInput).records);
    expect(ownership).toEqual([
      {
        name: '_acme-challenge.shop.example.com',
        value: expect.stringMatching(new RegExp(`^certman-order=${view.identity.uid}/`)),
        // Its owner tag is made from it when it is published.
        expires: expect.stringMatching(/^\d{4}-/),
      },
    ]);
    expect(challenge?.map(({ value }) => value)).toEqual(['proof-of-shop.example.com']);
    expect(harness.doubles.published.size).toBe(0);
    const order = harness.doubles.calls.find(({ activity }) => activity === 'placeOrder')?.input as PlaceOrderInput;
    const { dnsNames } = order;
    const proof = { verifiedAt: expect.any(String) as string, seal: dnsNames.join() };
    expect(order.ownershipProof).toEqual(proof);
    const finalized = harness.doubles.calls.find(({ activity }) => activity === 'finalizeOrder');
    expect(finalized?.input).toMatchObject({ ownershipProof: proof });
  });
});

test.each(['publishTxtRecords', 'verifyPropagation'] as const)(
  'and orders nothing when %s fails, again and again',
  async (step) => {
    await withHarness(async (harness) => {
      const view = standalone();
      harness.doubles.override(step, () => Promise.reject(activityFailure('dns/credentialsMissing', 'no Secret')));
      await harness.start(view);
      await untilState(harness, view, ['Waiting', 'Failing']);
      expect(harness.doubles.countOf('placeOrder')).toBe(0);
      expect(harness.doubles.countOf('withdrawTxtRecords')).toBe(1);
      expect(harness.doubles.published.size).toBe(0);
    });
  },
);

test('and waits for its turn where its namespace has ordered as much as it may', async () => {
  await withHarness(async (harness) => {
    const view = standalone();
    const turn = new Date(Date.now() + 86_400_000);
    harness.doubles.override('placeOrder', () =>
      Promise.reject(activityFailure('rateLimit/namespace', 'as many as they may', turn)),
    );
    await harness.start(view);
    const record = await untilState(harness, view, ['Waiting']);
    expect(failureOf(record)?.code).toBe('rateLimit/namespace');
    expect(nextAttemptOf(record)).toBe(turn.toISOString());
    expect(harness.doubles.published.size).toBe(0);
  });
});

test('where none is served, its status says so; one that is served again goes on', async () => {
  await withHarness(async (harness) => {
    const view = standalone({ standaloneRequestsOff: true });
    const handle = await harness.start(view);
    await untilState(harness, view, ['Paused']);
    const report = await eventually(
      'the report',
      async () => harness.doubles.reports.at(-1),
      (found) => found?.event?.reason === 'StandaloneRequestsOff',
    );
    expect(report?.conditions).toContainEqual(
      expect.objectContaining({
        type: 'Ready',
        status: 'False',
        reason: 'Paused',
        message: expect.stringContaining('CERTMAN_STANDALONE_REQUESTS=on') as string,
      }),
    );
    expect(harness.doubles.countOf('applyCertificateRequest')).toBe(0);
    await handle.signal(clusterObserved, { ...view, standaloneRequestsOff: undefined });
    await untilReady(harness, view);
  });
});

test('an order is a renewal of what certman issued, but not of a certificate that a user has put into the Secret', async () => {
  await withHarness(async (harness) => {
    const view = standalone();
    const now = await harness.env.currentTimeMs();
    const at = (days: number): string => new Date(now + days * 86_400_000).toISOString();
    const certificate = {
      serialNumber: '7',
      issuerName: 'Made by hand',
      notBefore: at(-90),
      notAfter: at(1),
      dnsNames: ['shop.example.com'],
      fingerprint: 'f',
    };
    harness.doubles.secrets.set('primary-cert', { kind: 'valid', certificate });
    const request = await harness.start(view);
    await untilReady(harness, view);
    await harness.untilAsleep(view);
    harness.doubles.secrets.clear();
    await request.signal(dependencyChanged, { what: 'a test' });
    await eventually(
      'ordered again',
      async () => harness.doubles.issued.length,
      (issued) => issued === 2,
    );
    const orders = harness.doubles.calls.filter(({ activity }) => activity === 'placeOrder');
    expect(orders.map(({ input }) => (input as PlaceOrderInput).renewal)).toEqual([undefined, true]);
  });
});
