/** The Google provider of a test file against the fake of Cloud DNS, empty for each test. */
import { afterEach, beforeEach, expect } from 'vitest';
import type { TxtRecord } from '../../../../src/certificates/dns-name.ts';
import type { ZoneTarget } from '../../../../src/clusters/zone-target.ts';
import type { DnsProviderOptions } from '../../../../src/dns/provider.ts';
import { PlatformProvider } from '../../../../src/dns/registry.ts';
import { FakeKubernetesApi } from '../route53-proxy.ts';
import { FakeCloudDns, KEY_FILE } from './fake-cloud-dns.ts';

export const { signal } = new AbortController();
export const ZONE = 'c1.example.com';
export const record = (name: string, value: string): TxtRecord => ({ name: `_acme-challenge.${name}`, value });

/** A cluster on Google with its credentials in Secret `gcp`. */
export function googleTarget(parts: Partial<ZoneTarget> = {}): ZoneTarget {
  const platform = { kind: 'gcp', credentialsSecret: 'gcp' } as const;
  return { namespace: 'ns', clusterName: 'c1', zoneName: ZONE, platform, ...parts };
}

export interface GoogleHarness {
  readonly google: FakeCloudDns;
  readonly kubernetes: FakeKubernetesApi;
  provider(options?: Partial<DnsProviderOptions>): PlatformProvider;
  putKeyFile(keyFile: unknown, namespace?: string): void;
}

export function useGoogle(): GoogleHarness {
  const harness = {
    google: new FakeCloudDns(),
    kubernetes: new FakeKubernetesApi(),
    provider: (options: Partial<DnsProviderOptions> = {}) =>
      new PlatformProvider({
        kubernetes: harness.kubernetes.asApi(),
        operatorNamespace: 'certman-operator',
        batchWindowMs: 5,
        needsNameServers: true,
        expectedLiveMs: 10,
        settings: {
          route53: { requestsPerSecond: 1, ambientCredentials: 'labelled' },
          azure: { requestsPerSecond: 1, userAgent: 'certman/test' },
          google: { requestsPerSecond: 1_000, userAgent: 'certman/test', connections: harness.google.connections },
        },
        ...options,
      }),
    putKeyFile: (keyFile: unknown, namespace = 'ns') => {
      const text = typeof keyFile === 'string' ? keyFile : JSON.stringify(keyFile);
      const data = { 'osServiceAccount.json': Buffer.from(text).toString('base64') };
      harness.kubernetes.put('Secret', namespace, 'gcp', { data });
    },
  };
  beforeEach(async () => {
    Object.assign(harness, { google: new FakeCloudDns(), kubernetes: new FakeKubernetesApi() });
    harness.putKeyFile(KEY_FILE);
    await harness.google.start();
  });
  afterEach(async () => {
    await harness.google.stop();
    expect(harness.google.violations).toEqual([]);
  });
  return harness;
}
