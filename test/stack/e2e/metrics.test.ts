/** What the metrics say, against what was done; and which probes fail when the parts are away. */
import { beforeAll, describe, expect, test } from 'vitest';
import { sendRequest } from '../../../local/stack/http.ts';
import type { WorkerProcess } from '../../../local/stack/worker-process.ts';
import { waitFor } from '../../support/e2e/checks.ts';
import { createCluster, deleteCluster, type E2eCluster } from '../../support/e2e/clusters.ts';
import { expectDecommissioned, statusOf, untilCertified } from '../../support/e2e/evidence.ts';
import { useE2eHarness } from '../../support/e2e/harness.ts';
import { scrape } from '../../support/e2e/prometheus.ts';
import { startCertman } from '../../support/process/certman-process.ts';

const VALID_DAYS = 'certman_operator_certificate_valid_duration_days';

const lab = useE2eHarness({ zoneName: 'life.openshift.com', worker: false });
let worker: WorkerProcess;
let first: E2eCluster;
let second: E2eCluster;
let apps: E2eCluster;
let elsewhere: E2eCluster;

/** The five of certman-operator: openshift.com and openshiftapps.com of a day, of a week, and duplicates of a week. */
async function fiveMetrics(of: WorkerProcess): Promise<readonly (number | undefined)[]> {
  const found = await scrape(of.metricsUrl);
  return [
    found.value('certman_operator_certs_in_last_day_openshift_com'),
    found.value('certman_operator_certs_in_last_day_openshift_apps_com'),
    found.value('certman_operator_certs_in_last_week_openshift_com'),
    found.value('certman_operator_certs_in_last_week_openshift_apps_com'),
    found.value('certman_operator_duplicate_certs_in_last_week'),
  ];
}

async function metricsBecome(of: WorkerProcess, expected: readonly number[]): Promise<void> {
  await waitFor(`the five metrics are ${expected.join(', ')}`, async () => {
    const found = await fiveMetrics(of);
    return JSON.stringify(found) === JSON.stringify(expected) ? {} : `they are ${found.join(', ')}`;
  });
}

beforeAll(async () => {
  worker = await lab().startWorker();
  const zone = async (name: string) => ({ name, ...(await lab().stack.createZone(name)) });
  const [appsZone, otherZone] = [await zone('life.openshiftapps.com'), await zone('life.example.com')];
  first = await createCluster(lab(), 'first');
  second = await createCluster(lab(), 'second');
  apps = await createCluster(lab(), 'apps', { zone: appsZone });
  elsewhere = await createCluster(lab(), 'elsewhere', { zone: otherZone });
  for (const cluster of [first, second, apps, elsewhere]) await untilCertified(lab(), cluster);
});

describe('the metrics of certman-operator', () => {
  test('count what was issued, each once', async () => {
    await metricsBecome(worker, [2, 1, 2, 1, 0]);
  });

  test('count a renewal as issued, and as a duplicate', async () => {
    const command = await startCertman(['renew', 'first/first'], lab().commandEnvironment());
    expect(await command.waitForExit()).toBe('code 0');
    await metricsBecome(worker, [3, 1, 3, 1, 1]);
    const found = await scrape(worker.metricsUrl);
    expect(found.value('certman_operator_issued_certificates_count', { action: 'create' })).toBe(4);
    expect(found.value('certman_operator_issued_certificates_count', { action: 'renew' })).toBe(1);
    expect(found.value('certman_operator_certificate_requests_count')).toBe(4);
    expect(found.value('certman_operator_certificate_issue_duration_count')).toBeGreaterThanOrEqual(1);
  });

  test('tell for how long each certificate is valid', async () => {
    const series = (await scrape(worker.metricsUrl)).all(VALID_DAYS);
    expect(new Set(series.map(({ labels }) => labels['certificaterequest_name']))).toEqual(
      new Set([first, second, apps, elsewhere].map(({ requestName }) => requestName)),
    );
    for (const { value } of series) {
      expect(value).toBeGreaterThan(89.9);
      expect(value).toBeLessThanOrEqual(90);
    }
    expect(series.find(({ labels }) => labels['certificaterequest_namespace'] === 'apps')?.labels).toMatchObject({
      cn: 'api.apps.life.openshiftapps.com',
    });
  });

  test('forget the series of a deleted cluster, not what was issued for it', async () => {
    await deleteCluster(lab(), second);
    await expectDecommissioned(lab(), second);
    await waitFor('its series vanish', async () => {
      const { text } = await scrape(worker.metricsUrl);
      return text.includes(second.requestName) ? 'they are there' : {};
    });
    expect((await scrape(worker.metricsUrl)).value('certman_operator_certificate_requests_count')).toBe(3);
    await metricsBecome(worker, [3, 1, 3, 1, 1]);
  });
});

test('attempts are counted by result, a refusal by its reason', async () => {
  const blocked = { name: 'blocked-domain.example', ...(await lab().stack.createZone('blocked-domain.example')) };
  const refused = await createCluster(lab(), 'refused', { zone: blocked });
  await waitFor('it is refused', async () => {
    const state = (await statusOf(lab(), refused).catch(() => undefined))?.bundles['primary'];
    return state?.failure?.code === 'acme/rejectedIdentifier' ? {} : JSON.stringify(state ?? null);
  });
  await waitFor('it is counted', async () => {
    const found = await scrape(worker.metricsUrl);
    const counts = Object.fromEntries(
      found.all('certman_issuances_total').map(({ labels, value }) => [labels['result'], value]),
    );
    return JSON.stringify(counts) === JSON.stringify({ issued: 5, AcmeRejectedIdentifier: 1 })
      ? {}
      : JSON.stringify(counts);
  });
  const found = await scrape(worker.metricsUrl);
  expect(found.all(VALID_DAYS, { certificaterequest_name: refused.requestName })).toEqual([]);
  await metricsBecome(worker, [3, 1, 3, 1, 1]);
  await deleteCluster(lab(), refused);
});

test("the SDK's own metrics are on a port of their own", async () => {
  const sdk = await scrape(worker.sdkMetricsUrl);
  expect(sdk.samples.filter(({ name }) => name.startsWith('temporal_')).length).toBeGreaterThan(10);
  expect(sdk.text).not.toContain('certman_operator_');
  expect((await scrape(worker.metricsUrl)).text).not.toContain('temporal_worker_task_slots');
});

test('another process that takes over says the same, and no two say it at once', async () => {
  const next = await lab().startWorker();
  expect(await fiveMetrics(next)).toEqual([undefined, undefined, undefined, undefined, undefined]);
  await worker.stop();
  await metricsBecome(next, [3, 1, 3, 1, 1]);
  // The counts are Temporal's; the certificates are the watch's, which has to list them first.
  await waitFor('it shows every certificate', async () => {
    const shown = (await scrape(next.metricsUrl)).all(VALID_DAYS).length;
    return shown === 3 ? {} : `it shows ${shown}`;
  });
  const found = await scrape(next.metricsUrl);
  // What a process did itself begins anew; Prometheus knows how to add that up.
  expect(found.value('certman_operator_issued_certificates_count', { action: 'create' })).toBe(0);
  worker = next;
});

test('without Temporal and the API server the process is healthy and not ready, and ready again without a restart', async () => {
  const health = worker.readyUrl.replace('/readyz', '/healthz');
  await Promise.all([lab().stack.part('temporal').kill(), lab().stack.part('kube-apiserver').stop()]);
  await waitFor('it is not ready', async () => {
    const { status, body } = await sendRequest(worker.readyUrl);
    return status === 503 && body.includes('Temporal') ? {} : `${status} ${body}`;
  });
  for (let look = 0; look < 10; look += 1) {
    expect((await sendRequest(health)).status).toBe(200);
    expect((await sendRequest(worker.metricsUrl)).status).toBe(200);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
  await Promise.all([lab().stack.part('temporal').start(), lab().stack.part('kube-apiserver').start()]);
  await waitFor('it is ready', async () => ((await sendRequest(worker.readyUrl)).status === 200 ? {} : 'it is not'));
  expect(worker.ended()).toBeUndefined();
  await metricsBecome(worker, [3, 1, 3, 1, 1]);
});
