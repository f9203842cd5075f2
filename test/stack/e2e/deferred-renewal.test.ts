/**
 * Certificates whose renewal is held up, by a pause, a move to another hub or a CA that says no: told on the resource and by the
 * metrics while the expiry comes near, and gone on with by itself. Certificates of a minute and a half: renewed at half of it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, test } from 'vitest';
import { CERTIFICATE_REQUESTS } from '../../../src/kubernetes/objects/resources.ts';
import { waitFor, waitForCertificate } from '../../support/e2e/checks.ts';
import { createCluster, type E2eCluster, patchCluster } from '../../support/e2e/clusters.ts';
import { caLog, eventsOf, getRequest, getSecret, statusOf, untilCertified } from '../../support/e2e/evidence.ts';
import { useE2eHarness } from '../../support/e2e/harness.ts';
import { scrape } from '../../support/e2e/prometheus.ts';
import { recordWatch } from '../../support/kubernetes/watch-recorder.ts';

/** Near its end for a sixth of it, and critical for a twelfth: time enough to be seen. */
const LIFETIME_SECONDS = 90;

const lab = useE2eHarness({ pebble: { profiles: { default: LIFETIME_SECONDS } } });

const annotate = (cluster: E2eCluster, annotations: Readonly<Record<string, string | null>>): Promise<void> =>
  patchCluster(lab(), cluster, { metadata: { annotations } });

/** Ends what records, before the lab is gone. */
const ending: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const end of ending.splice(0)) await end();
});

const PAUSE = 'hive.openshift.io/reconcile-pause';
const RELOCATE = 'hive.openshift.io/relocate';

interface RequestStatus {
  readonly state?: string;
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

/** `status/reason` of a condition. */
function said({ conditions }: RequestStatus, type: string): string {
  const found = conditions?.find((one) => one.type === type);
  return `${found?.status}/${found?.reason}`;
}

async function becomes(cluster: E2eCluster, type: string, expected: string): Promise<void> {
  await waitFor(`${type} of ${cluster.name} is ${expected}`, async () => {
    const now = said(await requestStatus(cluster), type);
    return now === expected ? {} : `it is ${now}`;
  });
}

/** Every status that the request has from now on, those that do not last included. */
async function recordStatuses({ namespace }: E2eCluster) {
  const observer = recordWatch(lab().kubernetes, CERTIFICATE_REQUESTS, { namespace });
  ending.push(() => observer.stop());
  const statuses = (): readonly RequestStatus[] =>
    observer.events.flatMap((event) =>
      event.kind === 'applied' ? [(event.object['status'] ?? {}) as RequestStatus] : [],
    );
  await waitFor('the statuses are recorded', () =>
    Promise.resolve(observer.events.some(({ kind }) => kind === 'listed') ? {} : 'not yet'),
  );
  return {
    statuses,
    /** Waits for the first status that is such. */
    first: (what: string, holds: (status: RequestStatus) => boolean): Promise<RequestStatus> =>
      waitFor(what, () =>
        Promise.resolve(statuses().find(holds) ?? `the last one is ${JSON.stringify(statuses().at(-1))}`),
      ),
  };
}

/** `near`, `critical`, `expired`; undefined: no series. */
async function nearness(cluster: E2eCluster): Promise<string | undefined> {
  const [worker] = lab().workers();
  const found = await scrape(worker?.metricsUrl ?? '');
  return found
    .all('certman_certificate_expiry_near')
    .find(({ labels }) => labels['certificaterequest_namespace'] === cluster.namespace)?.labels['level'];
}

/** Everything that the metric says of a cluster from now on, in order, until it is stopped. */
function recordNearness(cluster: E2eCluster) {
  const seen: (string | undefined)[] = [];
  const over = new AbortController();
  const recording = (async () => {
    while (!over.signal.aborted) {
      const now = await nearness(cluster);
      if (seen.length === 0 || now !== seen.at(-1)) seen.push(now);
      await sleep(100);
    }
  })();
  const stop = async (): Promise<void> => {
    over.abort();
    await recording;
  };
  ending.push(stop);
  return { seen };
}

// Beside each other: each waits for most of the life of a certificate.
describe.concurrent('a cluster', () => {
  test('that is paused is told near, critical and expired on the resource and by the metric, and renewed when the pause is over', async () => {
    const cluster = await createCluster(lab(), 'paused');
    await untilCertified(lab(), cluster);
    const record = await recordStatuses(cluster);
    await annotate(cluster, { [PAUSE]: 'true' });
    await record.first('it is paused', ({ state }) => state === 'Paused');
    const metric = recordNearness(cluster);
    // A renewal may have come before the pause.
    const { serialNumber } = await waitForCertificate(lab().kubernetes, cluster);
    await record.first('it is near', (status) => said(status, 'ExpiryNear') === 'True/Near');
    await becomes(cluster, 'ExpiryNear', 'True/Expired');
    await becomes(cluster, 'Ready', 'False/Expired');
    await waitFor('the metric says expired', () =>
      Promise.resolve(metric.seen.at(-1) === 'expired' ? {} : `it says ${metric.seen.join(', ')}`),
    );
    const events = await eventsOf(lab(), cluster);
    for (const reason of ['ReconcilePaused', 'ExpiryNear', 'Expired'])
      expect(events.some((event) => event.startsWith(`${reason}: `))).toBe(true);
    expect((await statusOf(lab(), cluster)).bundles['primary']?.certificate?.serialNumber).toBe(serialNumber);
    await annotate(cluster, { [PAUSE]: null });
    await waitForCertificate(lab().kubernetes, cluster, serialNumber);
    await becomes(cluster, 'ExpiryNear', 'False/NotExpiring');
    await becomes(cluster, 'Ready', 'True/Issued');
    await waitFor('the metric says nothing any more', () =>
      Promise.resolve(metric.seen.at(-1) === undefined ? {} : `it says ${metric.seen.join(', ')}`),
    );
    expect(metric.seen).toEqual([undefined, 'near', 'critical', 'expired', undefined]);
  });

  test('that moves to another hub is not touched while it moves out, and is picked up where it was when it comes back', async () => {
    const cluster = await createCluster(lab(), 'moving');
    await untilCertified(lab(), cluster);
    await annotate(cluster, { [RELOCATE]: 'other-hub/outgoing' });
    await waitFor('hands off', async () => {
      const { state } = (await statusOf(lab(), cluster)).bundles['primary'] ?? {};
      return state === 'Paused' ? {} : `it is ${state}`;
    });
    const [request, secret] = [await getRequest(lab(), cluster), await getSecret(lab(), cluster)];
    const { serialNumber } = await waitForCertificate(lab().kubernetes, cluster);
    // Past the renewal that would have been.
    await new Promise((resolve) => setTimeout(resolve, LIFETIME_SECONDS * 1000));
    expect((await getRequest(lab(), cluster))?.metadata.resourceVersion).toBe(request?.metadata.resourceVersion);
    expect((await getSecret(lab(), cluster))?.metadata.resourceVersion).toBe(secret?.metadata.resourceVersion);

    await annotate(cluster, { [RELOCATE]: 'this-hub/complete' });
    await waitForCertificate(lab().kubernetes, cluster, serialNumber);
    await becomes(cluster, 'Ready', 'True/Issued');
  });

  test('that hibernates, or is in limited support, is renewed like any other, and shown as what it is', async () => {
    const cluster = await createCluster(lab(), 'asleep', {
      patch: {
        metadata: { labels: { 'api.openshift.com/limited-support': 'true' } },
        spec: { powerState: 'Hibernating' },
      },
    });
    const { serialNumber } = await untilCertified(lab(), cluster);
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

test('a renewal that fails is as visible as a first one: attempts, the last problem, the next attempt; Ready stays True while the certificate is valid', async () => {
  const cluster = await createCluster(lab(), 'refused');
  await untilCertified(lab(), cluster);
  const record = await recordStatuses(cluster);
  const refusing = lab().ca.inject({
    when: ({ path }) => path.startsWith('/order-plz'),
    fault: {
      kind: 'answer',
      status: 400,
      headers: { 'content-type': 'application/problem+json' },
      body: { type: 'urn:ietf:params:acme:error:rejectedIdentifier', detail: 'not this name today' },
    },
  });
  // A renewal may have come before the refusals.
  const { serialNumber } = await waitForCertificate(lab().kubernetes, cluster);
  try {
    const status = await record.first(
      'a renewal is refused',
      (one) => said(one, 'Failing') === 'True/AcmeRejectedIdentifier',
    );
    const ready = status.conditions?.find(({ type }) => type === 'Ready');
    expect(ready).toMatchObject({ status: 'True', message: expect.stringContaining(serialNumber) as string });
    expect(status.failedAttempts).toBeGreaterThanOrEqual(1);
    const failing = status.conditions?.find(({ type }) => type === 'Failing')?.message ?? '';
    expect(failing).toContain('not this name today');
    expect(failing).toMatch(/Attempt \d+ failed; the next one is at \d{4}-/);
    // Sooner than the first step of the schedule: the certificate has seconds to live.
    expect(Date.parse(status.nextAttempt ?? '')).toBeLessThan(Date.parse(status.notAfter ?? ''));
    await record.first('it is tried again and again', ({ failedAttempts = 0 }) => failedAttempts >= 3);
    const known = (await statusOf(lab(), cluster)).bundles['primary'];
    expect(known?.failure?.message).toContain('not this name today');
    expect(Date.parse(known?.nextAttempt ?? '')).toBeGreaterThan(Date.parse(known?.failedAt ?? ''));
  } finally {
    refusing.remove();
  }
  const before = (await caLog(lab())).orders;
  await waitForCertificate(lab().kubernetes, cluster, serialNumber);
  expect((await caLog(lab())).orders).toBeGreaterThan(before);
  await becomes(cluster, 'Failing', 'False/NoFailure');
});
