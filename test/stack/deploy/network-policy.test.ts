/**
 * deploy/components/network-policy, as the real API server takes it. No network plugin runs here: that it is enforced is
 * the plugin's part.
 */
import { expect, test } from 'vitest';
import { readManifests, resourceOf } from '../../../local/stack/management-cluster/manifests.ts';
import type { KubernetesObject } from '../../../src/kubernetes/api/kubernetes-api.ts';
import { useManagementCluster } from '../../support/kubernetes/management-cluster.ts';

interface Rule {
  readonly to?: readonly unknown[];
  readonly ports: readonly { readonly port: number | string; readonly protocol: string }[];
}

interface Spec {
  readonly podSelector: { readonly matchLabels: Readonly<Record<string, string>> };
  readonly ingress: readonly Rule[];
  readonly egress: readonly Rule[];
}

const managementCluster = useManagementCluster();

const portsOf = (rules: readonly Rule[]) => rules.flatMap(({ ports }) => ports.map(({ port }) => port));

async function only(file: string): Promise<KubernetesObject> {
  const [object] = await readManifests(file);
  if (object === undefined) throw new Error(`${file} has no object`);
  return object;
}

async function applied(): Promise<Spec> {
  const policy = await only('components/network-policy/network-policy.yaml');
  return (await managementCluster().admin.apply(resourceOf(policy), policy))['spec'] as Spec;
}

test('selects the pods of the Deployment, of which it opens the ports of metrics only', async () => {
  const { template } = (await only('base/deployment.yaml'))['spec'] as {
    readonly template: {
      readonly metadata: { readonly labels: Readonly<Record<string, string>> };
      readonly spec: { readonly containers: readonly { readonly ports: readonly { readonly name: string }[] }[] };
    };
  };
  const { podSelector, ingress } = await applied();
  expect(template.metadata.labels).toMatchObject(podSelector.matchLabels);
  const named = template.spec.containers.flatMap(({ ports }) => ports.map(({ name }) => name));
  expect(named.filter((name) => name !== 'probes')).toEqual(portsOf(ingress));
});

test('lets the pods connect to Temporal’s port and namespace of the worker’s settings', async () => {
  const { TEMPORAL_ADDRESS = '' } = (await only('base/worker-settings.yaml'))['data'] as Readonly<
    Record<string, string>
  >;
  const [, namespace, port] = /^[^.]+\.([^.]+)\.svc:(\d+)$/.exec(TEMPORAL_ADDRESS) ?? [];
  const rule = (await applied()).egress.find(({ ports }) => ports.some((one) => String(one.port) === port));
  expect(JSON.stringify(rule?.to)).toContain(`"kubernetes.io/metadata.name":"${namespace}"`);
});

test('lets them connect to no port beside those of DNS, HTTPS, the API server, CRLs and Temporal', async () => {
  expect([...new Set(portsOf((await applied()).egress))].map(Number).sort((a, b) => a - b)).toEqual([
    53, 80, 443, 5353, 6443, 7233,
  ]);
});

test('keeps them from the metadata service of the cloud', async () => {
  for (const { to = [], ports } of (await applied()).egress.filter(({ to: targets }) => targets !== undefined)) {
    const blocks = to.flatMap((target) => {
      const { ipBlock } = target as {
        readonly ipBlock?: { readonly cidr: string; readonly except?: readonly string[] };
      };
      return ipBlock?.cidr === '0.0.0.0/0' ? [ipBlock.except ?? []] : [];
    });
    for (const except of blocks) expect([ports, except]).toEqual([ports, expect.arrayContaining(['169.254.0.0/16'])]);
  }
});
