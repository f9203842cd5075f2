import { expect, test, vi } from 'vitest';
import type { ZoneTarget } from '../../../src/clusters/zone-target.ts';
import { PlatformProvider } from '../../../src/dns/registry.ts';
import type { KubernetesApi } from '../../../src/kubernetes/api/kubernetes-api.ts';

const { createRoute53 } = vi.hoisted(() => ({ createRoute53: vi.fn() }));
vi.mock('../../../src/dns/route53/provider.ts', () => ({
  Route53Provider: class {
    constructor() {
      createRoute53();
    }
    awaitLive = () => Promise.resolve();
  },
}));

const TARGET: ZoneTarget = {
  namespace: 'ns',
  clusterName: 'c1',
  zoneName: 'example.com',
  platform: { kind: 'aws', region: 'us-east-1', sts: false },
};

test('a provider that cannot be created is created again by the next call, once', async () => {
  createRoute53.mockImplementationOnce(() => {
    throw new Error('no SDK');
  });
  const dns = new PlatformProvider({
    kubernetes: {} as KubernetesApi,
    operatorNamespace: 'certman-operator',
    batchWindowMs: 1,
    needsNameServers: false,
    settings: {
      route53: { requestsPerSecond: 1, ambientCredentials: 'all' },
      google: { requestsPerSecond: 1, userAgent: 'certman/test' },
      azure: { requestsPerSecond: 1, userAgent: 'certman/test' },
    },
  });
  const awaitLive = () => dns.awaitLive(TARGET, 'C1', new AbortController().signal);
  await expect(awaitLive()).rejects.toThrow('no SDK');
  await awaitLive();
  await awaitLive();
  expect(createRoute53).toHaveBeenCalledTimes(2);
});
