import { describe, expect, test } from 'vitest';
import { forecastText } from '../../../src/cli/forecast-text.ts';
import { type CaLimits, type CaOverrides, caLimitsOf } from '../../../src/rate-limit/ca-limits.ts';
import { forecastOnboarding } from '../../../src/rate-limit/forecast.ts';

const CA = 'acme-v02.api.letsencrypt.org';
const DAY_MS = 24 * 3_600_000;

function forecast(clusters: number, overrides?: CaOverrides) {
  return forecastOnboarding(caLimitsOf(CA, overrides) as CaLimits, clusters, 'example.com');
}

describe('a forecast', () => {
  test('40 clusters wait for nothing', () => {
    expect(forecast(40)).toMatchObject({ limitedBy: undefined });
    expect(forecast(40).milestones.at(-1)).toEqual({ clusters: 40, afterMs: 0 });
  });

  test('1,000 clusters below one domain take 19 weeks, and an override makes it hours', () => {
    const { milestones, limitedBy, domainOverride } = forecast(1_000);
    expect(limitedBy).toBe('domain');
    expect((milestones.at(-1)?.afterMs ?? 0) / DAY_MS).toBeCloseTo((1_000 - 49) / (50 / 7), 1);
    expect(domainOverride).toBe(1_000);
    const granted = forecast(1_000, { certificatesPerDomain: { 'example.com': 1_000 } });
    expect(granted.limitedBy).toBe('account');
    expect(granted.milestones.at(-1)?.afterMs).toBeLessThan(DAY_MS / 3);
    expect(granted.domainOverride).toBeUndefined();
  });

  test.each([
    [100, 300],
    [1_001, 5_000],
    [10_000, 10_000],
  ])('of %i clusters, the override is one that the CA offers, and enough', (clusters, tier) => {
    expect(forecast(clusters).domainOverride).toBe(tier);
    const granted = forecast(clusters, { certificatesPerDomain: { 'example.com': tier } });
    expect(granted.milestones.at(-1)?.afterMs).toBeLessThanOrEqual(7.2 * DAY_MS);
  });

  test('at the staging CA, the limit of the account is met before that of the domain', () => {
    const { account, domain } = caLimitsOf('acme-staging-v02.api.letsencrypt.org') as CaLimits;
    expect(domain.intervalMs).toBeLessThan(account.intervalMs);
  });

  test('its text says by which limit, and what to ask for', () => {
    const text = forecastText({ ca: CA, domain: 'example.com', ...forecast(1_000) });
    expect(text).toContain('after 133.1 days');
    expect(text).toContain(`They wait for the limit of ${CA} for certificates below example.com.`);
    expect(text).toContain('\nMaximum Certificates Per Week: 1000\nRegistered Domain Name: example.com\nUse Case: ');
    // The form requires 60 characters.
    expect(/Use Case: (.*)/.exec(text)?.[1]?.length).toBeGreaterThan(60);
  });
});
