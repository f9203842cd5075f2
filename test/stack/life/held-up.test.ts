/**
 * Certificates whose renewal is held up, by a pause, a move to another hub or a CA that says no: told on the resource and by the
 * metrics while the expiry comes near, and gone on with by itself. Certificates of a minute: renewed at half of it.
 */
import { describe, expect, test } from 'vitest';
import { certificateInSecret, within } from '../../support/checks.ts';
import { changeCluster, type LifeCluster, newCluster } from '../../support/life-clusters.ts';
import { caLog, eventsOf, getRequest, getSecret, statusOf, untilCertified } from '../../support/life-evidence.ts';
import { useLifeLab } from '../../support/life-lab.ts';
import { scrape } from '../../support/prometheus.ts';

const LIFETIME_SECONDS = 60;

const lab = useLifeLab({ pebble: { profiles: { default: LIFETIME_SECONDS } } });

const annotate = (cluster: LifeCluster, annotations: Readonly<Record<string, string | null>>): Promise<void> =>
  changeCluster(lab(), cluster, { metadata: { annotations } });

const PAUSE = 'hive.openshift.io/reconcile-pause';
const RELOCATE = 'hive.openshift.io/relocate';

interface RequestStatus {
  readonly state?: string;
  readonly failedAttempts?: number;
  readonly nextAttempt?: string;
  readonly conditions?: readonly {
    readonly type: string;
    readonly status: string;
    readonly reason: string;
    readonly message: string;
  }[];
}

async function requestStatus(cluster: LifeCluster): Promise<RequestStatus> {
  return ((await getRequest(lab(), cluster))?.['status'] ?? {}) as RequestStatus;
}

async function condition(cluster: LifeCluster, type: string) {
  return (await requestStatus(cluster)).conditions?.find((one) => one.type === type);
}

async function becomes(cluster: LifeCluster, type: string, expected: string): Promise<void> {
  await within(`${type} of ${cluster.name} is ${expected}`, async () => {
    const found = await condition(cluster, type);
    const said = `${found?.status}/${found?.reason}`;
    return said === expected ? {} : `it is ${said}`;
  });
}

/** `near`, `critical`, `expired`; undefined: no series. */
async function nearness(cluster: LifeCluster): Promise<string | undefined> {
  const [worker] = lab().workers();
  const found = await scrape(worker?.metricsUrl ?? '');
  return found
    .all('certman_certificate_expiry_near')
    .find(({ labels }) => labels['certificaterequest_namespace'] === cluster.namespace)?.labels['nearness'];
}

async function metricBecomes(cluster: LifeCluster, expected: string | undefined): Promise<void> {
  await within(`the metric says ${expected}`, async () => {
    const found = await nearness(cluster);
    return found === expected ? {} : `it says ${found}`;
  });
}

// Beside each other: each waits for most of the life of a certificate.
describe.concurrent('a cluster', () => {
  test('that is paused is told near, critical and expired on the resource and by the metric, and renewed when the pause is over', async () => {
    const cluster = await newCluster(lab(), 'paused');
    const { serialNumber } = await untilCertified(lab(), cluster);
    await annotate(cluster, { [PAUSE]: 'true' });
    await within('paused', async () => {
      const { state } = await requestStatus(cluster);
      return state === 'Paused' ? {} : `it is ${state}`;
    });
    expect(await nearness(cluster)).toBeUndefined();
    await becomes(cluster, 'ExpiryNear', 'True/Near');
    await metricBecomes(cluster, 'near');
    await becomes(cluster, 'ExpiryNear', 'True/Expired');
    await becomes(cluster, 'Ready', 'False/Expired');
    await metricBecomes(cluster, 'expired');
    const said = await eventsOf(lab(), cluster);
    for (const reason of ['ReconcilePaused', 'ExpiryNear', 'Expired'])
      expect(said.some((event) => event.startsWith(`${reason}: `))).toBe(true);
    expect((await statusOf(lab(), cluster)).bundles['primary']?.certificate?.serialNumber).toBe(serialNumber);

    await annotate(cluster, { [PAUSE]: null });
    await certificateInSecret(lab().kubernetes, cluster, serialNumber);
    await becomes(cluster, 'ExpiryNear', 'False/FarAway');
    await becomes(cluster, 'Ready', 'True/Issued');
    await metricBecomes(cluster, undefined);
  });

  test('that moves to another hub is not touched while it moves out, and is picked up where it was when it comes back', async () => {
    const cluster = await newCluster(lab(), 'moving');
    const { serialNumber } = await untilCertified(lab(), cluster);
    await annotate(cluster, { [RELOCATE]: 'other-hub/outgoing' });
    await within('hands off', async () => {
      const { state } = (await statusOf(lab(), cluster)).bundles['primary'] ?? {};
      return state === 'Paused' ? {} : `it is ${state}`;
    });
    const [request, secret] = [await getRequest(lab(), cluster), await getSecret(lab(), cluster)];
    // Past the renewal that would have been.
    await new Promise((resolve) => setTimeout(resolve, LIFETIME_SECONDS * 1000));
    expect((await getRequest(lab(), cluster))?.metadata.resourceVersion).toBe(request?.metadata.resourceVersion);
    expect((await getSecret(lab(), cluster))?.metadata.resourceVersion).toBe(secret?.metadata.resourceVersion);

    await annotate(cluster, { [RELOCATE]: 'this-hub/complete' });
    await certificateInSecret(lab().kubernetes, cluster, serialNumber);
    await becomes(cluster, 'Ready', 'True/Issued');
  });

  test('that hibernates, or is in limited support, is renewed like any other, and shown as what it is', async () => {
    const cluster = await newCluster(lab(), 'asleep', {
      patch: {
        metadata: { labels: { 'api.openshift.com/limited-support': 'true' } },
        spec: { powerState: 'Hibernating' },
      },
    });
    const { serialNumber } = await untilCertified(lab(), cluster);
    await certificateInSecret(lab().kubernetes, cluster, serialNumber);
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
  const cluster = await newCluster(lab(), 'refused');
  const { serialNumber } = await untilCertified(lab(), cluster);
  const refusing = lab().ca.inject({
    when: ({ path }) => path.startsWith('/order-plz'),
    fault: {
      kind: 'answer',
      status: 400,
      headers: { 'content-type': 'application/problem+json' },
      body: { type: 'urn:ietf:params:acme:error:rejectedIdentifier', detail: 'not this name today' },
    },
  });
  try {
    await becomes(cluster, 'Failing', 'True/AcmeRejectedIdentifier');
    const status = await requestStatus(cluster);
    const ready = status.conditions?.find(({ type }) => type === 'Ready');
    expect(ready).toMatchObject({ status: 'True', message: expect.stringContaining(serialNumber) as string });
    expect(status.failedAttempts).toBeGreaterThanOrEqual(1);
    expect(Date.parse(status.nextAttempt ?? '')).toBeGreaterThan(Date.now() - 5_000);
    const failing = status.conditions?.find(({ type }) => type === 'Failing')?.message ?? '';
    expect(failing).toContain('not this name today');
    expect(failing).toMatch(/Attempt \d+ failed; the next one is at \d{4}-/);
    const record = (await statusOf(lab(), cluster)).bundles['primary'];
    expect(record?.failure?.message).toContain('not this name today');
    expect(record?.failedAt).toBeDefined();
    // Sooner than the first step of the schedule: the certificate has seconds to live.
    await within('tried again before it expires', async () => {
      const { failedAttempts = 0 } = await requestStatus(cluster);
      return failedAttempts >= 3 ? {} : `${failedAttempts} attempts so far`;
    });
  } finally {
    refusing.remove();
  }
  const before = (await caLog(lab())).orders;
  await certificateInSecret(lab().kubernetes, cluster, serialNumber);
  expect((await caLog(lab())).orders).toBeGreaterThan(before);
  await becomes(cluster, 'Failing', 'False/NoFailure');
});
