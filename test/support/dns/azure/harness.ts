/** The Azure provider of a test file against the fake of Azure DNS, empty for each test. */
import { afterEach, beforeEach, expect } from 'vitest';
import type { PlatformView } from '../../../../src/clusters/cluster-view.ts';
import type { ZoneTarget } from '../../../../src/clusters/zone-target.ts';
import type { DnsProviderOptions } from '../../../../src/dns/provider.ts';
import { PlatformProvider } from '../../../../src/dns/registry.ts';
import { FakeKubernetesApi } from '../route53-proxy.ts';
import { FakeAzureDns, SERVICE_PRINCIPAL } from './fake-azure-dns.ts';

export const { signal } = new AbortController();
export const ZONE = 'c1.example.com';
export const record = (name: string, value: string) => ({ name: `_acme-challenge.${name}.${ZONE}`, value });

type AzurePlatform = Extract<PlatformView, { readonly kind: 'azure' }>;

/** A cluster on Azure with its credentials in Secret `azure` and its zone in resource group `dns`. */
export function azureTarget(platform: Partial<AzurePlatform> = {}, parts: Partial<ZoneTarget> = {}): ZoneTarget {
  return {
    namespace: 'ns',
    clusterName: 'c1',
    zoneName: ZONE,
    platform: { kind: 'azure', credentialsSecret: 'azure', resourceGroupName: 'dns', ...platform },
    ...parts,
  };
}

export interface AzureHarness {
  readonly azure: FakeAzureDns;
  readonly kubernetes: FakeKubernetesApi;
  provider(options?: Partial<DnsProviderOptions>): PlatformProvider;
  putServicePrincipal(servicePrincipal: unknown): void;
}

export function useAzure(): AzureHarness {
  const harness = {
    azure: new FakeAzureDns(),
    kubernetes: new FakeKubernetesApi(),
    provider: (options: Partial<DnsProviderOptions> = {}) =>
      new PlatformProvider({
        kubernetes: harness.kubernetes.asApi(),
        operatorNamespace: 'certman-operator',
        batchWindowMs: 5,
        needsNameServers: true,
        settings: {
          route53: { requestsPerSecond: 1, ambientCredentials: 'labelled' },
          google: { requestsPerSecond: 1, userAgent: 'certman/test' },
          azure: { requestsPerSecond: 1_000, userAgent: 'certman/test', connections: harness.azure.connections },
        },
        ...options,
      }),
    putServicePrincipal: (servicePrincipal: unknown) => {
      const content = typeof servicePrincipal === 'string' ? servicePrincipal : JSON.stringify(servicePrincipal);
      const data = { 'osServicePrincipal.json': Buffer.from(content).toString('base64') };
      harness.kubernetes.put('Secret', 'ns', 'azure', { data });
    },
  };
  beforeEach(async () => {
    Object.assign(harness, { azure: new FakeAzureDns(), kubernetes: new FakeKubernetesApi() });
    harness.putServicePrincipal(SERVICE_PRINCIPAL);
    await harness.azure.start();
  });
  afterEach(async () => {
    await harness.azure.stop();
    expect(harness.azure.violations).toEqual([]);
  });
  return harness;
}
