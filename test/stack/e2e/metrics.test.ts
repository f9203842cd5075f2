/** Metrics compared with what was issued, and the probes during outages. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ORDER_STEPS } from '../../../activities/step-observer.ts';
import { sendRequest } from '../../../local/stack/http.ts';
import type { WorkerProcess } from '../../../local/stack/worker-process.ts';
import { failureOf } from '../../../src/contract/bundle-record.ts';
import { waitFor } from '../../support/e2e/checks.ts';
import { createCluster, deleteCluster, type E2eCluster } from '../../support/e2e/clusters.ts';
import { expectDecommissioned, statusOf, waitUntilCertified } from '../../support/e2e/evidence.ts';
import { useE2eHarness } from '../../support/e2e/harness.ts';
import { scrape } from '../../support/e2e/prometheus.ts';
import { expectExit, runCertman } from '../../support/process/certman-process.ts';
import { allExpressions, allRules } from '../../support/prometheus/monitoring-component.ts';
import { type PrometheusServer, startPrometheus } from '../../support/prometheus/prometheus-server.ts';
import { readExpression } from '../../support/prometheus/promql.ts';

const DAY_MS = 86_400_000;
const VALID_DAYS = 'certman_operator_certificate_valid_duration_days';

const lab = useE2eHarness({ temporal: 'onDisk', zoneName: 'e2e.openshift.com', worker: false });
let worker: WorkerProcess;
let prometheus: PrometheusServer;
let first: E2eCluster;
let second: E2eCluster;
let apps: E2eCluster;
let elsewhere: E2eCluster;

/** @returns certman-operator's counts: openshift.com and openshiftapps.com within a day, within a week, duplicates within a week. */
async function issuedCounts(of: WorkerProcess): Promise<readonly (number | undefined)[]> {
  const found = await scrape(of.metricsUrl);
  return [
    found.value('certman_operator_certs_in_last_day_openshift_com'),
    found.value('certman_operator_certs_in_last_day_openshift_apps_com'),
    found.value('certman_operator_certs_in_last_week_openshift_com'),
    found.value('certman_operator_certs_in_last_week_openshift_apps_com'),
    found.value('certman_operator_duplicate_certs_in_last_week'),
  ];
}

async function waitForIssuedCounts(of: WorkerProcess, expected: readonly number[]): Promise<void> {
  await waitFor(`the counts are ${expected.join(', ')}`, async () => {
    const found = await issuedCounts(of);
    return JSON.stringify(found) === JSON.stringify(expected) ? {} : `they are ${found.join(', ')}`;
  });
}

beforeAll(async () => {
  worker = await lab().startWorker();
  // As after a take-over, when two pods have the same series.
  prometheus = await startPrometheus({ one: worker, other: worker }, join(lab().stack.stateDir, 'prometheus'));
  const zone = async (name: string) => ({ name, ...(await lab().stack.createZone(name)) });
  const [appsZone, otherZone] = [await zone('e2e.openshiftapps.com'), await zone('e2e.example.com')];
  first = await createCluster(lab(), 'first');
  second = await createCluster(lab(), 'second');
  apps = await createCluster(lab(), 'apps', { zone: appsZone });
  elsewhere = await createCluster(lab(), 'elsewhere', { zone: otherZone });
  for (const cluster of [first, second, apps, elsewhere]) await waitUntilCertified(lab(), cluster);
});

afterAll(() => prometheus?.stop());

describe('the metrics of certman-operator', () => {
  test('count each issued certificate once', async () => {
    await waitForIssuedCounts(worker, [2, 1, 2, 1, 0]);
  });

  test('count a renewal as issued and as a duplicate', async () => {
    await expectExit(runCertman(['renew', 'first/first'], lab().commandEnvironment()));
    await waitForIssuedCounts(worker, [3, 1, 3, 1, 1]);
    const found = await scrape(worker.metricsUrl);
    expect(found.value('certman_operator_issued_certificates_count', { action: 'create' })).toBe(4);
    expect(found.value('certman_operator_issued_certificates_count', { action: 'renew' })).toBe(1);
    expect(found.value('certman_operator_certificate_requests_count')).toBe(4);
    expect(found.value('certman_operator_certificate_issue_duration_count')).toBeGreaterThanOrEqual(1);
    expect(found.value('certman_certificates_issued_last_day', { reason: 'SecretMissing' })).toBe(4);
    expect(found.value('certman_certificates_issued_last_day', { reason: 'RenewRequested' })).toBe(1);
    for (const step of ORDER_STEPS) {
      // A renewal of names whose authorizations the CA keeps has no challenges.
      const count = found.value('certman_issuance_step_duration_seconds_count', { step });
      expect([step, Number(count) >= 4]).toEqual([step, true]);
    }
  });

  test('report the validity of each certificate in days', async () => {
    const series = (await scrape(worker.metricsUrl)).all(VALID_DAYS);
    expect(new Set(series.map(({ labels }) => labels['certificaterequest_name']))).toEqual(
      new Set([first, second, apps, elsewhere].map(({ requestName }) => requestName)),
    );
    for (const { value } of series) {
      expect(value).toBeGreaterThan(89.9);
      expect(value).toBeLessThanOrEqual(90);
    }
    expect(series.find(({ labels }) => labels['certificaterequest_namespace'] === 'apps')?.labels).toMatchObject({
      cn: 'api.apps.e2e.openshiftapps.com',
    });
    const planned = (await scrape(worker.metricsUrl)).all('certman_certificate_renewal_timestamp_seconds');
    expect(planned).toHaveLength(4);
    // 45 days before the expiry, or up to a day earlier.
    for (const { value } of planned) expect(Math.ceil((value * 1000 - Date.now()) / DAY_MS)).toBeOneOf([44, 45]);
  });

  test('drop the series of a deleted cluster and keep counting its certificates', async () => {
    await deleteCluster(lab(), second);
    await expectDecommissioned(lab(), second);
    await waitFor('its series are gone', async () => {
      const { text } = await scrape(worker.metricsUrl);
      return text.includes(second.requestName) ? 'they are there' : {};
    });
    expect((await scrape(worker.metricsUrl)).value('certman_operator_certificate_requests_count')).toBe(3);
    await waitForIssuedCounts(worker, [3, 1, 3, 1, 1]);
  });
});

test('certman_issuances_total counts issuances by result, failed ones by the condition reason', async () => {
  const blocked = { name: 'blocked-domain.example', ...(await lab().stack.createZone('blocked-domain.example')) };
  const rejected = await createCluster(lab(), 'rejected', { zone: blocked });
  await waitFor('the order is rejected', async () => {
    const record = (await statusOf(lab(), rejected).catch(() => undefined))?.bundles['primary'];
    return (record && failureOf(record))?.code === 'acme/rejectedIdentifier' ? {} : JSON.stringify(record ?? null);
  });
  await waitFor('the rejection is counted', async () => {
    const found = await scrape(worker.metricsUrl);
    const { issued, AcmeRejectedIdentifier } = Object.fromEntries(
      found.all('certman_issuances_total').map(({ labels, value }) => [labels['result'], value]),
    );
    // The rejected order is tried again within a minute.
    const isCounted = issued === 5 && Number(AcmeRejectedIdentifier) >= 1;
    return isCounted ? {} : JSON.stringify({ issued, AcmeRejectedIdentifier });
  });
  const found = await scrape(worker.metricsUrl);
  expect(found.all(VALID_DAYS, { certificaterequest_name: rejected.requestName })).toEqual([]);
  expect(
    found.value('certman_acme_problems_total', { resource: 'newOrder', type: 'rejectedIdentifier' }),
  ).toBeGreaterThan(0);
  await waitFor('it is shown as held up', async () => {
    const series = (await scrape(worker.metricsUrl)).all('certman_certificate_held_up');
    const one = series.find(({ labels }) => labels['certificaterequest_name'] === rejected.requestName);
    return one?.labels['reason'] === 'AcmeRejectedIdentifier' ? {} : JSON.stringify(series);
  });
  await waitForIssuedCounts(worker, [3, 1, 3, 1, 1]);
  await deleteCluster(lab(), rejected);
});

test('rules and dashboard ask for metrics that a worker serves, with labels that their series have', async () => {
  const scrapes = await Promise.all([scrape(worker.metricsUrl), scrape(worker.sdkMetricsUrl)]);
  const declared = new Set(
    scrapes.flatMap(({ text }) => [...text.matchAll(/^# TYPE (\w+) /gm)].map(([, name = '']) => name)),
  );
  const samples = scrapes.flatMap((one) => one.samples);
  const recorded = allRules().map(({ record }) => record);
  // Only where the container has a memory limit; only once workflow code has failed.
  const conditional = ['certman_worker_memory_limit_bytes', 'temporal_workflow_task_execution_failed'];
  for (const { where, expr } of allExpressions()) {
    for (const { metric, matched } of readExpression(expr).selections) {
      if (recorded.includes(metric) || conditional.includes(metric)) continue;
      const isServed = declared.has(metric) || declared.has(metric.replace(/_(bucket|sum|count)$/, ''));
      expect([where, metric, isServed]).toEqual([where, metric, true]);
      const [series] = samples.filter(({ name }) => name === metric);
      const missing = matched.filter((label) => label !== 'job' && series !== undefined && !(label in series.labels));
      expect([where, metric, missing]).toEqual([where, metric, []]);
    }
  }
});

/** What a fleet without failures, standalone requests, limits of its CA, a second CA and clusters that can be probed has none of. */
const WITHOUT_DATA = new Set([
  'certman:certificate_renewal_lateness:ratio',
  'certman_ca_budget_left',
  'certman_ca_budget_limit',
  'certman_ca_budget_waiting_orders',
  'certman_ca_failovers_total',
  'certman_ca_up',
  'certman_certificate_held_up',
  'certman_certificate_not_served',
  'certman_decommission_failures_total',
  'certman_dns_request_failures_total',
  'certman_served_lag_seconds_bucket',
  'certman_served_lag_seconds_count',
  'certman_standalone_requests',
  'certman_worker_memory_limit_bytes',
]);

test('Prometheus evaluates every rule and panel: those of a fleet at work have data, and a duplicate alone alerts', async () => {
  const expressions = allExpressions({ namespace: 'first', cluster: first.requestName });
  // A scrape that takes too long on a busy machine leaves its series out until the next one.
  await waitFor('what is expected has data', async () => {
    const alerting: string[] = [];
    const silent: string[] = [];
    for (const { where, expr, isPanel } of expressions) {
      const samples = await prometheus.query(expr);
      const hasData = samples.some(({ value }) => !Number.isNaN(value));
      if (!isPanel && hasData) alerting.push(where);
      const metrics = readExpression(expr).selections.map(({ metric }) => metric);
      if (isPanel && !hasData && !metrics.every((metric) => WITHOUT_DATA.has(metric))) silent.push(`${where}: ${expr}`);
    }
    const isExpected = silent.length === 0 && alerting.join() === 'CertmanDuplicateCertificates';
    return isExpected ? {} : JSON.stringify({ alerting, silent });
  });
});

test('the Temporal SDK’s metrics are served on a separate port', async () => {
  const sdk = await scrape(worker.sdkMetricsUrl);
  expect(sdk.samples.filter(({ name }) => name.startsWith('temporal_')).length).toBeGreaterThan(10);
  expect(sdk.text).not.toContain('certman_operator_');
  expect((await scrape(worker.metricsUrl)).text).not.toContain('temporal_worker_task_slots');
});

test('after a failover the new worker alone reports the same counts', async () => {
  const next = await lab().startWorker();
  expect(await issuedCounts(next)).toEqual([undefined, undefined, undefined, undefined, undefined]);
  await worker.stop();
  await waitForIssuedCounts(next, [3, 1, 3, 1, 1]);
  // The counts come from Temporal, but the certificates from the watch, which lists them first.
  await waitFor('every certificate has a series', async () => {
    const series = (await scrape(next.metricsUrl)).all(VALID_DAYS).length;
    return series === 3 ? {} : `there are ${series}`;
  });
  const found = await scrape(next.metricsUrl);
  // Counters of the process itself start at zero.
  expect(found.value('certman_operator_issued_certificates_count', { action: 'create' })).toBe(0);
  worker = next;
});

test('during an outage of Temporal and the API server the worker is healthy but not ready, and becomes ready without a restart', async () => {
  const health = worker.readyUrl.replace('/readyz', '/healthz');
  await Promise.all([lab().stack.part('temporal').kill(), lab().stack.part('kube-apiserver').stop()]);
  await waitFor('it is not ready', async () => {
    const { status, body } = await sendRequest(worker.readyUrl);
    return status === 503 && body.includes('Temporal') ? {} : `${status} ${body}`;
  });
  for (let attempt = 0; attempt < 10; attempt += 1) {
    expect((await sendRequest(health)).status).toBe(200);
    expect((await sendRequest(worker.metricsUrl)).status).toBe(200);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
  await Promise.all([lab().stack.part('temporal').start(), lab().stack.part('kube-apiserver').start()]);
  await waitFor('it is ready', async () => ((await sendRequest(worker.readyUrl)).status === 200 ? {} : 'it is not'));
  expect(worker.ended()).toBeUndefined();
  await waitForIssuedCounts(worker, [3, 1, 3, 1, 1]);
});
