/** Writes the status of a CertificateRequest, reading it first only when this process has not seen it lately. */
import { LRUCache } from 'lru-cache';
import type { StatusReport } from '../../certificates/status-report.ts';
import { CertmanError } from '../../failures/failure.ts';
import { type KubernetesApi, type KubernetesObject, type ObjectMeta } from '../api/kubernetes-api.ts';
import { buildRequestStatus, isStatusUpToDate } from './request-status.ts';
import { CERTIFICATE_REQUESTS } from './resources.ts';

const MAX_ATTEMPTS = 4;
const MAX_CACHED = 5_000;

/**
 * How long what was seen is believed to be all that is there. A look at a bundle reads the request and tells its status within
 * moments; what this process saw long ago, somebody may have wiped since.
 */
const CACHE_TTL_MS = 10_000;

interface CachedRequest {
  /** `performance.now()` */
  readonly at: number;
  readonly metadata: ObjectMeta;
  readonly status: unknown;
}

export class RequestStatusWriter {
  readonly #kubernetes: KubernetesApi;
  /** What was last seen. A write carries its resourceVersion, so that one based on an old state is refused (409). */
  readonly #cache = new LRUCache<string, CachedRequest>({ max: MAX_CACHED });

  constructor(kubernetes: KubernetesApi) {
    this.#kubernetes = kubernetes;
  }

  /** A request as the API server just answered it. */
  cache(request: KubernetesObject): void {
    const { namespace, name, uid, resourceVersion, finalizers, ownerReferences } = request.metadata;
    const metadata: ObjectMeta = {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
      ...(finalizers === undefined ? {} : { finalizers }),
      ...(ownerReferences === undefined ? {} : { ownerReferences }),
    };
    this.#cache.set(`${namespace}/${name}`, { at: performance.now(), metadata, status: request['status'] });
  }

  /**
   * Makes the status say what the report says; no request when it does already.
   * @param isOurs whether the request found is the one reported on; another's is left alone.
   * @returns the request's metadata, or undefined when there is none (any more).
   */
  async write(
    namespace: string,
    report: StatusReport,
    isOurs: (metadata: ObjectMeta) => boolean,
    signal?: AbortSignal,
  ): Promise<ObjectMeta | undefined> {
    const name = report.requestName;
    const place = `${namespace}/${name}`;
    for (let attempt = 1; ; attempt += 1) {
      const remembered = this.#cache.get(place);
      // What is remembered may be of an earlier request of the same name.
      if (remembered === undefined || !isOurs(remembered.metadata)) {
        this.#cache.delete(place);
        const found = await this.#kubernetes.get(CERTIFICATE_REQUESTS, { namespace, name }, signal);
        if (found !== undefined) this.cache(found);
      }
      const seen = this.#cache.get(place);
      if (seen === undefined || !isOurs(seen.metadata)) return undefined;
      const status = buildRequestStatus(report, seen.status, new Date());
      if (isStatusUpToDate(seen.status, status)) {
        if (performance.now() - seen.at < CACHE_TTL_MS) return seen.metadata;
        this.#cache.delete(place);
        continue;
      }
      try {
        // No uid: a request that was made again has another resourceVersion.
        const { resourceVersion } = seen.metadata;
        const applied = await this.#kubernetes.apply(
          CERTIFICATE_REQUESTS,
          {
            metadata: {
              namespace,
              name,
              ...(resourceVersion === undefined ? {} : { resourceVersion }),
            },
            status,
          },
          { subresource: 'status', ...(signal === undefined ? {} : { signal }) },
        );
        const whole = await this.#removeUnownedFields(applied, status, signal);
        this.cache(whole);
        return whole.metadata;
      } catch (error) {
        this.#cache.delete(place);
        if (!(error instanceof CertmanError)) throw error;
        if (error.code === 'kubernetes/notFound') return undefined;
        if (error.code !== 'kubernetes/conflict' || attempt >= MAX_ATTEMPTS) throw error;
      }
    }
  }

  /** Server-side apply leaves what somebody else has put into the status; there is nothing in it that is anybody else's. */
  async #removeUnownedFields(
    applied: KubernetesObject,
    status: Readonly<Record<string, unknown>>,
    signal?: AbortSignal,
  ): Promise<KubernetesObject> {
    const { namespace, name, resourceVersion } = applied.metadata;
    if (isStatusUpToDate(applied['status'], status)) return applied;
    const patched = await this.#kubernetes.patch(
      CERTIFICATE_REQUESTS,
      { name, ...(namespace === undefined ? {} : { namespace }) },
      [
        { op: 'test', path: '/metadata/resourceVersion', value: resourceVersion },
        { op: 'add', path: '/status', value: status },
      ],
      { subresource: 'status', ...(signal === undefined ? {} : { signal }) },
    );
    return patched ?? applied;
  }
}
