import { hasReachedResourceVersion } from '../clusters/resource-version.ts';
import type { ResourceType, WatchConnection } from '../kubernetes/api/kubernetes-api.ts';
import { currentResourceVersion } from '../kubernetes/api/list-pages.ts';

/** A watch can be incomplete although its position advances. */
const MAX_LIST_AGE_MS = 6 * 3_600_000;

/** How freshness is decided. */
export interface CacheFreshnessOptions {
  readonly source: Pick<WatchConnection, 'getJson'>;
  readonly signal: AbortSignal;
  /** Up to which resourceVersion the informer of a kind has handled every event; undefined: it is not synced. */
  readonly handledUpTo: (plural: string) => string | undefined;
  /** Where the rights reach some namespaces only: the position of all of them cannot be read. */
  readonly alwaysList: boolean;
}

/** Reads a kind for the resync: from the cache if that is fresh, which saves a request for each hundred objects. */
export class CacheFreshness {
  readonly #options: CacheFreshnessOptions;
  /** By plural: the resourceVersion at the last read, and when the last list began, by `performance.now()`. */
  readonly #reads = new Map<string, { readonly resourceVersion: string; readonly listedAt: number }>();

  constructor(options: CacheFreshnessOptions) {
    this.#options = options;
  }

  /**
   * The cache is fresh if the informer has handled all that there was at the last read; every six hours, and at first, it
   * is not trusted. @throws CertmanError `kubernetes/…`.
   */
  async read<Result>(
    resource: ResourceType,
    { cached, list }: { readonly cached: () => Promise<Result> | Result; readonly list: () => Promise<Result> },
    now = performance.now(),
  ): Promise<Result> {
    const { source, signal, handledUpTo, alwaysList } = this.#options;
    if (alwaysList) return await list();
    const { plural } = resource;
    const resourceVersion = await currentResourceVersion(source, resource, { metadataOnly: true, signal });
    const last = this.#reads.get(plural);
    const isFresh =
      last !== undefined &&
      now - last.listedAt < MAX_LIST_AGE_MS &&
      hasReachedResourceVersion(handledUpTo(plural), last.resourceVersion);
    const result = isFresh ? await cached() : await list();
    this.#reads.set(plural, { resourceVersion, listedAt: isFresh ? last.listedAt : now });
    return result;
  }
}
