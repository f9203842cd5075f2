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
    const { milestones, limitedBy, overrides } = forecast(1_000);
    expect(limitedBy).toBe('domain');
    expect((milestones.at(-1)?.afterMs ?? 0) / DAY_MS).toBeCloseTo((1_000 - 49) / (50 / 7), 1);
    expect(overrides).toEqual({ ordersPerAccount: undefined, certificatesPerDomain: 1_000 });
    const granted = forecast(1_000, { certificatesPerDomain: { 'example.com': 1_000 } });
    expect(granted.limitedBy).toBe('account');
    expect(granted.milestones.at(-1)?.afterMs).toBeLessThan(DAY_MS / 3);
    expect(granted.overrides).toBeUndefined();
  });

  test('the overrides that it names are enough, and not below what the CA grants', () => {
    for (const clusters of [100, 500, 10_000]) {
      const { overrides } = forecast(clusters);
      const granted = forecast(clusters, {
        ordersPerAccount: overrides?.ordersPerAccount,
        certificatesPerDomain: { 'example.com': overrides?.certificatesPerDomain ?? 50 },
      });
      expect(granted.milestones.at(-1)?.afterMs).toBeLessThanOrEqual(7.2 * DAY_MS);
      if (overrides !== undefined) expect(overrides.certificatesPerDomain).toBeGreaterThanOrEqual(300);
    }
  });

  test('its text says by which limit, and what to ask for', () => {
    const text = forecastText({ ca: CA, domain: 'example.com', ...forecast(1_000) });
    expect(text).toContain('after 133.1 days');
    expect(text).toContain(`They wait for the limit of ${CA} for certificates below example.com.`);
    expect(text).toContain('- 1000 certificates in 7 days for the registered domain example.com');
  });
});
