/** The component for the Temporal worker controller: the same pods as the Deployment's, which it replaces. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseAllDocuments, stringify } from 'yaml';
import type { KubernetesObject } from '../../../src/kubernetes/api/kubernetes-api.ts';
import { useStack } from '../../support/vitest/use-stack.ts';

const DEPLOY = fileURLToPath(new URL('../../../deploy/', import.meta.url));

const stack = useStack();

let folder: string;
let plain: readonly KubernetesObject[];
let versioned: readonly KubernetesObject[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'certman-overlay-'));
  plain = await render({});
  versioned = await render({ components: [relative(folder, join(DEPLOY, 'components/worker-versioning'))] });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** The objects of a user's overlay. */
async function render(more: object): Promise<readonly KubernetesObject[]> {
  const overlay = {
    apiVersion: 'kustomize.config.k8s.io/v1beta1',
    kind: 'Kustomization',
    resources: [relative(folder, join(DEPLOY, 'base'))],
    images: [{ name: 'certman', newName: 'registry.example/certman', newTag: '0.2.0' }],
    ...more,
  };
  await writeFile(join(folder, 'kustomization.yaml'), stringify(overlay));
  const text = await stack.kubectl(['kustomize', folder]);
  return parseAllDocuments(text).map((document) => document.toJS() as KubernetesObject);
}

function theOnly(objects: readonly KubernetesObject[], kind: string): KubernetesObject {
  const [only, ...others] = objects.filter((object) => object.kind === kind);
  if (only === undefined || others.length > 0) throw new Error(`${others.length + (only ? 1 : 0)} of kind ${kind}`);
  return only;
}

function specOf(objects: readonly KubernetesObject[], kind: string): Readonly<Record<string, unknown>> {
  return theOnly(objects, kind)['spec'] as Readonly<Record<string, unknown>>;
}

test('the controller runs the pods of the Deployment, with the image of the overlay', () => {
  const { template, replicas } = specOf(plain, 'Deployment');
  expect(JSON.stringify(template)).toContain('registry.example/certman:0.2.0');
  expect(specOf(versioned, 'WorkerDeployment')).toMatchObject({ template, replicas });
});

test('the controller and the workers use the same Temporal address', () => {
  const data = theOnly(plain, 'ConfigMap')['data'] as Readonly<Record<string, string>>;
  expect(specOf(versioned, 'Connection')).toEqual({ hostPort: data['TEMPORAL_ADDRESS'] });
  expect(specOf(versioned, 'WorkerDeployment')).toMatchObject({
    workerOptions: { connectionRef: { name: 'certman' }, temporalNamespace: data['TEMPORAL_NAMESPACE'] },
  });
});

test('the Deployment is removed, and all other objects are unchanged', () => {
  const names = (objects: readonly KubernetesObject[]) =>
    objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`);
  const expected = names(plain).filter((name) => name !== 'Deployment certman');
  expect(new Set(names(versioned))).toEqual(new Set([...expected, 'Connection certman', 'WorkerDeployment certman']));
});
