import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, it, test, vi } from 'vitest';
import type { AriCoverage, ClusterSeries, RequestSeries } from '../../../src/controller/fleet-snapshot.ts';
import { FleetMetricsExporter } from '../../../src/observability/fleet-metrics-exporter.ts';
import type { ClosedIssuance } from '../../../src/observability/issued-counts.ts';

const DAY = 86_400_000;

/** Names that dashboards and alerts of certman-operator use. */
const PROMISED = [
  'certman_operator_certs_in_last_day_openshift_com',
  'certman_operator_certs_in_last_day_openshift_apps_com',
  'certman_operator_certs_in_last_week_openshift_com',
  'certman_operator_certs_in_last_week_openshift_apps_com',
  'certman_operator_duplicate_certs_in_last_week',
  'certman_operator_certificate_requests_count',
  'certman_operator_certificate_valid_duration_days',
  'certman_operator_certificate_issue_duration',
  'certman_operator_cluster_in_limited_support',
];

function setUp() {
  const registry = new Registry();
  const closed: ClosedIssuance[] = [];
  const errors: unknown[] = [];
  const state = { broken: false, listings: 0 };
  const hub = {
    clusters: [] as ClusterSeries[],
    standalone: [] as ClusterSeries[],
    requests: [] as RequestSeries[],
    ari: { certificates: 0, failing: false } as AriCoverage,
  };
  const metrics = new FleetMetricsExporter({
    registry,
    onError: (error) => errors.push(error),
    async *list(since) {
      state.listings += 1;
      if (state.broken) throw new Error('visibility is away');
      for (const one of closed) if (one.closeTime >= since) yield one;
    },
  });
  const issue = (runId: string): void => {
    const now = Date.now();
    closed.push({
      runId,
      startTime: now - 3_000,
      closeTime: now,
      dnsNames: ['api.a.openshiftapps.com'],
      nameSet: 'a',
    });
  };
  const read = async (): Promise<string> => await registry.metrics();
  return { registry, hub, metrics, issue, read, errors, state };
}

beforeEach(() => {
  vi.useFakeTimers({ now: Date.parse('2026-11-23T12:00:00Z') });
});
afterEach(() => {
  vi.useRealTimers();
});

const REQUEST: RequestSeries = { namespace: 'ns', name: 'demo-primary', commonName: 'api.demo.example.com' };

describe('the fleet gauges', () => {
  it('have the names that were promised', async () => {
    const { metrics, hub, read } = setUp();
    metrics.expose(hub);
    const text = await read();
    for (const name of PROMISED) expect(text).toContain(`# TYPE ${name} `);
  });

  it('are not there while another process watches', async () => {
    const { metrics, hub, read } = setUp();
    expect(await read()).not.toContain('certman');
    const withdraw = metrics.expose(hub);
    withdraw();
    expect(await read()).not.toContain('certman');
  });

  it('can be shown again after they were taken away', async () => {
    const { metrics, hub, read } = setUp();
    metrics.expose(hub)();
    metrics.expose(hub);
    expect(await read()).toContain('certman_clusters');
  });

  it('count nothing before the first listing has come', async () => {
    const { metrics, hub, read } = setUp();
    metrics.expose(hub);
    expect(await read()).not.toMatch(/^certman_operator_certs_in_last_day_openshift_com \d/m);
    await vi.advanceTimersByTimeAsync(1);
    expect(await read()).toMatch(/^certman_operator_certs_in_last_day_openshift_com 0$/m);
  });

  it('show each request and lose its series with it', async () => {
    const { metrics, hub, read } = setUp();
    metrics.expose(hub);
    hub.requests.push({ ...REQUEST, notAfter: Date.now() + 30 * DAY });
    const labels = 'certificaterequest_name="demo-primary",certificaterequest_namespace="ns"';
    const text = await read();
    expect(text).toContain(
      `certman_operator_certificate_valid_duration_days{cn="api.demo.example.com",${labels}} 30\n`,
    );
    expect(text).toContain(
      `certman_certificate_not_after_timestamp_seconds{${labels}} ${(Date.now() + 30 * DAY) / 1000}\n`,
    );
    expect(text).toMatch(/^certman_operator_certificate_requests_count 1$/m);
    hub.requests.pop();
    expect(await read()).not.toContain('demo-primary');
  });

  it('show a certificate whose renewal is held up, by how near its expiry is, and no healthy one', async () => {
    const { metrics, hub, read } = setUp();
    metrics.expose(hub);
    const now = Date.now();
    const lasting = (name: string, daysLeft: number, renewBeforeDays?: number): RequestSeries => ({
      ...REQUEST,
      name,
      notBefore: now - (90 - daysLeft) * DAY,
      notAfter: now + daysLeft * DAY,
      ...(renewBeforeDays === undefined ? {} : { renewBeforeDays }),
    });
    hub.requests.push(lasting('healthy', 50), lasting('late', 20), lasting('later', 5), lasting('over', -1));
    hub.requests.push(lasting('late-on-purpose', 20, 15), REQUEST);
    const series = [...(await read()).matchAll(/^certman_certificate_expiry_near\{(.*)\} 1$/gm)].map(
      ([, labels]) => labels,
    );
    expect(series).toEqual(
      [
        ['late', 'near'],
        ['later', 'critical'],
        ['over', 'expired'],
      ].map(
        ([name, nearness]) => `certificaterequest_name="${name}",certificaterequest_namespace="ns",level="${nearness}"`,
      ),
    );
  });

  it('show clusters by what is done for them', async () => {
    const { metrics, hub, read } = setUp();
    metrics.expose(hub);
    hub.clusters.push(
      { namespace: 'a', name: 'one', gate: 'Serve', limitedSupport: false },
      { namespace: 'b', name: 'two', gate: 'Serve', limitedSupport: true },
      { namespace: 'c', name: 'three', gate: 'NotManaged', limitedSupport: false },
    );
    const text = await read();
    expect(text).toContain('certman_clusters{gate="Serve"} 2\n');
    expect(text).toContain('certman_clusters{gate="NotManaged"} 1\n');
    expect(text).toContain('certman_operator_cluster_in_limited_support{cluster_name="two",cluster_namespace="b"} 1\n');
    expect(text).not.toContain('cluster_name="one"');
  });

  it('show CertificateRequests that stand alone by what is done for them, apart from the clusters', async () => {
    const { metrics, hub, read } = setUp();
    metrics.expose(hub);
    hub.standalone.push(
      { namespace: 'a', name: 'web', gate: 'Serve', limitedSupport: false },
      { namespace: 'a', name: 'mail', gate: 'ReconcilePaused', limitedSupport: false },
    );
    const text = await read();
    expect(text).toContain('certman_standalone_requests{gate="Serve"} 1\n');
    expect(text).toContain('certman_standalone_requests{gate="ReconcilePaused"} 1\n');
    expect(text).not.toContain('certman_clusters{');
  });
});

test('renewal information is shown as how many certificates have it, and whether it can be had', async () => {
  const { metrics, hub, read } = setUp();
  metrics.expose(hub);
  expect(await read()).toMatch(/^certman_ari_certificates 0$/m);
  expect(await read()).toMatch(/^certman_ari_failing 0$/m);
  hub.ari = { certificates: 7, failing: true };
  expect(await read()).toMatch(/^certman_ari_certificates 7$/m);
  expect(await read()).toMatch(/^certman_ari_failing 1$/m);
});

describe('what was issued', () => {
  it('is counted soon after this process issued something', async () => {
    const { metrics, hub, issue, read } = setUp();
    metrics.expose(hub);
    await vi.advanceTimersByTimeAsync(1);
    issue('1');
    metrics.certificateIssued();
    await vi.advanceTimersByTimeAsync(2_000);
    const text = await read();
    expect(text).toMatch(/^certman_operator_certs_in_last_day_openshift_apps_com 1$/m);
    expect(text).toMatch(/^certman_operator_certificate_issue_duration_sum 3$/m);
  });

  it('is counted soon after a scrape has noticed that another process issued something', async () => {
    const { metrics, hub, issue, read } = setUp();
    metrics.expose(hub);
    hub.requests.push(REQUEST);
    await vi.advanceTimersByTimeAsync(1);
    await read();
    issue('1');
    hub.requests[0] = { ...REQUEST, notAfter: Date.now() + DAY };
    await read();
    await vi.advanceTimersByTimeAsync(2_000);
    expect(await read()).toMatch(/^certman_operator_certs_in_last_week_openshift_apps_com 1$/m);
  });

  it('is counted every five minutes at rest, with one listing each', async () => {
    const { metrics, hub, state, read } = setUp();
    metrics.expose(hub);
    for (let minute = 0; minute < 15; minute += 1) {
      await vi.advanceTimersByTimeAsync(60_000);
      await read();
    }
    expect(state.listings).toBe(4);
  });

  it('is the same for a process that takes over', async () => {
    const first = setUp();
    first.metrics.expose(first.hub);
    for (const run of ['1', '2', '3']) first.issue(run);
    await vi.advanceTimersByTimeAsync(1);
    const before = await first.read();
    first.metrics.close();
    first.metrics.expose(first.hub);
    await vi.advanceTimersByTimeAsync(1);
    expect(await first.read()).toBe(before);
    expect(before).toMatch(/^certman_operator_duplicate_certs_in_last_week 2$/m);
  });

  it('leaves the day by itself, without a listing', async () => {
    const { metrics, hub, issue, state, read } = setUp();
    metrics.expose(hub);
    issue('1');
    await vi.advanceTimersByTimeAsync(1);
    state.broken = true;
    vi.setSystemTime(Date.now() + DAY);
    const text = await read();
    expect(text).toMatch(/^certman_operator_certs_in_last_day_openshift_apps_com 0$/m);
    expect(text).toMatch(/^certman_operator_certs_in_last_week_openshift_apps_com 1$/m);
  });

  it('keeps its numbers while visibility is away, says so, and goes on', async () => {
    const { metrics, hub, issue, state, errors, read } = setUp();
    metrics.expose(hub);
    issue('1');
    await vi.advanceTimersByTimeAsync(1);
    state.broken = true;
    await vi.advanceTimersByTimeAsync(5 * 60_000);
    expect(errors.length).toBe(1);
    expect(await read()).toMatch(/^certman_operator_certs_in_last_day_openshift_apps_com 1$/m);
    state.broken = false;
    issue('2');
    await vi.advanceTimersByTimeAsync(5 * 60_000);
    expect(await read()).toMatch(/^certman_operator_certs_in_last_day_openshift_apps_com 2$/m);
  });
});
