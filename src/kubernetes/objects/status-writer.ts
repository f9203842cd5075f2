import { isDeepStrictEqual } from 'node:util';
import { LRUCache } from 'lru-cache';
import { z } from 'zod';
import type { StatusReport } from '../../certificates/status-report.ts';
import type { KubernetesApi, KubernetesObject, ObjectKey, ObjectMeta, ResourceType } from '../api/kubernetes-api.ts';
import { isFailure, retryOnConflict } from '../api/retry-on-conflict.ts';
import { buildRequestStatus } from './request-status.ts';
import { CERTIFICATE_REQUESTS, CLUSTER_DEPLOYMENTS } from './resources.ts';

const MAX_ATTEMPTS = 5;
const MAX_CACHED = 5_000;

type Status = Readonly<Record<string, unknown>>;

interface StatusKind<Desired> {
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
  readonly #kubernetes: KubernetesApi;
  readonly #kind: StatusKind<Desired>;
  readonly #cache = new LRUCache<string, CachedObject>({ max: MAX_CACHED });

  constructor(kubernetes: KubernetesApi, kind: StatusKind<Desired>) {
    this.#kubernetes = kubernetes;
    this.#kind = kind;
  }

  cache(object: KubernetesObject): void {
    const { namespace, name } = object.metadata;
    this.#cache.set(`${namespace}/${name}`, this.#compact(object));
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
    key: ObjectKey,
    desired: Desired,
    isTarget: (metadata: ObjectMeta) => boolean,
    signal?: AbortSignal,
  ): Promise<ObjectMeta | undefined> {
    const { namespace, name } = key;
    const { resource, build, exclusive, trustMs } = this.#kind;
    const cacheKey = `${namespace}/${name}`;
    const attempt = async (): Promise<ObjectMeta | undefined> => {
      let seen = this.#cache.get(cacheKey);
      this.#cache.delete(cacheKey);
      // The cached one may be an earlier object of the same name.
      if (seen === undefined || !isTarget(seen.metadata)) {
        const found = await this.#kubernetes.get(resource, { namespace, name }, signal);
        if (found === undefined || !isTarget(found.metadata)) return undefined;
        // Not cached before it is written: a conflict has to read anew.
        seen = this.#compact(found);
      }
      const status = build(seen.status, desired);
      if (isDeepStrictEqual(seen.status, status)) {
        if (performance.now() - seen.at >= trustMs) return await attempt();
        this.#cache.set(cacheKey, seen);
        return seen.metadata;
      }
      const { resourceVersion } = seen.metadata;
      const object = { metadata: { namespace, name, resourceVersion }, status };
      const applied = await this.#kubernetes.apply(resource, object, { subresource: 'status', signal });
      const written = exclusive ? await this.#removeOtherFields(applied, status, signal) : applied;
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

  /** Server-side apply leaves the fields of other managers. */
  async #removeOtherFields(applied: KubernetesObject, status: Status, signal?: AbortSignal): Promise<KubernetesObject> {
    if (isDeepStrictEqual(applied['status'], status)) return applied;
    const operations = [
      { op: 'test', path: '/metadata/resourceVersion', value: applied.metadata.resourceVersion },
      { op: 'add', path: '/status', value: status },
    ] as const;
    const options = { subresource: 'status', signal } as const;
    return (await this.#kubernetes.patch(this.#kind.resource, applied.metadata, operations, options)) ?? applied;
  }
}

/** A request's whole status. An evaluation reads it and reports within seconds; later it may differ. */
export const REQUEST_STATUS: StatusKind<StatusReport> = {
  resource: CERTIFICATE_REQUESTS,
  current: (status) => status,
  build: (current, report) => buildRequestStatus(report, current, new Date()),
  trustMs: 10_000,
  exclusive: true,
};

/** An entry of `status.certificateBundles`. */
export interface BundleStatus {
  readonly name: string;
  readonly generated: boolean;
}

const bundlesSchema = z
  .object({ certificateBundles: z.array(z.object({ name: z.string(), generated: z.boolean().catch(false) })) })
  .catch({ certificateBundles: [] });

/** `status.certificateBundles` of a ClusterDeployment: which bundles have a certificate. Hive waits for it. */
export const BUNDLE_STATUS: StatusKind<BundleStatus> = {
  resource: CLUSTER_DEPLOYMENTS,
  current: (status) => bundlesSchema.parse(status),
  build: (current, bundle) => ({
    certificateBundles: withBundle(bundlesSchema.parse(current).certificateBundles, bundle),
  }),
  trustMs: Number.POSITIVE_INFINITY,
  exclusive: false,
};

/** The list with the bundle in it; entries of others stay. A bundle that is not listed has no certificate. */
export function withBundle(bundles: readonly BundleStatus[], bundle: BundleStatus): readonly BundleStatus[] {
  const known = bundles.find(({ name }) => name === bundle.name);
  if ((known?.generated ?? false) === bundle.generated) return bundles;
  return known === undefined
    ? [...bundles, bundle]
    : bundles.map((entry) => (entry.name === bundle.name ? bundle : entry));
}
