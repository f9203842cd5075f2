/** The components for Temporal elsewhere and for encryption: settings, mounts and Secrets belong together. */
import { expect, test } from 'vitest';
import { SETTINGS } from '../../../src/configuration/settings.ts';
import type { KubernetesObject } from '../../../src/kubernetes/api/kubernetes-api.ts';
import { renderOverlay, theOnly, workerSettings } from '../../support/kubernetes/overlay.ts';
import { useStack } from '../../support/vitest/use-stack.ts';

const stack = useStack();

interface PodTemplate {
  readonly spec: {
    readonly containers: readonly {
      readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string; readonly readOnly?: true }[];
    }[];
    readonly volumes: readonly { readonly name: string; readonly secret?: { readonly secretName: string } }[];
  };
}

/** The Secrets that are mounted, by folder. */
function mountedSecrets(workload: KubernetesObject): Readonly<Record<string, string | undefined>> {
  const { spec } = (workload['spec'] as { readonly template: PodTemplate }).template;
  const secretOf = (name: string) => spec.volumes.find((volume) => volume.name === name)?.secret?.secretName;
  const mounts = spec.containers.flatMap(({ volumeMounts }) => volumeMounts);
  return Object.fromEntries(
    mounts.filter(({ readOnly }) => readOnly).map((one) => [one.mountPath, secretOf(one.name)]),
  );
}

test('deploy/base allows plaintext, to its own cluster, and mounts no Secret', async () => {
  const plain = await renderOverlay(stack, []);
  expect(workerSettings(plain)).toMatchObject({ CERTMAN_ALLOW_PLAINTEXT_TEMPORAL: 'true' });
  expect(mountedSecrets(theOnly(plain, 'Deployment'))).toEqual({});
});

const COMPONENTS = [
  {
    component: 'temporal-mtls',
    settings: {
      TEMPORAL_TLS_CLIENT_CERT_PATH: '/etc/certman/temporal-tls/tls.crt',
      TEMPORAL_TLS_CLIENT_KEY_PATH: '/etc/certman/temporal-tls/tls.key',
    },
    secrets: { '/etc/certman/temporal-tls': 'certman-temporal-tls' },
    plaintext: undefined,
  },
  {
    component: 'temporal-api-key',
    settings: { CERTMAN_TEMPORAL_API_KEY_FILE: '/etc/certman/temporal-api-key/api-key' },
    secrets: { '/etc/certman/temporal-api-key': 'certman-temporal-api-key' },
    plaintext: undefined,
  },
  {
    component: 'payload-encryption',
    settings: { CERTMAN_PAYLOAD_KEYS: SETTINGS.payloadKeys.example },
    secrets: { '/etc/certman/payload-keys': 'certman-payload-keys' },
    plaintext: 'true',
  },
];

test.each(COMPONENTS)(
  '$component sets the files that it mounts',
  async ({ component, settings, secrets, plaintext }) => {
    const objects = await renderOverlay(stack, [component]);
    expect(workerSettings(objects)).toMatchObject(settings);
    expect(workerSettings(objects)['CERTMAN_ALLOW_PLAINTEXT_TEMPORAL']).toBe(plaintext);
    expect(mountedSecrets(theOnly(objects, 'Deployment'))).toEqual(secrets);
  },
);

test('all together, and with the Temporal worker controller, the pods have all', async () => {
  const names = COMPONENTS.map(({ component }) => component);
  const objects = await renderOverlay(stack, [...names, 'sts', 'worker-versioning']);
  const secrets = Object.assign({}, ...COMPONENTS.map((one) => one.secrets)) as object;
  expect(mountedSecrets(theOnly(objects, 'WorkerDeployment'))).toEqual(secrets);
  expect(workerSettings(objects)).not.toHaveProperty('CERTMAN_ALLOW_PLAINTEXT_TEMPORAL');
});

test('the API server accepts the objects', async () => {
  const objects = await renderOverlay(
    stack,
    COMPONENTS.map(({ component }) => component),
  );
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'certman-operator' } };
  await stack.kubectl(['apply', '-f', '-'], { input: JSON.stringify(namespace) });
  const items = objects.filter(({ kind }) => kind === 'ConfigMap' || kind === 'Deployment');
  const list = { apiVersion: 'v1', kind: 'List', items };
  const applied = await stack.kubectl(['apply', '--dry-run=server', '-f', '-'], { input: JSON.stringify(list) });
  expect(applied.trim().split('\n')).toHaveLength(items.length);
});
