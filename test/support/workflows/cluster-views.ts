/** Cluster views for tests, with only what a test cares about said. */
import type { BundleView, ClusterView } from '../../../src/clusters/cluster-view.ts';

export function bundleView(name = 'primary', ...dnsNames: readonly string[]): BundleView {
  const names = dnsNames.length === 0 ? ['api.c1.example.com', '*.apps.c1.example.com'] : dnsNames;
  return {
    name,
    secretName: `${name}-cert`,
    names: { kind: 'valid', dnsNames: names, ...(names[0] === undefined ? {} : { commonName: names[0] }) },
  };
}

export function clusterView(change: Partial<ClusterView> = {}): ClusterView {
  return {
    identity: { managementCluster: 'hive', namespace: 'ns-c1', name: 'c1', uid: crypto.randomUUID() },
    deleting: false,
    installed: true,
    managed: true,
    fake: false,
    paused: false,
    limitedSupport: false,
    relocation: 'none',
    finalizer: false,
    zoneName: 'example.com',
    platform: { kind: 'aws', region: 'us-east-1', credentialsSecret: 'aws', sts: false },
    bundles: [bundleView()],
    ...change,
  };
}
