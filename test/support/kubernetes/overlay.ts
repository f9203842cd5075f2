import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments, stringify } from 'yaml';
import type { RunningStack } from '../../../local/stack/stack.ts';
import type { KubernetesObject } from '../../../src/kubernetes/api/kubernetes-api.ts';

const DEPLOY = fileURLToPath(new URL('../../../deploy/', import.meta.url));

/** The objects of a user's overlay of deploy/base with these components, by their names in deploy/components. */
export async function renderOverlay(
  { kubectl }: Pick<RunningStack, 'kubectl'>,
  components: readonly string[],
): Promise<readonly KubernetesObject[]> {
  const folder = await mkdtemp(join(tmpdir(), 'certman-overlay-'));
  try {
    const overlay = {
      apiVersion: 'kustomize.config.k8s.io/v1beta1',
      kind: 'Kustomization',
      resources: [relative(folder, join(DEPLOY, 'base'))],
      images: [{ name: 'certman', newName: 'registry.example/certman', newTag: '0.2.0' }],
      components: components.map((name) => relative(folder, join(DEPLOY, 'components', name))),
    };
    await writeFile(join(folder, 'kustomization.yaml'), stringify(overlay));
    return await build({ kubectl }, folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** The objects of an overlay by its name in deploy/overlays. */
export function buildOverlay(
  stack: Pick<RunningStack, 'kubectl'>,
  overlay: string,
): Promise<readonly KubernetesObject[]> {
  return build(stack, join(DEPLOY, 'overlays', overlay));
}

async function build({ kubectl }: Pick<RunningStack, 'kubectl'>, folder: string): Promise<readonly KubernetesObject[]> {
  const text = await kubectl(['kustomize', folder]);
  return parseAllDocuments(text).map((document) => document.toJS() as KubernetesObject);
}

/** The only object of a kind. @throws Error when there is none, or several. */
export function theOnly(objects: readonly KubernetesObject[], kind: string): KubernetesObject {
  const [only, ...others] = objects.filter((object) => object.kind === kind);
  if (only === undefined || others.length > 0) throw new Error(`${others.length + (only ? 1 : 0)} of kind ${kind}`);
  return only;
}

/** @returns the settings of the workers, without those of other ConfigMaps. @throws when there are none. */
export function workerSettings(objects: readonly KubernetesObject[]): Readonly<Record<string, string>> {
  const named = objects.filter(({ metadata }) => metadata.name === 'certman-worker');
  return theOnly(named, 'ConfigMap')['data'] as Readonly<Record<string, string>>;
}
