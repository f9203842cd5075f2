/**
 * Namespaces of a test file on the shared API server: each has a unique name and is deleted after the file, since a controller
 * in a later file lists and repairs everything that exists.
 */
import type { KubernetesClient } from '../../../src/kubernetes/api/client.ts';
import type { ResourceType } from '../../../src/kubernetes/api/kubernetes-api.ts';
import { CERTIFICATE_REQUESTS, CLUSTER_DEPLOYMENTS, NAMESPACES } from '../../../src/kubernetes/objects/resources.ts';

export class TestNamespaces {
  readonly #admin: KubernetesClient;
  readonly #names = new Set<string>();

  constructor(admin: KubernetesClient) {
    this.#admin = admin;
  }

  /** @returns its unique name. */
  async create(): Promise<string> {
    const name = `test-${crypto.randomUUID().slice(0, 13)}`;
    await this.#admin.create(NAMESPACES, { metadata: { name } });
    this.#names.add(name);
    return name;
  }

  /** Deletes them all; the namespace controller deletes their content once it has no finalizers. */
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
