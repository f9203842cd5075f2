/** What an issuance that did not succeed leaves behind is remembered, and cleared away at the cluster's end. */
import { expect, test } from 'vitest';
import type { ClusterView } from '../../src/clusters/cluster-view.ts';
import type { RevokeCertificatesInput } from '../../src/contract/activities.ts';
import { clusterObserved, dependencyChanged, renew } from '../../src/contract/cluster-certificates.ts';
import { untilCancelled } from '../support/temporal/until-cancelled.ts';
import { eventually } from '../support/vitest/eventually.ts';
import { type ActivityDoubles, activityFailure } from '../support/workflows/activity-doubles.ts';
import { bundleView, clusterView } from '../support/workflows/cluster-views.ts';
import { useWorkflowHarness, type WorkflowHarness } from '../support/workflows/use-harness.ts';

const withLab = useWorkflowHarness();

/** The CA never comes to an end with an order. @returns whether one has come so far. */
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

function waitForState(lab: WorkflowHarness, view: ClusterView, state: string): Promise<unknown> {
  return eventually(
    state,
    () => lab.status(view),
    ({ bundles }) => bundles['primary']?.state === state,
  );
}

test('an order whose certificate was not installed is revoked by the decommission', async () => {
  await withLab(async (lab) => {
    const view = clusterView();
    const asked = neverIssued(lab.doubles);
    const handle = await lab.start(view);
    await eventually('the CA is asked', asked, Boolean);
    await handle.signal(clusterObserved, { ...view, deleting: true });
    await handle.result();
    expect(revocations(lab.doubles)).toMatchObject([{ orders: ['https://ca.test/order/1'] }]);
  });
});

test('an order that was cut short for other names is still remembered after the next one succeeded', async () => {
  await withLab(async (lab) => {
    const view = clusterView({ bundles: [bundleView('primary', 'wrong.example.com')] });
    const asked = neverIssued(lab.doubles);
    const handle = await lab.start(view);
    await eventually('the CA is asked', asked, Boolean);
    lab.doubles.override('finalizeOrder', undefined);
    const right = { ...view, bundles: [bundleView('primary', 'right.example.com')] };
    await handle.signal(clusterObserved, right);
    await waitForState(lab, view, 'Ready');
    await handle.signal(clusterObserved, { ...right, deleting: true });
    await handle.result();
    expect(revocations(lab.doubles)).toMatchObject([{ orders: ['https://ca.test/order/1'], issued: [{}] }]);
  });
});

test('an order that failed after the CA was asked is forgotten once its certificate is in its Secret', async () => {
  await withLab(async (lab) => {
    const view = clusterView();
    lab.doubles.override('finalizeOrder', () => Promise.reject(activityFailure('acme/serverError', 'the CA stumbles')));
    const handle = await lab.start(view);
    await waitForState(lab, view, 'Failing');
    expect((await lab.status(view)).bundles['primary']?.unclaimedOrders).toEqual(['https://ca.test/order/1']);
    lab.doubles.override('finalizeOrder', undefined);
    await handle.signal(dependencyChanged, { what: 'The CA is back.' });
    await waitForState(lab, view, 'Ready');
    expect((await lab.status(view)).bundles['primary']?.unclaimedOrders).toBeUndefined();
  });
});

test('records that a cancelled order could not withdraw are withdrawn before the finalizer is released', async () => {
  await withLab(async (lab) => {
    const view = clusterView();
    const pending = Object.assign(activityFailure('dns/notVisible', 'not visible yet'), { nonRetryable: false });
    lab.doubles.override('verifyPropagation', () => Promise.reject(pending));
    lab.doubles.override('withdrawTxtRecords', () =>
      Promise.reject(activityFailure('dns/accessDenied', 'AWS refuses')),
    );
    const handle = await lab.start(view);
    await eventually(
      'published',
      () => Promise.resolve(lab.doubles.published.size),
      (count) => count === 2,
    );
    await handle.signal(clusterObserved, { ...view, deleting: true });
    await eventually(
      'reported',
      () => Promise.resolve(lab.doubles.reports.map(({ event }) => event?.reason)),
      (reasons) => reasons.includes('DecommissionBlocked'),
    );
    expect(lab.doubles.countOf('removeFinalizer')).toBe(0);
    // What can be done is done: a certificate is not left valid because of a record.
    expect(lab.doubles.countOf('revokeCertificates')).toBe(1);
    lab.doubles.override('withdrawTxtRecords', undefined);
    await handle.signal(dependencyChanged, { what: 'The credentials were corrected.' });
    await handle.result();
    expect(lab.doubles.published.size).toBe(0);
  });
});

test('an order that could not publish its records does not block the decommission', async () => {
  await withLab(async (lab) => {
    const view = clusterView();
    const refuse = (): Promise<never> =>
      Promise.reject(activityFailure('dns/credentialsMissing', 'The Secret aws is missing.'));
    lab.doubles.override('publishTxtRecords', refuse);
    lab.doubles.override('withdrawTxtRecords', refuse);
    const handle = await lab.start(view);
    await waitForState(lab, view, 'Waiting');
    await handle.signal(clusterObserved, { ...view, deleting: true });
    expect(await handle.result()).toMatchObject({ finalizerRemoved: true });
  });
});

test('an order that was cancelled before it could report that it cannot publish does not block the decommission', async () => {
  await withLab(async (lab) => {
    const view = clusterView();
    let publishing = false;
    // As an activity that no worker has started: its cancellation says nothing about what it sent.
    lab.doubles.override('publishTxtRecords', async () => {
      publishing = true;
      return await untilCancelled();
    });
    const missing = activityFailure('dns/credentialsMissing', 'The request names no Secret.');
    const info = { code: 'dns/credentialsMissing', message: missing.message, retry: 'onChange', neverSent: true };
    lab.doubles.override('withdrawTxtRecords', () => Promise.reject(Object.assign(missing, { details: [info] })));
    const handle = await lab.start(view);
    await eventually('publishing', () => Promise.resolve(publishing), Boolean);
    await handle.signal(clusterObserved, { ...view, deleting: true });
    expect(await handle.result()).toMatchObject({ finalizerRemoved: true });
  });
});

test('published records block the decommission, even if the withdrawal rules out that any were sent', async () => {
  await withLab(async (lab) => {
    const view = clusterView();
    let looking = false;
    lab.doubles.override('verifyPropagation', async () => {
      looking = true;
      return await untilCancelled();
    });
    // As from a worker that was set up otherwise since.
    const missing = activityFailure('dns/credentialsMissing', 'No credentials are lent to requests.');
    const info = { code: 'dns/credentialsMissing', message: missing.message, retry: 'onChange', neverSent: true };
    lab.doubles.override('withdrawTxtRecords', () => Promise.reject(Object.assign(missing, { details: [info] })));
    const handle = await lab.start(view);
    await eventually('looking', () => Promise.resolve(looking), Boolean);
    await handle.signal(clusterObserved, { ...view, deleting: true });
    await eventually(
      'the decommission is blocked',
      () => Promise.resolve(lab.doubles.reports.map(({ event }) => event?.reason)),
      (reasons) => reasons.includes('DecommissionBlocked'),
    );
    expect(lab.doubles.countOf('removeFinalizer')).toBe(0);
    lab.doubles.override('withdrawTxtRecords', undefined);
    await handle.signal(dependencyChanged, { what: 'The credentials were corrected.' });
    await handle.result();
    expect(lab.doubles.published.size).toBe(0);
  });
});

test('records that were sent before the credentials were lost block the decommission until they are withdrawn', async () => {
  await withLab(async (lab) => {
    const view = clusterView();
    const missing = activityFailure('dns/credentialsMissing', 'The Secret aws is missing.');
    lab.doubles.override('publishTxtRecords', ({ records }) => {
      for (const { name, value } of records) lab.doubles.published.add(`${name} ${value}`);
      const info = {
        code: 'dns/credentialsMissing',
        message: missing.message,
        retry: 'onChange',
        outcomeUnknown: true,
      };
      return Promise.reject(Object.assign(missing, { details: [info] }));
    });
    lab.doubles.override('withdrawTxtRecords', () => Promise.reject(missing));
    const handle = await lab.start(view);
    await waitForState(lab, view, 'Waiting');
    await handle.signal(clusterObserved, { ...view, deleting: true });
    await eventually(
      'reported',
      () => Promise.resolve(lab.doubles.reports.map(({ event }) => event?.reason)),
      (reasons) => reasons.includes('DecommissionBlocked'),
    );
    lab.doubles.override('withdrawTxtRecords', undefined);
    await handle.signal(dependencyChanged, { what: 'The Secret aws is back.' });
    await handle.result();
    expect(lab.doubles.published.size).toBe(0);
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
  await withLab(async (lab) => {
    const view = clusterView();
    const progress: Progress = { begun: false, done: false };
    delay(lab.doubles, progress);
    const handle = await lab.start(view);
    await eventually('begun', () => Promise.resolve(progress.begun), Boolean);
    await handle.signal(clusterObserved, { ...view, deleting: true });
    await handle.result();
    await eventually('done', () => Promise.resolve(progress.done), Boolean);
    expect([...lab.doubles.published]).toEqual([]);
    expect([...lab.doubles.secrets.keys()]).toEqual([]);
  });
});

test('a renewal that an operator asked for and whose order is cut short for fewer names is ordered again, and answered', async () => {
  await withLab(async (lab) => {
    const view = clusterView({ bundles: [bundleView('primary', 'api.example.com', 'extra.example.com')] });
    const handle = await lab.start(view);
    await waitForState(lab, view, 'Ready');
    const asked = neverIssued(lab.doubles);
    const renewal = handle.executeUpdate(renew, { args: [{}] });
    await eventually('the CA is asked', asked, Boolean);
    const joined = handle.executeUpdate(renew, { args: [{}] });
    lab.doubles.override('finalizeOrder', undefined);
    // The certificate in the Secret has these names already: nothing but the operator's wish makes another one.
    await handle.signal(clusterObserved, { ...view, bundles: [bundleView('primary', 'api.example.com')] });
    expect(await renewal).toMatchObject([{ certificate: { dnsNames: ['api.example.com'] } }]);
    expect(await joined).toEqual(await renewal);
    expect(lab.doubles.issued).toHaveLength(2);
  });
});
