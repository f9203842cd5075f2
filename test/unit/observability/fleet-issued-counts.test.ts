/** When the fleet's counts of issued certificates are read from visibility. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { exposedFleet, REQUEST } from '../../support/observability/exposed-fleet.ts';

const DAY = 86_400_000;

beforeEach(() => {
  vi.useFakeTimers({ now: Date.parse('2026-11-23T12:00:00Z') });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('the count of issued certificates', () => {
  it('is updated soon after this process issued a certificate', async () => {
    const { metrics, fleet, issue, read } = exposedFleet();
    metrics.expose(fleet);
    await vi.advanceTimersByTimeAsync(1);
    issue('1');
    metrics.certificateIssued();
    await vi.advanceTimersByTimeAsync(2_000);
    const text = await read();
    expect(text).toMatch(/^certman_operator_certs_in_last_day_openshift_apps_com 1$/m);
    expect(text).toMatch(/^certman_operator_certificate_issue_duration_sum 3$/m);
  });

  it('is updated soon after a scrape detects a certificate of another process', async () => {
    const { metrics, fleet, issue, read } = exposedFleet();
    metrics.expose(fleet);
    fleet.requests.push(REQUEST);
    await vi.advanceTimersByTimeAsync(1);
    await read();
    issue('1');
    fleet.requests[0] = { ...REQUEST, notAfter: Date.now() + DAY };
    await read();
    await vi.advanceTimersByTimeAsync(2_000);
    expect(await read()).toMatch(/^certman_operator_certs_in_last_week_openshift_apps_com 1$/m);
  });

  it('is updated every five minutes otherwise, with one listing each', async () => {
    const { metrics, fleet, state, read } = exposedFleet();
    metrics.expose(fleet);
    for (let minute = 0; minute < 15; minute += 1) {
      await vi.advanceTimersByTimeAsync(60_000);
      await read();
    }
    expect(state.listings).toBe(4);
  });

  it('lists a certificate a few times in a burst, however long that lasts', async () => {
    const { metrics, fleet, issue, state, read } = exposedFleet();
    metrics.expose(fleet);
    const certificates = 6_000;
    for (let run = 0; run < certificates; run += 1) {
      issue(String(run));
      metrics.certificateIssued();
      await vi.advanceTimersByTimeAsync(100);
    }
    expect(state.listed).toBeLessThan(10 * certificates);
    await vi.advanceTimersByTimeAsync(32_000);
    expect(await read()).toMatch(/^certman_operator_certs_in_last_day_openshift_apps_com 6000$/m);
  });

  it('is made again where a certificate was issued while the last one was made', async () => {
    const { metrics, fleet, issue, state, read } = exposedFleet();
    const release = state.hold();
    metrics.expose(fleet);
    await vi.advanceTimersByTimeAsync(1);
    issue('1');
    metrics.certificateIssued();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(state.listings).toBe(1);
    release();
    await vi.advanceTimersByTimeAsync(2_000);
    expect(state.listings).toBe(2);
    expect(await read()).toMatch(/^certman_operator_certs_in_last_day_openshift_apps_com 1$/m);
  });

  it('is the same for a process that takes over', async () => {
    const first = exposedFleet();
    first.metrics.expose(first.fleet);
    for (const run of ['1', '2', '3']) first.issue(run);
    await vi.advanceTimersByTimeAsync(1);
    const before = await first.read();
    first.metrics.close();
    first.metrics.expose(first.fleet);
    await vi.advanceTimersByTimeAsync(1);
    expect(await first.read()).toBe(before);
    expect(before).toMatch(/^certman_operator_duplicate_certs_in_last_week 2$/m);
  });

  it('drops certificates older than a day without a listing', async () => {
    const { metrics, fleet, issue, state, read } = exposedFleet();
    metrics.expose(fleet);
    issue('1');
    await vi.advanceTimersByTimeAsync(1);
    state.broken = true;
    vi.setSystemTime(Date.now() + DAY);
    const text = await read();
    expect(text).toMatch(/^certman_operator_certs_in_last_day_openshift_apps_com 0$/m);
    expect(text).toMatch(/^certman_operator_certs_in_last_week_openshift_apps_com 1$/m);
  });

  it('is not made for each certificate of a burst while visibility is unavailable', async () => {
    const { metrics, fleet, issue, state, read } = exposedFleet();
    metrics.expose(fleet);
    await vi.advanceTimersByTimeAsync(1);
    state.broken = true;
    for (let second = 0; second < 60; second += 1) {
      issue(String(second));
      metrics.certificateIssued();
      await vi.advanceTimersByTimeAsync(1_000);
    }
    expect(state.listings).toBeLessThanOrEqual(4);
    state.broken = false;
    await vi.advanceTimersByTimeAsync(32_000);
    expect(await read()).toMatch(/^certman_operator_certs_in_last_day_openshift_apps_com 60$/m);
  });

  it('keeps its values while visibility is unavailable, reports the error, and recovers', async () => {
    const { metrics, fleet, issue, state, errors, read } = exposedFleet();
    metrics.expose(fleet);
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
