import { canonicalJson, digestOf } from '../certificates/digest.ts';
import type { KubernetesObject } from '../kubernetes/api/kubernetes-api.ts';
import { keyOf, nameOf } from './controller-cache.ts';
import type { ControllerContext } from './controller-context.ts';
import type { ResourceEventHandler } from './informer.ts';

/** Signals the clusters of a namespace when a DNSZone there changes. */
export class DnsZoneHandler implements ResourceEventHandler {
  readonly #context: ControllerContext;
  /** By `namespace/name`. */
  readonly #digests = new Map<string, string>();

  constructor(context: ControllerContext) {
    this.#context = context;
  }

  onListed(object: KubernetesObject): void {
    this.#digests.set(keyOf(nameOf(object)), zoneDigest(object));
  }

  async onUpsert(object: KubernetesObject, from: 'list' | 'watch'): Promise<void> {
    const previous = this.#digests.get(keyOf(nameOf(object)));
    this.onListed(object);
    if (previous === zoneDigest(object) || (previous === undefined && from === 'list')) return;
    await this.#signal(object, 'changed');
  }

  async onDelete(object: KubernetesObject): Promise<void> {
    this.#digests.delete(keyOf(nameOf(object)));
    await this.#signal(object, 'was deleted');
  }

  async #signal(object: KubernetesObject, event: string): Promise<void> {
    const { namespace, name } = nameOf(object);
    const { cache, signaller } = this.#context;
    await signaller.dependencyChanged(cache.clustersIn(namespace), `The DNSZone ${name} ${event}.`);
  }
}

/** Of name and id only: Hive rewrites the rest of the status every two hours. */
function zoneDigest({ spec, status, metadata }: KubernetesObject): string {
  const id = field(field(status, 'aws'), 'zoneID');
  return digestOf(canonicalJson([field(spec, 'zone'), id, metadata.deletionTimestamp]));
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}
