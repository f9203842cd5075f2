import { afterEach, beforeEach, describe, expect, it, test, vi } from 'vitest';
import type { CertificateState } from '../../../src/certificates/status-report.ts';
import type { RequestSeries, WatchState } from '../../../src/controller/fleet-snapshot.ts';
import { exposedFleet, REQUEST } from '../../support/observability/exposed-fleet.ts';
import { collectGarbage } from '../../support/process/collect-garbage.ts';

const DAY = 86_400_000;

/** Names that dashboards and alerts of certman-operator use. */
const OPERATOR_NAMES = [
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

beforeEach(() => {
  vi.useFakeTimers({ now: Date.parse('2026-11-23T12:00:00Z') });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('the fleet gauges', () => {
  it('have the names of certman-operator', async () => {
    const { metrics, fleet, read } = exposedFleet();
    metrics.expose(fleet);
    const text = await read();
    for (const name of OPERATOR_NAMES) expect(text).toContain(`# TYPE ${name} `);
  });

  it('are absent while another process exposes the fleet', async () => {
    const { metrics, fleet, read } = exposedFleet();
    expect(await read()).not.toContain('certman');
    const conceal = metrics.expose(fleet);
    conceal();
    expect(await read()).not.toContain('certman');
  });

  it('can be exposed again after they were removed', async () => {
    const { metrics, fleet, read } = exposedFleet();
    metrics.expose(fleet)();
    metrics.expose(fleet);
    expect(await read()).toContain('certman_clusters');
  });

  it('have no counts before the first listing', async () => {
    const { metrics, fleet, read } = exposedFleet();
    metrics.expose(fleet);
    expect(await read()).not.toMatch(/^certman_operator_certs_in_last_day_openshift_com \d/m);
    await vi.advanceTimersByTimeAsync(1);
    expect(await read()).toMatch(/^certman_operator_certs_in_last_day_openshift_com 0$/m);
  });

  it('have a series for each request, which is removed with it', async () => {
    const { metrics, fleet, read } = exposedFleet();
    metrics.expose(fleet);
    fleet.requests.push({ ...REQUEST, notAfter: Date.now() + 30 * DAY });
    const labels = 'certificaterequest_name="demo-primary",certificaterequest_namespace="ns"';
    const text = await read();
    expect(text).toContain(
      `certman_operator_certificate_valid_duration_days{cn="api.demo.example.com",${labels}} 30\n`,
    );
    expect(text).toContain(
      `certman_certificate_not_after_timestamp_seconds{${labels}} ${(Date.now() + 30 * DAY) / 1000}\n`,
    );
    expect(text).toMatch(/^certman_operator_certificate_requests_count 1$/m);
    fleet.requests.pop();
    expect(await read()).not.toContain('demo-primary');
  });

  it('show certificates whose renewal is held up, by expiry level, and no healthy one', async () => {
    const { metrics, fleet, read } = exposedFleet();
    metrics.expose(fleet);
    const now = Date.now();
    const lasting = (name: string, daysLeft: number, renewBeforeDays?: number): RequestSeries => ({
      ...REQUEST,
      name,
      notBefore: now - (90 - daysLeft) * DAY,
      notAfter: now + daysLeft * DAY,
      ...(renewBeforeDays === undefined ? {} : { renewBeforeDays }),
    });
    fleet.requests.push(lasting('healthy', 50), lasting('late', 20), lasting('later', 5), lasting('over', -1));
    fleet.requests.push(lasting('late-on-purpose', 20, 15), REQUEST);
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

  it('show when each renewal is due: as planned, else at the latest, never after the expiry', async () => {
    const { metrics, fleet, read } = exposedFleet();
    metrics.expose(fleet);
    const now = Date.now();
    const lasting = (name: string, planned?: number): RequestSeries => ({
      ...REQUEST,
      name,
      notBefore: now,
      notAfter: now + 90 * DAY,
      ...(planned !== undefined && { renewalAt: planned }),
    });
    fleet.requests.push(lasting('planned', now + 44 * DAY), lasting('paused'), lasting('odd', now + 900 * DAY));
    fleet.requests.push(lasting('malformed'), REQUEST);
    const found = (await read()).matchAll(
      /^certman_certificate_renewal_timestamp_seconds\{\w+="([\w-]+)".*\} (\d+)$/gm,
    );
    expect([...found].map(([, name, at]) => [name, (Number(at) * 1000 - now) / DAY])).toEqual([
      ['planned', 44],
      // By policy `ari`, which is the later one.
      ['paused', 60],
      ['odd', 90],
      ['malformed', 60],
    ]);
  });

  it('count requests by state, and name those that are held up only', async () => {
    const { metrics, fleet, read } = exposedFleet();
    metrics.expose(fleet);
    const inState = (name: string, state: CertificateState, reason = 'NoFailure'): RequestSeries => ({
      ...REQUEST,
      name,
      state: { state, reason },
    });
    fleet.requests.push(inState('one', 'Ready'), inState('two', 'Ready'), inState('new', 'Issuing'), REQUEST);
    fleet.requests.push(inState('bad', 'Failing', 'DnsAccessDenied'), inState('turn', 'Waiting'));
    const text = await read();
    expect(text).toContain('certman_certificates{state="Ready"} 2\n');
    expect(text).toContain('certman_certificates{state="Issuing"} 1\n');
    expect([...text.matchAll(/^certman_certificate_held_up\{(.*)\} 1$/gm)].map(([, labels]) => labels)).toEqual([
      'certificaterequest_name="bad",certificaterequest_namespace="ns",state="Failing",reason="DnsAccessDenied"',
      'certificaterequest_name="turn",certificaterequest_namespace="ns",state="Waiting",reason="NoFailure"',
    ]);
    fleet.requests.length = 0;
    expect(await read()).not.toMatch(/name="(bad|turn)"/);
  });

  it('count what clusters serve by reason, and name those that are late only', async () => {
    const { metrics, fleet, read } = exposedFleet();
    metrics.expose(fleet);
    const serving = (name: string, status: string, reason: string): RequestSeries => ({
      ...REQUEST,
      name,
      served: { status, reason, digest: 1 },
    });
    fleet.requests.push(serving('one', 'True', 'Served'), serving('two', 'True', 'Served'));
    fleet.requests.push(serving('early', 'False', 'NotServedYet'), serving('late', 'False', 'NotServed'), REQUEST);
    const text = await read();
    expect(text).toContain('certman_certificates_served{reason="Served"} 2\n');
    expect(text).toContain('certman_certificates_served{reason="NotServedYet"} 1\n');
    expect([...text.matchAll(/^certman_certificate_not_served\{(.*)\} 1$/gm)].map(([, labels]) => labels)).toEqual([
      'certificaterequest_name="late",certificaterequest_namespace="ns",reason="NotServed"',
    ]);
  });

  it('count renewals that wait by reason, each reason from 0', async () => {
    const { metrics, fleet, read } = exposedFleet();
    metrics.expose(fleet);
    fleet.requests.push(REQUEST, { ...REQUEST, name: 'waits', postponed: 'Frozen' });
    const text = await read();
    expect(text).toContain('certman_renewals_postponed{reason="Frozen"} 1\n');
    expect(text).toContain('certman_renewals_postponed{reason="OutsideWindow"} 0\n');
  });

  it('count clusters by gate', async () => {
    const { metrics, fleet, read } = exposedFleet();
    metrics.expose(fleet);
    fleet.clusters.push(
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

  it('count standalone CertificateRequests by gate, apart from the clusters', async () => {
    const { metrics, fleet, read } = exposedFleet();
    metrics.expose(fleet);
    fleet.standalone.push(
      { namespace: 'a', name: 'web', gate: 'Serve', limitedSupport: false },
      { namespace: 'a', name: 'mail', gate: 'ReconcilePaused', limitedSupport: false },
    );
    const text = await read();
    expect(text).toContain('certman_standalone_requests{gate="Serve"} 1\n');
    expect(text).toContain('certman_standalone_requests{gate="ReconcilePaused"} 1\n');
    expect(text).not.toContain('certman_clusters{');
  });
});

describe('while a kind is not synced', () => {
  const watch = (synced: boolean, syncedUntil?: number): WatchState => ({
    kind: 'certificaterequests',
    synced,
    syncedUntil,
    problem: synced ? undefined : 'The watch of certificaterequests is not synced: it is being listed.',
  });
  const unknown = { clusters: undefined, standalone: undefined, requests: undefined, ari: undefined };
  const EXPIRY = /^certman_certificate_not_after_timestamp_seconds\{.*certificaterequest_namespace="ns"\} (\d+)$/m;
  const synced = (text: string) => /^certman_watch_synced\{kind="certificaterequests"\} (\d)$/m.exec(text)?.[1];

  it('has no series of its objects, rather than those of an empty fleet', async () => {
    const { metrics, fleet, read } = exposedFleet();
    metrics.expose({ ...fleet, ...unknown, watches: [watch(false)] });
    const text = await read();
    expect(synced(text)).toBe('0');
    expect(text).not.toMatch(/^certman_(operator_certificate_requests|clusters|standalone|ari|certificate)/m);
    expect(text).not.toMatch(/^certman_watch_last_synced/m);
    expect(metrics.problems()).toEqual([watch(false).problem]);
  });

  it('keeps the expiries that an earlier controller of the process knew, as of when it knew them', async () => {
    const { metrics, fleet, read } = exposedFleet();
    const notAfter = Date.now() + DAY;
    fleet.requests.push({ ...REQUEST, notAfter });
    const until = Date.now();
    const end = metrics.expose({ ...fleet, watches: [watch(true, until)] });
    expect(synced(await read())).toBe('1');
    end();
    await vi.advanceTimersByTimeAsync(60_000);
    const between = await read();
    expect(EXPIRY.exec(between)?.[1]).toBe(String(notAfter / 1000));
    expect(synced(between)).toBe('0');
    expect(between).not.toMatch(/^certman_operator_certificate_requests_count \d/m);
    const endNext = metrics.expose({ ...fleet, ...unknown, watches: [watch(false)] });
    await vi.advanceTimersByTimeAsync(3_600_000);
    const listing = await read();
    expect(EXPIRY.test(listing)).toBe(true);
    expect(listing).toContain(
      `certman_watch_last_synced_timestamp_seconds{kind="certificaterequests"} ${until / 1000}\n`,
    );
    endNext();
    expect(EXPIRY.test(await read())).toBe(true);
    metrics.expose({ ...fleet, requests: [], watches: [watch(true, Date.now())] });
    expect(EXPIRY.test(await read())).toBe(false);
  });

  it('releases the cache of a controller that has ended, and of its requests keeps the expiries', async () => {
    const { metrics, fleet, read } = exposedFleet();
    const expose = () => {
      const request = { ...REQUEST, notBefore: Date.now(), notAfter: Date.now() + DAY };
      const cached = { ...fleet, requests: [request], watches: [watch(true, Date.now())] };
      metrics.expose(cached)();
      return [cached, request].map((object) => new WeakRef<object>(object));
    };
    const cached = expose();
    expect(await read()).toContain('certman_certificate_not_after_timestamp_seconds{');
    vi.useRealTimers();
    await collectGarbage();
    expect(cached.map((reference) => reference.deref())).toEqual([undefined, undefined]);
    expect(await read()).toContain('certman_certificate_not_after_timestamp_seconds{');
  });

  it('drops the expiries when another process has had ten minutes to list them', async () => {
    const { metrics, fleet, read } = exposedFleet();
    fleet.requests.push({ ...REQUEST, notAfter: Date.now() + DAY });
    metrics.expose({ ...fleet, watches: [watch(true, Date.now())] })();
    await vi.advanceTimersByTimeAsync(10 * 60_000);
    expect(await read()).not.toContain('certman');
  });
});

test('an outdated CRD is shown once the schema has been read', async () => {
  const { metrics, fleet, read } = exposedFleet();
  metrics.expose(fleet);
  expect(await read()).not.toMatch(/^certman_crd_outdated/m);
  fleet.crd = { problem: undefined };
  expect(await read()).toMatch(/^certman_crd_outdated 0$/m);
  fleet.crd = { problem: 'The installed CRD is older.' };
  expect(await read()).toMatch(/^certman_crd_outdated 1$/m);
  expect(metrics.problems()).toEqual(['The installed CRD is older.']);
});

test('ARI is shown as the number of certificates with a window, and whether fetching it fails', async () => {
  const { metrics, fleet, read } = exposedFleet();
  metrics.expose(fleet);
  expect(await read()).toMatch(/^certman_ari_certificates 0$/m);
  expect(await read()).toMatch(/^certman_ari_failing 0$/m);
  fleet.ari = { certificates: 7, failing: true };
  expect(await read()).toMatch(/^certman_ari_certificates 7$/m);
  expect(await read()).toMatch(/^certman_ari_failing 1$/m);
});
