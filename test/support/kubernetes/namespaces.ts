/**
 * Namespaces of a test file on the API server that all files have in common: each with a name of its own, and cleared away
 * with the file, for a watch in a later file lists what is there, and a comparison puts right what is amiss with it.
 */
import type { KubernetesClient } from '../../../src/kubernetes/api/client.ts';
import { type ResourceType } from '../../../src/kubernetes/api/kubernetes-api.ts';
import { CERTIFICATE_REQUESTS, CLUSTER_DEPLOYMENTS } from '../../../src/kubernetes/objects/resources.ts';

export const NAMESPACES = {
  group: '',
  version: 'v1',
  plural: 'namespaces',
  kind: 'Namespace',
} as const satisfies ResourceType;

export class TestNamespaces {
  readonly #admin: KubernetesClient;
  readonly #names = new Set<string>();

  constructor(admin: KubernetesClient) {
    this.#admin = admin;
  }

  /** @returns its name, which no other test has. */
  async create(): Promise<string> {
    const name = `test-${crypto.randomUUID().slice(0, 13)}`;
    await this.#admin.create(NAMESPACES, { metadata: { name } });
    this.#names.add(name);
    return name;
  }

  /** Deletes them all; the namespace controller takes away what is in them once no finalizer holds it. */
  async clear(): Promise<void> {
    await Promise.all([this.#dropFinalizers(CLUSTER_DEPLOYMENTS), this.#dropFinalizers(CERTIFICATE_REQUESTS)]);
    await Promise.all([...this.#names].map((name) => this.#admin.delete(NAMESPACES, { name })));
  }

  async #dropFinalizers(resource: ResourceType): Promise<void> {
    for await (const { metadata } of this.#admin.list(resource)) {
      const { namespace = '', name, finalizers = [] } = metadata;
      if (!this.#names.has(namespace) || finalizers.length === 0) continue;
      await this.#admin.patch(resource, { namespace, name }, [{ op: 'remove', path: '/metadata/finalizers' }]);
    }
  }
}
