/** deploy/helm/certman renders what kustomize renders, for every component and overlay. */
import { readdirSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { readManifests } from '../../../local/stack/management-cluster/manifests.ts';
import type { KubernetesObject } from '../../../src/kubernetes/api/kubernetes-api.ts';
import { CHART, helm, renderChart, valuesOf } from '../../support/kubernetes/helm-chart.ts';
import { buildOverlay, renderOverlay, theOnly, workerSettings } from '../../support/kubernetes/overlay.ts';
import { useStack } from '../../support/vitest/use-stack.ts';

const stack = useStack();
const IMAGE = { image: { repository: 'registry.example/certman', tag: '0.2.0' } };
const valuesFile = (name: string) =>
  fileURLToPath(new URL(`../../../deploy/helm/values/${name}.yaml`, import.meta.url));

interface Metadata {
  readonly annotations?: Readonly<Record<string, string>>;
}

interface PodTemplate {
  readonly metadata: Metadata;
  readonly spec: {
    readonly volumes: readonly { readonly name: string }[];
    readonly containers: readonly { readonly volumeMounts: readonly { readonly name: string }[] }[];
  };
}

const byName = <Item extends { readonly name: string }>(items: readonly Item[]) =>
  items.toSorted((one, other) => one.name.localeCompare(other.name));

/** Without the order of objects and volumes, which means nothing, and what only a release has. */
function comparable(objects: readonly KubernetesObject[]): Readonly<Record<string, unknown>> {
  const named = objects.map((object) => {
    const { kind = '', metadata } = object;
    return [`${kind} ${metadata.namespace ?? ''}/${metadata.name}`, withoutReleaseParts(object)] as const;
  });
  expect(new Set(named.map(([name]) => name)).size, 'objects with the same name').toBe(named.length);
  return Object.fromEntries(named);
}

function withoutReleaseParts(object: KubernetesObject): unknown {
  if (isKept(object)) {
    const { annotations: _keep, ...metadata } = object.metadata;
    return { ...object, metadata };
  }
  const spec = object['spec'] as { readonly template?: PodTemplate } | undefined;
  if (spec?.template === undefined) return object;
  const { metadata, spec: pod } = spec.template;
  const { annotations: _checksum, ...others } = metadata as Metadata & object;
  const containers = pod.containers.map((one) => ({ ...one, volumeMounts: byName(one.volumeMounts) }));
  return {
    ...object,
    spec: { ...spec, template: { metadata: others, spec: { ...pod, volumes: byName(pod.volumes), containers } } },
  };
}

/** `helm uninstall` leaves it. */
const isKept = ({ metadata }: KubernetesObject) => metadata.annotations?.['helm.sh/resource-policy'] === 'keep';

/** Helm installs into a namespace that exists. */
const withoutNamespace = (objects: readonly KubernetesObject[]) => objects.filter(({ kind }) => kind !== 'Namespace');

/** Values that turn a component on, where they are not `<component in camel case>.enabled`. */
const VALUES_OF: Readonly<Record<string, object>> = {
  'temporal-api-key': { 'temporal.apiKey': { enabled: true } },
  'temporal-mtls': { 'temporal.mtls': { enabled: true } },
};

function valuesFor(component: string): object {
  const inCamelCase = component.replaceAll(/-(.)/g, (_match, letter: string) => letter.toUpperCase());
  return VALUES_OF[component] ?? { [inCamelCase]: { enabled: true } };
}

/** But for `watch-namespaces`, which has a test of its own. */
const COMPONENTS = readdirSync(new URL('../../../deploy/components', import.meta.url))
  .filter((component) => component !== 'watch-namespaces')
  .map((component) => [component, valuesFor(component)] as const);

test.each([['none', {}] as const, ...COMPONENTS])('component %s', async (component, values) => {
  const components = component === 'none' ? [] : [component];
  const expected = withoutNamespace(await renderOverlay(stack, components));
  const rendered = await renderChart({ values: { ...IMAGE, ...values } });
  expect(comparable(rendered)).toEqual(comparable(expected));
});

test('all components that go together', async () => {
  const together = COMPONENTS.filter(([component]) => component !== 'temporal-api-key');
  const expected = withoutNamespace(
    await renderOverlay(
      stack,
      together.map(([component]) => component),
    ),
  );
  const values = Object.assign({}, ...together.map(([, one]) => one)) as object;
  expect(comparable(await renderChart({ values: { ...IMAGE, ...values } }))).toEqual(comparable(expected));
});

test('component watch-namespaces, with the RoleBinding and the setting that each namespace needs', async () => {
  const expected = withoutNamespace(await renderOverlay(stack, ['watch-namespaces']));
  const [binding] = await readManifests('examples/watched-namespace.yaml');
  const rendered = await renderChart({ values: { ...IMAGE, watchNamespaces: ['my-cluster', 'my-team'] } });
  const settings = rendered.filter(({ metadata }) => metadata.name === 'certman-worker');
  expect(workerSettings(settings)).toMatchObject({ CERTMAN_WATCH_NAMESPACES: 'my-cluster,my-team' });
  const bindings = ['my-cluster', 'my-team'].map((namespace) => ({
    ...binding,
    metadata: { ...binding?.metadata, namespace },
  })) as readonly KubernetesObject[];
  const { 'ConfigMap certman-operator/certman-worker': _settings, ...others } = comparable(rendered);
  const { 'ConfigMap certman-operator/certman-worker': _base, ...expectedOthers } = comparable([
    ...expected,
    ...bindings,
  ]);
  expect(others).toEqual(expectedOthers);
});

const OVERLAYS: readonly (readonly [overlay: string, file: string, values: Readonly<Record<string, unknown>>])[] = [
  ['production', 'production', {}],
  ['staging', 'staging', {}],
  ['fedramp', 'fedramp', {}],
  ['shared-temporal/hive-east', 'shared-temporal', { managementCluster: 'hive-east' }],
  ['shared-temporal/hive-west', 'shared-temporal', { managementCluster: 'hive-west' }],
];

test.each(OVERLAYS)('overlay %s', async (overlay, file, values) => {
  const expected = withoutNamespace(await buildOverlay(stack, overlay));
  expect(comparable(await renderChart({ files: [valuesFile(file)], values }))).toEqual(comparable(expected));
});

test('the objects of a namespace follow the release', async () => {
  const values = { ...IMAGE, admissionPolicy: { enabled: true }, networkPolicy: { enabled: true } };
  const objects = await renderChart({ namespace: 'elsewhere', values });
  const text = JSON.stringify(objects);
  expect(text).toContain('system:serviceaccount:elsewhere:certman');
  expect(text).not.toContain('"namespace":"certman-operator"');
  expect(text).not.toContain('certman-operator:certman');
});

test('pods, ServiceAccount and NetworkPolicy take what a management cluster needs', async () => {
  const tolerations = [{ key: 'infra', operator: 'Exists' }];
  const [volumes, volumeMounts] = [
    [{ name: 'roots', configMap: { name: 'roots' } }],
    [{ name: 'roots', mountPath: '/r' }],
  ];
  const pod = {
    tolerations,
    priorityClassName: 'system-cluster-critical',
    nodeSelector: { infra: '' },
    volumes,
    volumeMounts,
  };
  const objects = await renderChart({
    values: {
      ...IMAGE,
      ...pod,
      replicas: 1,
      podAnnotations: { note: 'x' },
      'serviceAccount.annotations': { role: 'y' },
      podDisruptionBudget: { enabled: false },
      networkPolicy: { enabled: true, metricsNamespaces: ['prometheus'], temporalNamespace: 'temporal-2' },
    },
  });
  const { spec } = theOnly(objects, 'Deployment') as unknown as { readonly spec: { readonly template: PodTemplate } };
  const { volumes: _volumes, volumeMounts: _mounts, ...scheduling } = pod;
  expect(spec).toMatchObject({ replicas: 1, template: { metadata: { annotations: { note: 'x' } }, spec: scheduling } });
  expect(spec.template.spec.volumes.map(({ name }) => name)).toEqual(['tmp', 'roots']);
  expect(spec.template.spec.containers[0]?.volumeMounts.map(({ name }) => name)).toEqual(['tmp', 'roots']);
  expect(theOnly(objects, 'ServiceAccount').metadata.annotations).toEqual({ role: 'y' });
  expect(objects.map(({ kind }) => kind)).not.toContain('PodDisruptionBudget');
  const policy = JSON.stringify(theOnly(objects, 'NetworkPolicy'));
  expect(policy).toContain('"values":["prometheus"]');
  expect(policy).toContain('"kubernetes.io/metadata.name":"temporal-2"');
});

test('each WorkerDeployment can have a name of its own, as several management clusters on one Temporal need', async () => {
  const workerVersioning = { enabled: true, name: 'certman-east' };
  const objects = await renderChart({ values: { ...IMAGE, workerVersioning, 'temporal.namespace': 'other' } });
  expect(theOnly(objects, 'WorkerDeployment')).toMatchObject({
    metadata: { name: 'certman-east' },
    spec: { workerOptions: { connectionRef: { name: 'certman' }, temporalNamespace: 'other' } },
  });
});

test('new settings replace the pods, which read them at their start', async () => {
  const checksum = async (values: object) => {
    const { template } = theOnly(await renderChart({ values: { ...IMAGE, ...values } }), 'Deployment')['spec'] as {
      readonly template: PodTemplate;
    };
    return template.metadata.annotations?.['checksum/settings'];
  };
  const settings = (CERTMAN_ROUTE53_REQUESTS_PER_SECOND: unknown) => ({
    settings: { CERTMAN_ROUTE53_REQUESTS_PER_SECOND },
  });
  const [plain, five, text] = await Promise.all([checksum({}), checksum(settings(5)), checksum(settings('5'))]);
  expect(plain).toMatch(/^[0-9a-f]{64}$/);
  expect(five).not.toBe(plain);
  expect(text).toBe(five);
});

test('uninstalling keeps the CRD, and with it every CertificateRequest, and the known issuers, but not the turns of restarts', async () => {
  const objects = await renderChart({ values: IMAGE });
  expect(objects.map(({ metadata }) => metadata.name)).toContain('certman-restarts');
  const kept = objects.filter(isKept);
  expect(kept.map(({ metadata }) => metadata.name)).toEqual([
    'certman-issuers',
    'certificaterequests.certman.managed.openshift.io',
  ]);
  const without = await renderChart({ values: { ...IMAGE, crds: { enabled: false } } });
  expect(without.map(({ kind }) => kind)).not.toContain('CustomResourceDefinition');
});

test.each([
  ['no image', {}, /image\.repository is not set/],
  ['a value that it does not have', { ...IMAGE, replica: 3 }, /additional properties 'replica' not allowed/],
  ['a secret among the settings', { ...IMAGE, settings: { TEMPORAL_API_KEY: 'x' } }, /TEMPORAL_API_KEY/],
  ['an address with a scheme', { ...IMAGE, 'temporal.address': 'https://temporal:7233' }, /temporal\/address/],
])('refuses %s', async (_what, values, message) => {
  await expect(renderChart({ values })).rejects.toThrow(message);
});

test('an archive needs no other files', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'certman-chart-'));
  try {
    await helm(['package', CHART, '--destination', folder]);
    const [archive = ''] = await readdir(folder);
    const chart = join(folder, archive);
    const release = { files: [valuesFile('production')] };
    expect(await renderChart({ ...release, chart })).toEqual(await renderChart(release));
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('helm installs and upgrades it, over what kubectl apply has made', async () => {
  const release = { files: [valuesFile('production')] };
  for (const name of ['certman-operator', 'aws-account-operator']) {
    const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
    await stack.kubectl(['apply', '-f', '-'], { input: JSON.stringify(namespace) });
  }
  const flags = ['--namespace', 'certman-operator', '--take-ownership', '--force-conflicts'];
  const upgrade = (replicas: number) =>
    helm(['upgrade', '--install', 'certman', CHART, ...flags, ...valuesOf({ ...release, values: { replicas } })], {
      KUBECONFIG: stack.kubernetes.adminKubeconfig,
    });
  expect(await upgrade(2)).toContain('STATUS: deployed');
  expect(await upgrade(3)).toContain('REVISION: 2');
  const replicas = await stack.kubectl([
    'get',
    'deployment',
    'certman',
    '-n',
    'certman-operator',
    '-o',
    'jsonpath={.spec.replicas} {.spec.template.spec.containers[0].image}',
  ]);
  expect(replicas).toMatch(/^3 quay\.io\/example\/certman@sha256:0{64}$/);
});
