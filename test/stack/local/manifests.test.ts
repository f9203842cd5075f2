import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { localManifests } from '../../../local/stack/management-cluster/manifests.ts';
import type { KubernetesObject } from '../../../src/kubernetes/api/kubernetes-api.ts';
import { useStack } from '../../support/vitest/use-stack.ts';

const OVERLAY = fileURLToPath(new URL('../../../deploy/overlays/local', import.meta.url));

const stack = useStack();

function byName(objects: readonly KubernetesObject[]): readonly KubernetesObject[] {
  return objects.toSorted((one, other) => nameOf(one).localeCompare(nameOf(other)));
}

function nameOf({ kind = '', metadata }: KubernetesObject): string {
  return `${kind} ${metadata.namespace ?? ''}/${metadata.name}`;
}

test('the manifests are those of the kustomize overlay', async () => {
  const rendered = parseAllDocuments(await stack.kubectl(['kustomize', OVERLAY]));
  const overlay = rendered.map((document) => document.toJS() as KubernetesObject);
  expect(byName(await localManifests())).toEqual(byName(overlay));
});
