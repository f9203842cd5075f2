/** What an unsuccessful issuance leaves is recorded, and cleaned up by the decommission. */
import { expect, test } from 'vitest';
import type { ClusterView } from '../../src/clusters/cluster-view.ts';
import type { RevokeCertificatesInput } from '../../src/contract/activities/acme.ts';
import { clusterObserved, dependencyChanged, renew } from '../../src/contract/cluster-certificates.ts';
import { untilCancelled } from '../support/temporal/until-cancelled.ts';
import { eventually } from '../support/vitest/eventually.ts';
import { type ActivityDoubles, activityFailure } from '../support/workflows/activity-doubles.ts';
import { bundleView, clusterView } from '../support/workflows/cluster-views.ts';
import { useWorkflowHarness, type WorkflowHarness } from '../support/workflows/use-harness.ts';

const withHarness = useWorkflowHarness();

/** The CA never finishes an order. @returns whether one has been finalized. */
function neverIssued(doubles: ActivityDoubles): () => Promise<boolean> {
  let asked = false;
  doubles.override('finalizeOrder', () => {
    asked = true;
    return untilCancelled();
  });
  return () => Promise.resolve(asked);
}

function revocations(doubles: ActivityDoubles): readonly RevokeCertificatesInput[] {
  return doubles.calls
    .filter(({ activity }) => activity === 'revokeCertificates')
    .map(({ input }) => input as RevokeCertificatesInput);
}

function waitForState(harness: WorkflowHarness, view: ClusterView, state: string): Promise<unknown> {
  return eventually(
    state,
    () => harness.status(view),
    ({ bundles }) => bundles['primary']?.state === state,
  );
}

test('an order whose certificate was not installed is revoked by the decommission', async () => {
  await withHarness(async (harness) => {
    const view = clusterView();
    const asked = neverIssued(harness.doubles);
    const handle = await harness.start(view);
    await eventually('the CA is asked', asked, Boolean);
    await handle.signal(clusterObserved, { ...view, deleting: true });
    await handle.result();
    expect(revocations(harness.doubles)).toMatchObject([{ orders: ['https://ca.test/order/1'] }]);
  });
});

test('an order that was cancelled for other names is still recorded after the next one succeeded', async () => {
  await withHarness(async (harness) => {
    const view = clusterView({ bundles: [bundleView('primary', 'wrong.example.com')] });
    const asked = neverIssued(harness.doubles);
    const handle = await harness.start(view);
    await eventually('the CA is asked', asked, Boolean);
    harness.doubles.override('finalizeOrder', undefined);
    const right = { ...view, bundles: [bundleView('primary', 'right.example.com')] };
    await handle.signal(clusterObserved, right);
    await waitForState(harness, view, 'Ready');
    // By the run that is its trace: a workflow task that Temporal repeats reports its end again.
    const endOf = new Map(harness.issuanceEnds.map(({ runId, outcome }) => [runId, outcome]));
    expect([...endOf.values()]).toEqual(['cancelled', 'issued']);
    await handle.signal(clusterObserved, { ...right, deleting: true });
    await handle.result();
    expect(revocations(harness.doubles)).toMatchObject([{ orders: ['https://ca.test/order/1'], issued: [{}] }]);
  });
});

test('an order that failed after the CA was asked is forgotten once its certificate is in its Secret', async () => {
  await withHarness(async (harness) => {
    const view = clusterView();
    harness.doubles.override('finalizeOrder', () =>
      Promise.reject(activityFailure('acme/serverError', 'the CA stumbles')),
    );
    const handle = await harness.start(view);
    await waitForState(harness, view, 'Failing');
    expect((await harness.status(view)).bundles['primary']?.unclaimedOrders).toEqual(['https://ca.test/order/1']);
    harness.doubles.override('finalizeOrder', undefined);
    await handle.signal(dependencyChanged, { what: 'The CA is back.' });
    await waitForState(harness, view, 'Ready');
    expect((await harness.status(view)).bundles['primary']?.unclaimedOrders).toBeUndefined();
  });
});

test('an order whose names the CA could not validate leaves no records, and no certificate that may exist', async () => {
  await withHarness(async (harness) => {
    const view = clusterView();
    harness.doubles.override('answerChallenges', () =>
      Promise.reject(activityFailure('acme/challengeFailed', 'the CA saw no record')),
    );
    await harness.start(view);
    await waitForState(harness, view, 'Failing');
    expect(harness.doubles.published.size).toBe(0);
    expect((await harness.status(view)).bundles['primary']).not.toHaveProperty('unclaimedOrders');
  });
});

test('records that a cancelled order could not withdraw are withdrawn before the finalizer is removed', async () => {
  await withHarness(async (harness) => {
    const view = clusterView();
    const pending = Object.assign(activityFailure('dns/notVisible', 'not visible yet'), { nonRetryable: false });
    harness.doubles.override('verifyPropagation', () => Promise.reject(pending));
    harness.doubles.override('withdrawTxtRecords', () =>
      Promise.reject(activityFailure('dns/accessDenied', 'AWS refuses')),
    );
    const handle = await harness.start(view);
    await eventually(
      'published',
      () => Promise.resolve(harness.doubles.published.size),
      (count) => count === 2,
    );
    await handle.signal(clusterObserved, { ...view, deleting: true });
    await eventually(
      'reported',
      () => Promise.resolve(harness.doubles.reports.map(({ event }) => event?.reason)),
      (reasons) => reasons.includes('DecommissionBlocked'),
    );
    expect(harness.doubles.countOf('removeFinalizer')).toBe(0);
    // A leftover record does not prevent the revocation.
    expect(harness.doubles.countOf('revokeCertificates')).toBe(1);
    harness.doubles.override('withdrawTxtRecords', undefined);
    await handle.signal(dependencyChanged, { what: 'The credentials were corrected.' });
    await handle.result();
    expect(harness.doubles.published.size).toBe(0);
  });
});

test('an order that could not publish its records does not block the decommission', async () => {
  await withHarness(async (harness) => {
    const view = clusterView();
    const refuse = (): Promise<never> =>
      Promise.reject(activityFailure('dns/credentialsMissing', 'The Secret aws is missing.'));
    harness.doubles.override('publishTxtRecords', refuse);
    harness.doubles.override('withdrawTxtRecords', refuse);
    const handle = await harness.start(view);
    await waitForState(harness, view, 'Waiting');
    await handle.signal(clusterObserved, { ...view, deleting: true });
    expect(await handle.result()).toMatchObject({ finalizerRemoved: true });
  });
});

test('an order that was cancelled before it could report that it cannot publish does not block the decommission', async () => {
  await withHarness(async (harness) => {
    const view = clusterView();
    let publishing = false;
    // As an activity that no worker has started: its cancellation says nothing about what it sent.
    harness.doubles.override('publishTxtRecords', async () => {
      publishing = true;
      return await untilCancelled();
    });
    const missing = activityFailure('dns/credentialsMissing', 'The request names no Secret.');
    const info = { code: 'dns/credentialsMissing', message: missing.message, retry: 'onChange', neverSent: true };
    harness.doubles.override('withdrawTxtRecords', () => Promise.reject(Object.assign(missing, { details: [info] })));
    const handle = await harness.start(view);
    await eventually('publishing', () => Promise.resolve(publishing), Boolean);
    await handle.signal(clusterObserved, { ...view, deleting: true });
    expect(await handle.result()).toMatchObject({ finalizerRemoved: true });
  });
});

test('published records block the decommission, even if the withdrawal rules out that any were sent', async () => {
  await withHarness(async (harness) => {
    const view = clusterView();
    let looking = false;
    harness.doubles.override('verifyPropagation', async () => {
      looking = true;
      return await untilCancelled();
    });
    // As from a worker with other settings.
    const missing = activityFailure('dns/credentialsMissing', 'No credentials are lent to requests.');
    const info = { code: 'dns/credentialsMissing', message: missing.message, retry: 'onChange', neverSent: true };
    harness.doubles.override('withdrawTxtRecords', () => Promise.reject(Object.assign(missing, { details: [info] })));
    const handle = await harness.start(view);
    await eventually('looking', () => Promise.resolve(looking), Boolean);
    await handle.signal(clusterObserved, { ...view, deleting: true });
    await eventually(
      'the decommission is blocked',
      () => Promise.resolve(harness.doubles.reports.map(({ event }) => event?.reason)),
      (reasons) => reasons.includes('DecommissionBlocked'),
    );
    expect(harness.doubles.countOf('removeFinalizer')).toBe(0);
    harness.doubles.override('withdrawTxtRecords', undefined);
    await handle.signal(dependencyChanged, { what: 'The credentials were corrected.' });
    await handle.result();
    expect(harness.doubles.published.size).toBe(0);
  });
});

test('records that were sent before the credentials were lost block the decommission until they are withdrawn', async () => {
  await withHarness(async (harness) => {
    const view = clusterView();
    const missing = activityFailure('dns/credentialsMissing', 'The Secret aws is missing.');
    harness.doubles.override('publishTxtRecords', ({ records }) => {
      for (const { name, value } of records) harness.doubles.published.add(`${name} ${value}`);
      const info = {
        code: 'dns/credentialsMissing',
        message: missing.message,
        retry: 'onChange',
        outcomeUnknown: true,
      };
      return Promise.reject(Object.assign(missing, { details: [info] }));
    });
    harness.doubles.override('withdrawTxtRecords', () => Promise.reject(missing));
    const handle = await harness.start(view);
    await waitForState(harness, view, 'Waiting');
    await handle.signal(clusterObserved, { ...view, deleting: true });
    await eventually(
      'reported',
      () => Promise.resolve(harness.doubles.reports.map(({ event }) => event?.reason)),
      (reasons) => reasons.includes('DecommissionBlocked'),
    );
    harness.doubles.override('withdrawTxtRecords', undefined);
    await handle.signal(dependencyChanged, { what: 'The Secret aws is back.' });
    await handle.result();
    expect(harness.doubles.published.size).toBe(0);
  });
});

/** As an activity that is cancelled after its request was sent: the request succeeds. */
async function doneAlthoughCancelled(progress: Progress, work: () => void): Promise<never> {
  progress.begun = true;
  try {
    return await untilCancelled();
  } finally {
    await new Promise((resolve) => setTimeout(resolve, 500));
    work();
    progress.done = true;
  }
}

interface Progress {
  begun: boolean;
  done: boolean;
}

test.each([
  [
    'records that are just being published',
    (doubles: ActivityDoubles, progress: Progress) =>
      doubles.override('publishTxtRecords', ({ records }) =>
        doneAlthoughCancelled(progress, () => {
          for (const { name, value } of records) doubles.published.add(`${name} ${value}`);
        }),
      ),
  ],
  [
    'a Secret that is just being written',
    (doubles: ActivityDoubles, progress: Progress) =>
      doubles.override('installCertificate', ({ secretName }) =>
        doneAlthoughCancelled(progress, () => {
          doubles.secrets.set(secretName, { kind: 'broken', message: 'written late' });
        }),
      ),
  ],
])('the decommission waits for %s before it cleans up', async (_what, delay) => {
  await withHarness(async (harness) => {
    const view = clusterView();
    const progress: Progress = { begun: false, done: false };
    delay(harness.doubles, progress);
    const handle = await harness.start(view);
    await eventually('begun', () => Promise.resolve(progress.begun), Boolean);
    await handle.signal(clusterObserved, { ...view, deleting: true });
    await handle.result();
    await eventually('done', () => Promise.resolve(progress.done), Boolean);
    expect([...harness.doubles.published]).toEqual([]);
    expect([...harness.doubles.secrets.keys()]).toEqual([]);
  });
});

test('a renew update whose order is cancelled for fewer names is ordered again, and answered', async () => {
  await withHarness(async (harness) => {
    const view = clusterView({ bundles: [bundleView('primary', 'api.example.com', 'extra.example.com')] });
    const handle = await harness.start(view);
    await waitForState(harness, view, 'Ready');
    const asked = neverIssued(harness.doubles);
    const renewal = handle.executeUpdate(renew, { args: [{}] });
    await eventually('the CA is asked', asked, Boolean);
    const joined = handle.executeUpdate(renew, { args: [{}] });
    harness.doubles.override('finalizeOrder', undefined);
    // The certificate in the Secret has these names already: only the update causes another order.
    await handle.signal(clusterObserved, { ...view, bundles: [bundleView('primary', 'api.example.com')] });
    expect(await renewal).toMatchObject([{ certificate: { dnsNames: ['api.example.com'] } }]);
    expect(await joined).toEqual(await renewal);
    expect(harness.doubles.issued).toHaveLength(2);
  });
});
