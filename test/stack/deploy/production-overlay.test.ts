/** deploy/overlays/production, the template of a management cluster's own overlay. */
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import type { KubernetesObject } from '../../../src/kubernetes/api/kubernetes-api.ts';
import { useStack } from '../../support/vitest/use-stack.ts';

const OVERLAY = fileURLToPath(new URL('../../../deploy/overlays/production', import.meta.url));

const stack = useStack();
let objects: readonly KubernetesObject[];

beforeAll(async () => {
  const rendered = await stack.kubectl(['kustomize', OVERLAY]);
  objects = parseAllDocuments(rendered).map((document) => document.toJS() as KubernetesObject);
});

const named = (kind: string) => objects.filter((object) => object.kind === kind).map(({ metadata }) => metadata.name);

test('confines certman by admission policies and a NetworkPolicy', () => {
  expect(named('ValidatingAdmissionPolicy').sort()).toEqual(['certman-cluster-deployments', 'certman-secrets']);
  expect(named('ValidatingAdmissionPolicyBinding').sort()).toEqual(['certman-cluster-deployments', 'certman-secrets']);
  expect(named('NetworkPolicy')).toEqual(['certman']);
});

test('runs the image by its digest', () => {
  const [deployment] = objects.filter(({ kind }) => kind === 'Deployment');
  expect(JSON.stringify(deployment)).toMatch(/"image":"[^"@:]+@sha256:[0-9a-f]{64}"/);
});
