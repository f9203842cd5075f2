import { isDeepStrictEqual } from 'node:util';
import { LRUCache } from 'lru-cache';
import { maxEntries } from '../../cache/max-entries.ts';
import { purgeLater } from '../../cache/purge-later.ts';
import { isFailure } from '../../failures/failure.ts';
import type { KubernetesApi, KubernetesObject, ObjectKey, ObjectMeta, ResourceType } from '../api/kubernetes-api.ts';
import { patchIfUnchanged } from '../api/patch-if-unchanged.ts';
import { retryOnConflict } from '../api/retry-on-conflict.ts';

const MAX_ATTEMPTS = 5;
/** Those under way: a status that is written once in weeks is read again for it. */
const MAX_CACHED = 500;
/** An order takes less. */
const CACHED_MS = 5 * 60_000;

/** The fields of a status. */
export type Status = Readonly<Record<string, unknown>>;

/** A status that certman writes. */
export interface StatusKind<Desired> {
  readonly resource: ResourceType;
  /** What the next status depends on; only that is cached. */
  readonly current: (status: unknown) => unknown;
  /** Equal to the current one when there is nothing to write. */
  readonly build: (current: unknown, desired: Desired) => Status;
  /** After so long, a cached status that needs no change is read again. */
  readonly trustMs: number;
  /** Whether fields of other managers are removed. */
  readonly exclusive: boolean;
}

interface CachedObject {
  /** `performance.now()` */
  readonly at: number;
  readonly metadata: ObjectMeta;
  readonly status: unknown;
}

/** Writes statuses with optimistic concurrency, without a read where this process has seen the object lately. */
export class StatusWriter<Desired> {
  readonly #kind: StatusKind<Desired>;
  readonly #cache = new LRUCache<string, CachedObject>({ ...maxEntries(MAX_CACHED), ttl: CACHED_MS });
  readonly #purgeLater = purgeLater(this.#cache, CACHED_MS);

  constructor(kind: StatusKind<Desired>) {
    this.#kind = kind;
  }

  cache(object: KubernetesObject): void {
    this.#keep(cacheKeyOf(object.metadata), this.#compact(object));
  }

  #keep(cacheKey: string, seen: CachedObject): void {
    this.#cache.set(cacheKey, seen);
    this.#purgeLater();
  }

  #compact({ metadata, status }: KubernetesObject): CachedObject {
    const { namespace, name, uid, resourceVersion, ownerReferences } = metadata;
    return {
      at: performance.now(),
      metadata: { namespace, name, uid, resourceVersion, ownerReferences },
      status: this.#kind.current(status),
    };
  }

  /** @param isTarget false for another object of the same name. @returns undefined when there is no target. */
  async write(
    kubernetes: KubernetesApi,
    key: ObjectKey,
    desired: Desired,
    isTarget: (metadata: ObjectMeta) => boolean,
  ): Promise<ObjectMeta | undefined> {
    const { resource, build, exclusive, trustMs } = this.#kind;
    const cacheKey = cacheKeyOf(key);
    const attempt = async (): Promise<ObjectMeta | undefined> => {
      let seen = this.#cache.get(cacheKey);
      this.#cache.delete(cacheKey);
      // The cached one may be an earlier object of the same name.
      if (seen === undefined || !isTarget(seen.metadata)) {
        const found = await kubernetes.get(resource, key);
        if (found === undefined || !isTarget(found.metadata)) return undefined;
        // Not cached before it is written: a conflict has to read anew.
        seen = this.#compact(found);
      }
      const status = build(seen.status, desired);
      if (isDeepStrictEqual(seen.status, status)) {
        if (performance.now() - seen.at >= trustMs) return await attempt();
        this.#keep(cacheKey, seen);
        return seen.metadata;
      }
      const { namespace, name, resourceVersion } = seen.metadata;
      const object = { metadata: { namespace, name, resourceVersion }, status };
      const applied = await kubernetes.apply(resource, object, { subresource: 'status' });
      const written = exclusive ? await removeOtherFields(kubernetes, resource, applied, status) : applied;
      this.cache(written);
      return written.metadata;
    };
    try {
      return await retryOnConflict(MAX_ATTEMPTS, attempt);
    } catch (error) {
      if (isFailure(error, 'kubernetes/notFound')) return undefined;
      throw error;
    }
  }
}

/** Server-side apply leaves the fields of other managers. */
async function removeOtherFields(
  kubernetes: KubernetesApi,
  resource: ResourceType,
  applied: KubernetesObject,
  status: Status,
): Promise<KubernetesObject> {
  if (isDeepStrictEqual(applied['status'], status)) return applied;
  const fields = { '/status': status };
  return (await patchIfUnchanged(kubernetes, resource, applied.metadata, fields, { subresource: 'status' })) ?? applied;
}

function cacheKeyOf({ namespace, name }: ObjectKey): string {
  return `${namespace}/${name}`;
}
