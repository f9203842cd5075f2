/**
 * Renewals that are deferred by a pause, a move to another management cluster or a rejection by the CA: reported on the resource
 * and in the metrics as the expiry approaches, and resumed without intervention. Certificates live 90 s and renew at half of it.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, test } from 'vitest';
import { lastAttemptOf, nextAttemptOf } from '../../../src/contract/bundle-record.ts';
import { CERTIFICATE_REQUESTS, CONFIG_MAPS } from '../../../src/kubernetes/objects/resources.ts';
import { waitFor, waitForCertificate } from '../../support/e2e/checks.ts';
import { createCluster, type E2eCluster, patchCluster } from '../../support/e2e/clusters.ts';
import {
  caLog,
  getRequest,
  getSecret,
  statusOf,
  waitForEvents,
  waitUntilCertified,
  waitUntilProbed,
} from '../../support/e2e/evidence.ts';
import { useE2eHarness } from '../../support/e2e/harness.ts';
import { scrape } from '../../support/e2e/prometheus.ts';
import { OPERATOR_NAMESPACE } from '../../support/kubernetes/management-cluster.ts';
import { recordWatch } from '../../support/kubernetes/watch-recorder.ts';
import { eventually } from '../../support/vitest/eventually.ts';

/** A certificate is near its expiry in the last sixth and critical in the last twelfth: long enough for the test to observe. */
const LIFETIME_SECONDS = 90;

const lab = useE2eHarness({ pebble: { profiles: { default: LIFETIME_SECONDS } } });

const annotate = (cluster: E2eCluster, annotations: Readonly<Record<string, string | null>>): Promise<void> =>
  patchCluster(lab(), cluster, { metadata: { annotations } });

/** Stop the recorders before the harness stops. */
const cleanups: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

const PAUSE = 'hive.openshift.io/reconcile-pause';
const RELOCATE = 'hive.openshift.io/relocate';

interface RequestStatus {
  readonly state?: string;
  readonly serialNumber?: string;
  readonly failedAttempts?: number;
  readonly nextAttempt?: string;
  readonly notAfter?: string;
  readonly conditions?: readonly Condition[];
}

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

async function requestStatus(cluster: E2eCluster): Promise<RequestStatus> {
  return ((await getRequest(lab(), cluster))?.['status'] ?? {}) as RequestStatus;
}

/** @returns `status/reason` of a condition. */
function conditionText({ conditions }: RequestStatus, type: string): string {
  const found = conditions?.find((one) => one.type === type);
  return `${found?.status}/${found?.reason}`;
}

async function waitForCondition(cluster: E2eCluster, type: string, expected: string): Promise<void> {
  await waitFor(`${type} of ${cluster.name} is ${expected}`, async () => {
    const now = conditionText(await requestStatus(cluster), type);
    return now === expected ? {} : `it is ${now}`;
  });
}

/** Records every status of the request from now on, including short-lived ones. */
async function recordStatuses({ namespace }: E2eCluster) {
  const observer = recordWatch(lab().kubernetes, CERTIFICATE_REQUESTS, { namespace });
  cleanups.push(() => observer.stop());
  const statuses = (): readonly RequestStatus[] =>
    observer.events.flatMap((event) =>
      event.kind === 'applied' ? [(event.object['status'] ?? {}) as RequestStatus] : [],
    );
  await waitFor('the statuses are recorded', () =>
    Promise.resolve(observer.events.some(({ kind }) => kind === 'listed') ? {} : 'not yet'),
  );
  return {
    statuses,
    /** Waits for the first recorded status that fulfils a condition. */
    first: (what: string, holds: (status: RequestStatus) => boolean): Promise<RequestStatus> =>
      waitFor(what, () =>
        Promise.resolve(statuses().find(holds) ?? `the last one is ${JSON.stringify(statuses().at(-1))}`),
      ),
  };
}

/** @returns `near`, `critical` or `expired`; undefined when there is no series. */
async function expiryLevel(cluster: E2eCluster): Promise<string | undefined> {
  const [worker] = lab().workers();
  const found = await scrape(worker?.metricsUrl ?? '');
  return found
    .all('certman_certificate_expiry_near')
    .find(({ labels }) => labels['certificaterequest_namespace'] === cluster.namespace)?.labels['level'];
}

/** Records the changes of a cluster's expiry level until the tests end. */
function recordExpiryLevels(cluster: E2eCluster) {
  const seen: (string | undefined)[] = [];
  const stopped = new AbortController();
  const recording = (async () => {
    while (!stopped.signal.aborted) {
      const now = await expiryLevel(cluster);
      if (seen.length === 0 || now !== seen.at(-1)) seen.push(now);
      await sleep(100);
    }
  })();
  const stop = async (): Promise<void> => {
    stopped.abort();
    await recording;
  };
  cleanups.push(stop);
  return { seen };
}

/** Each level has its turn, once; between two scrapes, a level of some seconds can pass unseen on a busy machine. */
function expectInOrder(seen: readonly (string | undefined)[], levels: readonly (string | undefined)[]): void {
  let next = 0;
  for (const level of seen) {
    const turn = levels.indexOf(level, next);
    expect(turn, `seen: ${seen.join(', ')}`).toBeGreaterThanOrEqual(next);
    next = turn + 1;
  }
}

// Concurrent, because each test waits for most of a certificate's lifetime.
describe.concurrent('a cluster', () => {
  test('that is paused reports near, critical and expired in conditions and metric, and renews when the pause ends', async () => {
    const cluster = await createCluster(lab(), 'paused');
    await waitUntilCertified(lab(), cluster);
    const record = await recordStatuses(cluster);
    await annotate(cluster, { [PAUSE]: 'true' });
    await record.first('it is paused', ({ state }) => state === 'Paused');
    const metric = recordExpiryLevels(cluster);
    // It may have been renewed before the pause.
    const { serialNumber } = await waitForCertificate(lab().kubernetes, cluster);
    await record.first('ExpiryNear is True', (status) => conditionText(status, 'ExpiryNear') === 'True/Near');
    await waitForCondition(cluster, 'ExpiryNear', 'True/Expired');
    await waitForCondition(cluster, 'Ready', 'False/Expired');
    await waitFor('the metric is expired', () =>
      Promise.resolve(metric.seen.at(-1) === 'expired' ? {} : `it was ${metric.seen.join(', ')}`),
    );
    await waitForEvents(lab(), cluster, 'ReconcilePaused: ', 'ExpiryNear: ', 'Expired: ');
    expect((await statusOf(lab(), cluster)).bundles['primary']?.certificate?.serialNumber).toBe(serialNumber);
    await annotate(cluster, { [PAUSE]: null });
    await waitForCertificate(lab().kubernetes, cluster, serialNumber);
    await waitForCondition(cluster, 'ExpiryNear', 'False/NotExpiring');
    await waitForCondition(cluster, 'Ready', 'True/Issued');
    await waitFor('the series is gone', () =>
      Promise.resolve(metric.seen.at(-1) === undefined ? {} : `it was ${metric.seen.join(', ')}`),
    );
    expectInOrder(metric.seen, [undefined, 'near', 'critical', 'expired', undefined]);
    expect(metric.seen).toContain('expired');
  });

  test('that moves to another management cluster is not written to while it moves, and renews when the move is aborted', async () => {
    const cluster = await createCluster(lab(), 'moving');
    await waitUntilCertified(lab(), cluster);
    await waitUntilProbed(lab(), cluster);
    await annotate(cluster, { [RELOCATE]: 'a-relocation/outgoing' });
    await waitFor('it is Paused', async () => {
      const { state } = (await statusOf(lab(), cluster)).bundles['primary'] ?? {};
      return state === 'Paused' ? {} : `it is ${state}`;
    });
    const [request, secret] = [await getRequest(lab(), cluster), await getSecret(lab(), cluster)];
    const { serialNumber } = await waitForCertificate(lab().kubernetes, cluster);
    // Past the time of the renewal.
    await new Promise((resolve) => setTimeout(resolve, LIFETIME_SECONDS * 1000));
    expect((await getRequest(lab(), cluster))?.metadata.resourceVersion).toBe(request?.metadata.resourceVersion);
    expect((await getSecret(lab(), cluster))?.metadata.resourceVersion).toBe(secret?.metadata.resourceVersion);

    await annotate(cluster, { [RELOCATE]: null });
    await waitForCertificate(lab().kubernetes, cluster, serialNumber);
    await waitForCondition(cluster, 'Ready', 'True/Issued');
  });

  test('that a freeze selects says so when its renewal is due, and is renewed all the same before that is too late', async () => {
    const freeze = 'name: launch, from: "2026-01-01T00:00:00Z", to: "2046-01-01T00:00:00Z"';
    await lab().kubernetes.patch(CONFIG_MAPS, { namespace: OPERATOR_NAMESPACE, name: 'certman-operator' }, [
      {
        op: 'add',
        path: '/data/renewal_windows',
        value: `freezes: [{${freeze}, selector: {matchLabels: {tier: gold}}}]`,
      },
    ]);
    // The CA suggests any instant of a certificate's life: one before the plan is obeyed, whatever is frozen.
    const suggestions = lab().ca.inject({
      when: ({ path }) => path.includes('/renewalInfo/'),
      fault: { kind: 'answer', status: 404, headers: {}, body: {} },
    });
    cleanups.push(() => Promise.resolve(suggestions.remove()));
    const cluster = await createCluster(lab(), 'frozen', { patch: { metadata: { labels: { tier: 'gold' } } } });
    const record = await recordStatuses(cluster);
    await waitUntilCertified(lab(), cluster);
    const frozen = await record.first('it waits', (status) => conditionText(status, 'Renewing') === 'False/Frozen');
    expect(frozen.state).toBe('Ready');
    await waitForEvents(lab(), cluster, 'RenewalPostponed: ');
    await waitForCertificate(lab().kubernetes, cluster, frozen.serialNumber);
    const conditions = record.statuses().map((status) => conditionText(status, 'Ready'));
    expect(conditions).not.toContain('False/Expired');
  });

  test('that hibernates and is in limited support is renewed, and its status reports both', async () => {
    const cluster = await createCluster(lab(), 'asleep', {
      patch: {
        metadata: { labels: { 'api.openshift.com/limited-support': 'true' } },
        spec: { powerState: 'Hibernating' },
      },
    });
    const { serialNumber } = await waitUntilCertified(lab(), cluster);
    await waitForCertificate(lab().kubernetes, cluster, serialNumber);
    const { cluster: view } = await statusOf(lab(), cluster);
    expect(view).toMatchObject({ hibernating: true, limitedSupport: true });
    const found = await scrape(lab().workers()[0]?.metricsUrl ?? '');
    expect(
      found.value('certman_operator_cluster_in_limited_support', {
        cluster_name: cluster.name,
        cluster_namespace: cluster.namespace,
      }),
    ).toBe(1);
  });
});

test('a failing renewal reports attempts, last problem and next attempt, and leaves Ready True while the certificate is valid', async () => {
  const cluster = await createCluster(lab(), 'refused');
  await waitUntilCertified(lab(), cluster);
  const record = await recordStatuses(cluster);
  const rejection = lab().ca.inject({
    when: ({ path }) => path.startsWith('/order-plz'),
    fault: {
      kind: 'answer',
      status: 400,
      headers: { 'content-type': 'application/problem+json' },
      body: { type: 'urn:ietf:params:acme:error:rejectedIdentifier', detail: 'not this name today' },
    },
  });
  let serialNumber = '';
  try {
    const status = await record.first(
      'a renewal is rejected',
      (one) => conditionText(one, 'Failing') === 'True/AcmeRejectedIdentifier',
    );
    // It may have been renewed before the fault was injected.
    serialNumber = status.serialNumber ?? expect.fail('it has no certificate');
    const ready = status.conditions?.find(({ type }) => type === 'Ready');
    expect(ready).toMatchObject({ status: 'True', message: expect.stringContaining(serialNumber) as string });
    expect(status.failedAttempts).toBeGreaterThanOrEqual(1);
    const failing = status.conditions?.find(({ type }) => type === 'Failing')?.message ?? '';
    expect(failing).toContain('not this name today');
    expect(failing).toMatch(/Attempt \d+ failed; the next one is at \d{4}-/);
    // Earlier than the first step of the retry schedule, because the certificate expires within seconds.
    expect(Date.parse(status.nextAttempt ?? '')).toBeLessThan(Date.parse(status.notAfter ?? ''));
    await record.first('three attempts have failed', ({ failedAttempts = 0 }) => failedAttempts >= 3);
    // While an attempt runs, there is no next one.
    const waiting = await eventually(
      'the next attempt is set',
      async () => (await statusOf(lab(), cluster)).bundles['primary'],
      (bundle) => bundle !== undefined && nextAttemptOf(bundle) !== undefined,
    );
    const last = waiting && lastAttemptOf(waiting);
    expect(last?.failure.message).toContain('not this name today');
    expect(Date.parse((waiting && nextAttemptOf(waiting)) ?? '')).toBeGreaterThan(Date.parse(last?.failedAt ?? ''));
  } catch (error) {
    rejection.remove();
    throw error;
  }
  const before = (await caLog(lab())).orders;
  rejection.remove();
  await waitForCertificate(lab().kubernetes, cluster, serialNumber);
  expect((await caLog(lab())).orders).toBeGreaterThan(before);
  await waitForCondition(cluster, 'Failing', 'False/NoFailure');
});
