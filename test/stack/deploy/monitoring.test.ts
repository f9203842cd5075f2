/** deploy/components/monitoring on an overlay of deploy/base, its rules as Prometheus evaluates them. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { executable } from '../../../local/stack/build/executables.ts';
import type { KubernetesObject } from '../../../src/kubernetes/api/kubernetes-api.ts';
import { renderChart } from '../../support/kubernetes/helm-chart.ts';
import { renderOverlay, theOnly } from '../../support/kubernetes/overlay.ts';
import {
  allExpressions,
  allRules,
  dashboardText,
  prometheusRules,
} from '../../support/prometheus/monitoring-component.ts';
import { operatorCrds } from '../../support/prometheus/operator-crds.ts';
import { promtoolTests } from '../../support/prometheus/promtool-tests.ts';
import { TEST_TIMEOUT_MS } from '../../support/vitest/timeouts.ts';
import { useStack } from '../../support/vitest/use-stack.ts';

const stack = useStack();
let objects: readonly KubernetesObject[];
let folder: string;
let promtool: string;

beforeAll(async () => {
  promtool = await executable('promtool');
  folder = await mkdtemp(join(tmpdir(), 'certman-rules-'));
  objects = await renderOverlay(stack, ['network-policy', 'monitoring']);
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

/** @returns what promtool prints. @throws with its output when it finds something wrong. */
async function run(command: readonly string[], file: string, content: unknown): Promise<string> {
  const text = typeof content === 'string' ? content : stringify(content);
  await writeFile(join(folder, file), text);
  const { stdout } = await promisify(execFile)(promtool, [...command, file], {
    cwd: folder,
    timeout: TEST_TIMEOUT_MS,
  }).catch((error: Error & { readonly stdout?: string; readonly stderr?: string }) => {
    throw new Error(`${error.stdout ?? ''}${error.stderr ?? ''}`, { cause: error });
  });
  return stdout;
}

describe('promtool', () => {
  test('accepts the rules, and every expression of the dashboard', async () => {
    const { spec } = theOnly(objects, 'PrometheusRule') as { readonly spec?: unknown };
    expect(spec).toEqual(prometheusRules());
    expect(await run(['check', 'rules'], 'rules.yaml', spec)).toContain(`SUCCESS: ${allRules().length} rules`);
    const recorded = allExpressions().map(({ expr }, index) => ({ record: `panel:${index}`, expr }));
    const panels = { groups: [{ name: 'panels', rules: recorded }] };
    expect(await run(['check', 'rules'], 'panels.yaml', panels)).toContain(`SUCCESS: ${recorded.length} rules`);
  });

  test('sees every alert fire with its labels, and be quiet', async () => {
    await writeFile(join(folder, 'rules.yaml'), stringify(prometheusRules()));
    const severities = allRules().map(({ alert = '', labels }) => [alert, labels?.severity ?? ''] as const);
    const tests = promtoolTests('rules.yaml', Object.fromEntries(severities));
    expect(await run(['test', 'rules'], 'alerts.yaml', tests)).toContain('SUCCESS');
  });
});

describe('with the CRDs of Prometheus Operator', () => {
  const KINDS = ['ServiceMonitor', 'PrometheusRule'];
  const apply = (items: readonly object[]) =>
    stack.kubectl(['apply', '--server-side', '--force-conflicts', '--validate=strict', '-f', '-'], {
      input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }),
    });

  beforeAll(async () => {
    const crds = await operatorCrds(KINDS);
    await stack.kubectl(['apply', '--server-side', ...crds.flatMap((file) => ['-f', file])]);
    await stack.kubectl(['wait', '--for=condition=Established', ...crds.flatMap((file) => ['-f', file])]);
    await apply([{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'certman-operator' } }]);
  });

  test.each([
    ['kustomize', () => objects],
    [
      'Helm',
      () =>
        renderChart({
          values: {
            image: { repository: 'registry.example/certman', tag: '0.2.0' },
            monitoring: { enabled: true, labels: { prometheus: 'fleet' } },
          },
        }),
    ],
  ])('the API server takes the objects of %s', async (_renderer, render) => {
    const own = (await render()).filter(
      ({ kind = '', metadata }) => KINDS.includes(kind) || metadata.name === 'certman-dashboard',
    );
    expect((await apply(own)).trim().split('\n').sort()).toEqual([
      'configmap/certman-dashboard serverside-applied',
      'prometheusrule.monitoring.coreos.com/certman serverside-applied',
      'servicemonitor.monitoring.coreos.com/certman serverside-applied',
    ]);
  });

  test('it refuses a field that they do not have, and a duration that is none', async () => {
    const monitor = theOnly(objects, 'ServiceMonitor');
    const spec = monitor['spec'] as { readonly endpoints: readonly object[] };
    const withEndpoint = (endpoint: object) => [{ ...monitor, spec: { ...spec, endpoints: [endpoint] } }];
    await expect(apply(withEndpoint({ port: 'metrics', every: '30s' }))).rejects.toThrow(/every/);
    await expect(apply(withEndpoint({ port: 'metrics', interval: '30 seconds' }))).rejects.toThrow(/interval/);
  });
});

test('Prometheus scrapes both ports of the Service, and is let in', () => {
  const monitor = theOnly(objects, 'ServiceMonitor') as unknown as Monitor;
  const service = theOnly(objects, 'Service') as unknown as Service;
  const policy = theOnly(objects, 'NetworkPolicy') as unknown as Policy;
  const ports = monitor.spec.endpoints.map(({ port }) => port);
  expect(service.metadata).toMatchObject({
    namespace: monitor.metadata.namespace,
    labels: monitor.spec.selector.matchLabels,
  });
  expect(service.spec.ports.map(({ name }) => name)).toEqual(ports);
  expect(policy.spec.ingress.flatMap((rule) => rule.ports.map(({ port }) => port))).toEqual(ports);
});

test('the dashboard is in a ConfigMap that Grafana finds', () => {
  const found = objects.find(({ metadata }) => metadata.name === 'certman-dashboard');
  expect(found?.metadata).toMatchObject({ namespace: 'certman-operator', labels: { grafana_dashboard: '1' } });
  expect(found?.['data']).toEqual({ 'certman.json': dashboardText() });
});

interface Monitor {
  readonly metadata: { readonly namespace: string };
  readonly spec: {
    readonly selector: { readonly matchLabels: Readonly<Record<string, string>> };
    readonly endpoints: readonly { readonly port: string }[];
  };
}
interface Service {
  readonly metadata: object;
  readonly spec: { readonly ports: readonly { readonly name: string }[] };
}
interface Policy {
  readonly spec: { readonly ingress: readonly { readonly ports: readonly { readonly port: string }[] }[] };
}
