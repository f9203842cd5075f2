/** deploy/overlays, the templates of a management cluster's own overlay. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadConfiguration } from '../../../src/configuration/load-configuration.ts';
import type { KubernetesObject } from '../../../src/kubernetes/api/kubernetes-api.ts';
import { selfSigned } from '../../support/certificates/self-signed.ts';
import { buildOverlay, theOnly, workerSettings } from '../../support/kubernetes/overlay.ts';
import { useStack } from '../../support/vitest/use-stack.ts';

const OVERLAYS = [
  'production',
  'staging',
  'fedramp',
  'shared-temporal/hive-east',
  'shared-temporal/hive-west',
] as const;

const stack = useStack();
const built = new Map<string, readonly KubernetesObject[]>();
/** What the pods of the overlays have mounted at /etc/certman. */
let mounted: string;

beforeAll(async () => {
  for (const overlay of OVERLAYS) built.set(overlay, await buildOverlay(stack, overlay));
  mounted = await mkdtemp(join(tmpdir(), 'certman-mounted-'));
  const { chainPem, keyPem } = selfSigned();
  await Promise.all(['temporal-tls', 'payload-keys'].map((folder) => mkdir(join(mounted, folder))));
  await writeFile(join(mounted, 'temporal-tls/tls.crt'), chainPem);
  await writeFile(join(mounted, 'temporal-tls/tls.key'), keyPem);
  await writeFile(join(mounted, 'payload-keys/active'), 'one');
  await writeFile(join(mounted, 'payload-keys/one'), Buffer.alloc(32, 1).toString('base64'));
  for (const name of ['certman-operator', 'aws-account-operator']) {
    const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
    await stack.kubectl(['apply', '-f', '-'], { input: JSON.stringify(namespace) });
  }
});
afterAll(() => rm(mounted, { recursive: true, force: true }));

function objectsOf(overlay: string): readonly KubernetesObject[] {
  const objects = built.get(overlay);
  if (objects === undefined) throw new Error(`no overlay ${overlay}`);
  return objects;
}

function configurationOf(overlay: string) {
  const settings = Object.entries(workerSettings(objectsOf(overlay)));
  return loadConfiguration(
    Object.fromEntries(settings.map(([name, value]) => [name, value.replace('/etc/certman', mounted)])),
  );
}

function named(overlay: string, kind: string): readonly string[] {
  const objects = objectsOf(overlay).filter((object) => object.kind === kind);
  return objects.map(({ metadata }) => metadata.name).sort();
}

function apply(overlay: string, ...flags: readonly string[]): Promise<string> {
  const list = { apiVersion: 'v1', kind: 'List', items: objectsOf(overlay) };
  const args = ['apply', '--server-side', '--force-conflicts', '--field-manager=overlay', ...flags, '-f', '-'];
  return stack.kubectl(args, { input: JSON.stringify(list) });
}

describe.each(OVERLAYS)('%s', (overlay) => {
  test('confines certman by admission policies and a NetworkPolicy', () => {
    const policies = ['certman-cluster-deployments', 'certman-secrets'];
    expect(named(overlay, 'ValidatingAdmissionPolicy')).toEqual(policies);
    expect(named(overlay, 'ValidatingAdmissionPolicyBinding')).toEqual(policies);
    expect(named(overlay, 'NetworkPolicy')).toEqual(['certman']);
  });

  test('has settings that a worker starts with', () => {
    expect(configurationOf(overlay).managementCluster).toBe(`hive-${overlay.replace(/^.*hive-/, '')}`);
  });

  test('is accepted by the API server', async () => {
    const answers = await apply(overlay, '--dry-run=server');
    expect(answers.trim().split('\n')).toHaveLength(objectsOf(overlay).length);
  });
});

test.each(['production', 'fedramp', 'shared-temporal/hive-east'])('%s runs the image by its digest', (overlay) => {
  expect(JSON.stringify(theOnly(objectsOf(overlay), 'Deployment'))).toMatch(/"image":"[^"@:]+@sha256:[0-9a-f]{64}"/);
});

test('fedramp has one zone for all, no standalone requests, and TLS and encryption towards Temporal', () => {
  const configuration = configurationOf('fedramp');
  expect(configuration).toMatchObject({ fedramp: true, standaloneRequests: 'off', allowPlaintextTemporal: false });
  expect(configuration.hostedZoneId).toBeDefined();
  expect(configuration.payloadKeys).toBeDefined();
  expect(configuration.temporal.connectionOptions.tls).toBeDefined();
});

test('management clusters that share a Temporal differ in their names only', () => {
  const [east, west] = (['shared-temporal/hive-east', 'shared-temporal/hive-west'] as const).map((overlay) =>
    JSON.stringify(objectsOf(overlay)),
  );
  expect(west).toBe(east?.replace('hive-east', 'hive-west'));
});

test('applied, production changes nothing when it is applied again', async () => {
  await apply('production');
  const versions = () =>
    stack.kubectl(
      [
        'get',
        '-f',
        '-',
        '-o',
        'jsonpath={range .items[*]}{.kind}/{.metadata.name} {.metadata.resourceVersion}{"\\n"}{end}',
      ],
      {
        // Those that nothing else writes.
        input: JSON.stringify({
          apiVersion: 'v1',
          kind: 'List',
          items: objectsOf('production').filter(({ kind }) =>
            ['Deployment', 'Service', 'PodDisruptionBudget', 'NetworkPolicy'].includes(kind ?? ''),
          ),
        }),
      },
    );
  const before = await versions();
  expect(before.trim().split('\n')).toHaveLength(4);
  await apply('production');
  expect(await versions()).toBe(before);
});

test('the API server’s Pod Security admission lets the pods run as restricted', async () => {
  const { template } = theOnly(objectsOf('production'), 'Deployment')['spec'] as { readonly template: object };
  const create = (pod: object) =>
    stack.kubectl(['create', '--dry-run=server', '-f', '-'], { input: JSON.stringify(pod) });
  const metadata = { namespace: 'certman-operator', name: 'certman-worker' };
  const pod = { apiVersion: 'v1', kind: 'Pod', ...template, metadata };
  expect(await create(pod)).toContain('created');
  const privileged = { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers: [{ name: 'x', image: 'x' }] } };
  await expect(create(privileged)).rejects.toThrow(/violates PodSecurity "restricted/);
});
