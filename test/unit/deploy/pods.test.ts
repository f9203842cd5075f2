/** The pods of deploy/base: probes, shutdown, spread and eviction fit each other and what a worker does. */
import { expect, test } from 'vitest';
import { readManifests } from '../../../local/stack/management-cluster/manifests.ts';
import { SETTINGS } from '../../../src/configuration/settings.ts';

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string };
}

interface Selector {
  readonly matchLabels: Readonly<Record<string, string>>;
}

interface DeploymentSpec {
  readonly replicas: number;
  readonly strategy: { readonly rollingUpdate: { readonly maxUnavailable: number } };
  readonly template: {
    readonly metadata: { readonly labels: Readonly<Record<string, string>> };
    readonly spec: {
      readonly terminationGracePeriodSeconds: number;
      readonly topologySpreadConstraints: readonly { readonly topologyKey: string; readonly labelSelector: Selector }[];
      readonly containers: readonly {
        readonly env: readonly { readonly name: string; readonly value?: string }[];
        readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
        readonly livenessProbe: Probe;
        readonly readinessProbe: Probe;
        readonly startupProbe: Probe;
      }[];
    };
  };
}

async function specOf<Spec>(file: string): Promise<Spec> {
  const [object] = await readManifests(`base/${file}`);
  return object?.['spec'] as Spec;
}

const { replicas, strategy, template } = await specOf<DeploymentSpec>('deployment.yaml');
const [worker] = template.spec.containers;
const portNamed = (name: string) => worker?.ports.find((port) => port.name === name)?.containerPort;

test('the ports are those that a worker listens on by default', () => {
  const addresses = { metricsAddress: 'metrics', probeAddress: 'probes', sdkMetricsAddress: 'sdk-metrics' } as const;
  for (const [setting, port] of Object.entries(addresses)) {
    const { defaultText } = SETTINGS[setting as keyof typeof addresses];
    expect(defaultText).toBe(`0.0.0.0:${portNamed(port)}`);
  }
});

test('only readiness depends on Temporal, and all probes have a port of their own', () => {
  expect(worker?.livenessProbe.httpGet).toEqual({ path: '/healthz', port: 'probes' });
  expect(worker?.startupProbe.httpGet).toEqual({ path: '/healthz', port: 'probes' });
  expect(worker?.readinessProbe.httpGet).toEqual({ path: '/readyz', port: 'probes' });
});

test('a pod has ten seconds more than its activities to end', () => {
  const grace = worker?.env.find(({ name }) => name === 'CERTMAN_SHUTDOWN_GRACE')?.value ?? '';
  expect(grace).toMatch(/^\d+s$/);
  expect(template.spec.terminationGracePeriodSeconds).toBeGreaterThanOrEqual(Number.parseInt(grace, 10) + 10);
});

test('pods are spread over nodes and zones', () => {
  const constraints = template.spec.topologySpreadConstraints;
  expect(constraints.map(({ topologyKey }) => topologyKey)).toEqual([
    'kubernetes.io/hostname',
    'topology.kubernetes.io/zone',
  ]);
  for (const { labelSelector } of constraints)
    expect(template.metadata.labels).toMatchObject(labelSelector.matchLabels);
});

test('neither a rollout nor the drain of a node takes more than one pod away', async () => {
  const budget = await specOf<{
    readonly maxUnavailable: number;
    readonly unhealthyPodEvictionPolicy: string;
    readonly selector: Selector;
  }>('pod-disruption-budget.yaml');
  expect(replicas).toBeGreaterThan(budget.maxUnavailable);
  expect(budget).toMatchObject({ maxUnavailable: 1, unhealthyPodEvictionPolicy: 'AlwaysAllow' });
  expect(template.metadata.labels).toMatchObject(budget.selector.matchLabels);
  expect(strategy.rollingUpdate.maxUnavailable).toBe(0);
});
