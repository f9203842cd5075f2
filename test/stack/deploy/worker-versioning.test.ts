/** The component for the Temporal worker controller: the same pods as the Deployment's, which it replaces. */
import { beforeAll, expect, test } from 'vitest';
import type { KubernetesObject } from '../../../src/kubernetes/api/kubernetes-api.ts';
import { renderOverlay, theOnly, workerSettings } from '../../support/kubernetes/overlay.ts';
import { useStack } from '../../support/vitest/use-stack.ts';

const stack = useStack();

let plain: readonly KubernetesObject[];
let versioned: readonly KubernetesObject[];

beforeAll(async () => {
  plain = await renderOverlay(stack, []);
  versioned = await renderOverlay(stack, ['worker-versioning']);
});

function specOf(objects: readonly KubernetesObject[], kind: string): Readonly<Record<string, unknown>> {
  return theOnly(objects, kind)['spec'] as Readonly<Record<string, unknown>>;
}

test('the controller runs the pods of the Deployment, with the image of the overlay', () => {
  const { template, replicas } = specOf(plain, 'Deployment');
  expect(JSON.stringify(template)).toContain('registry.example/certman:0.2.0');
  expect(specOf(versioned, 'WorkerDeployment')).toMatchObject({ template, replicas });
});

test('the controller and the workers use the same Temporal address', () => {
  const data = workerSettings(plain);
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
