/** The Route 53 provider of a test file against moto behind a proxy, with a zone of its own for each test. */
import { afterAll, beforeAll, beforeEach } from 'vitest';
import type { TxtRecord } from '../../../src/certificates/dns-name.ts';
import type { ZoneTarget } from '../../../src/clusters/zone-target.ts';
import { PlatformProvider, type PlatformProviderOptions } from '../../../src/dns/registry.ts';
import type { Route53Settings } from '../../../src/dns/route53/provider.ts';
import { type Moto, startMoto } from './dns-servers.ts';
import { FakeKubernetesApi, type Route53Proxy, startRoute53Proxy, zoneTarget } from './route53-proxy.ts';

export const { signal } = new AbortController();

/** When the orders of a test began to wait. */
export const SINCE = 0;

/** A value as challenges have it. */
export const VALUE = 'v'.repeat(43);

export const record = (name: string, value = VALUE): TxtRecord => ({ name: `_acme-challenge.${name}`, value });

export interface Route53Harness {
  readonly moto: Moto;
  readonly proxy: Route53Proxy;
  /** With credentials in Secret `ns/aws`. */
  readonly kubernetes: FakeKubernetesApi;
  readonly zoneId: string;
  readonly zoneName: string;
  provider(options?: Partial<PlatformProviderOptions>, settings?: Partial<Route53Settings>): PlatformProvider;
  /** A cluster in the test's zone. */
  here(namespace?: string): ZoneTarget;
}

export function useRoute53(): Route53Harness {
  let [moto, proxy]: [Moto?, Route53Proxy?] = [];
  let zones = 0;
  const harness = {
    kubernetes: new FakeKubernetesApi(),
    zoneId: '',
    zoneName: '',
    provider: (options: Partial<PlatformProviderOptions> = {}, settings: Partial<Route53Settings> = {}) =>
      new PlatformProvider({
        kubernetes: harness.kubernetes.asApi(),
        operatorNamespace: 'certman-operator',
        batchWindowMs: 50,
        needsNameServers: false,
        platform: settings.fedramp && 'aws',
        settings: {
          route53: { requestsPerSecond: 1_000, ambientCredentials: 'labelled', ...settings },
          google: { requestsPerSecond: 1_000, userAgent: 'certman/test' },
          azure: { requestsPerSecond: 1_000, userAgent: 'certman/test' },
        },
        ...options,
      }),
    here: (namespace = 'ns') => zoneTarget({ namespace, zoneName: harness.zoneName }),
  };
  beforeAll(async () => {
    moto = await startMoto();
    proxy = await startRoute53Proxy(moto.url);
    process.env['AWS_ENDPOINT_URL'] = proxy.url;
    Object.assign(harness, { moto, proxy });
  });
  afterAll(async () => {
    delete process.env['AWS_ENDPOINT_URL'];
    await proxy?.close();
    await moto?.stop();
  });
  beforeEach(async () => {
    if (moto === undefined || proxy === undefined) throw new Error('moto is not running');
    const zoneName = `z${++zones}.example.com`;
    const kubernetes = new FakeKubernetesApi();
    kubernetes.putCredentials('ns', 'aws', 'AKIAEXAMPLE');
    Object.assign(harness, { zoneName, kubernetes, zoneId: await moto.createZone(zoneName) });
    proxy.refuse = () => undefined;
    proxy.rewrite = (body) => body;
    proxy.requests.length = 0;
  });
  return harness as typeof harness & Pick<Route53Harness, 'moto' | 'proxy'>;
}
