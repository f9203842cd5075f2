import type { KubernetesObject } from '../kubernetes/api/kubernetes-api.ts';
import type { ResourceEventHandler } from './informer.ts';
import type { StuckClusterSignaller } from './stuck-cluster-signaller.ts';

/** Signals the clusters that wait or fail when the operator's ConfigMap changes; its informer selects no other. */
export class ConfigMapHandler implements ResourceEventHandler {
  readonly #stuckClusters: StuckClusterSignaller;
  #resourceVersion: string | undefined;

  constructor(stuckClusters: StuckClusterSignaller) {
    this.#stuckClusters = stuckClusters;
  }

  async onUpsert({ metadata }: KubernetesObject, from: 'list' | 'watch'): Promise<void> {
    const previous = this.#resourceVersion;
    this.#resourceVersion = metadata.resourceVersion ?? '';
    if (previous === this.#resourceVersion || (previous === undefined && from === 'list')) return;
    await this.#stuckClusters.signal(`The ConfigMap ${metadata.name} in ${metadata.namespace} changed.`);
  }

  async onDelete(object: KubernetesObject): Promise<void> {
    await this.onUpsert(object, 'watch');
  }
}
