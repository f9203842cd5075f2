/** Paged lists: https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks */
import { z } from 'zod';
import { malformedResponseError, ResponseTooLargeError } from './api-error.ts';
import { throwIfUnknownKind } from './discovery.ts';
import type { KubernetesObject, ListOptions, ResourceType, WatchConnection } from './kubernetes-api.ts';
import { collectionPath } from './resource-path.ts';

/** Halved while an answer is too large: anyone who may create objects decides on their size. */
const MAX_PAGE_SIZE = 100;

/** One page of a list. */
export interface ListPage {
  readonly objects: readonly KubernetesObject[];
  /** Of the whole list. */
  readonly resourceVersion: string;
}

const pageSchema = z.looseObject({
  metadata: z.looseObject({ resourceVersion: z.string().min(1), continue: z.string().default('') }),
  items: z.array(z.unknown()).nullable(),
});

/**
 * @throws CertmanError as `getJson`; `kubernetes/gone` when the list outlasts the API server's copy of its version,
 * `kubernetes/notFound` when the API server does not know the kind.
 */
export async function* listPages(
  connection: Pick<WatchConnection, 'getJson'>,
  resource: ResourceType,
  options: ListOptions & {
    readonly resourceVersion?: string;
    readonly signal?: AbortSignal;
    /** Default {@link MAX_PAGE_SIZE}. */
    readonly pageSize?: number;
  },
): AsyncGenerator<ListPage, void> {
  const { namespace, resourceVersion, signal } = options;
  const path = collectionPath(resource, namespace);
  const what = `list ${resource.plural}${namespace === undefined ? '' : ` in ${namespace}`}`;
  const accept = acceptMetadata(options, 'PartialObjectMetadataList');
  const query = buildQuery(options, {
    ...(resourceVersion !== undefined && { resourceVersion, resourceVersionMatch: 'Exact' }),
  });
  let limit = options.pageSize ?? MAX_PAGE_SIZE;
  const getPage = async (): Promise<unknown> => {
    for (;;) {
      query.set('limit', String(limit));
      try {
        return await connection.getJson(`${path}?${query.toString()}`, { accept, what, signal });
      } catch (error) {
        if (!(error instanceof ResponseTooLargeError) || limit === 1) {
          return await throwIfUnknownKind(connection, resource, error, signal);
        }
        limit = Math.floor(limit / 2);
      }
    }
  };
  for (;;) {
    const page = pageSchema.safeParse(await getPage());
    if (!page.success) throw malformedResponseError(what, 'something that is no list');
    const { metadata, items } = page.data;
    const objects = (items ?? []).map((item) => {
      if (!isKubernetesObject(item)) throw malformedResponseError(what, 'a list with an item that has no name');
      return item;
    });
    yield { objects, resourceVersion: metadata.resourceVersion };
    if (metadata.continue === '') return;
    // The token carries the version; the API server refuses both together.
    query.delete('resourceVersion');
    query.delete('resourceVersionMatch');
    query.set('continue', metadata.continue);
  }
}

/**
 * The present resourceVersion of a kind, by a list of one item.
 * @throws CertmanError as {@link listPages}.
 */
export async function currentResourceVersion(
  connection: Pick<WatchConnection, 'getJson'>,
  resource: ResourceType,
  options: Pick<ListOptions, 'metadataOnly'> & { readonly signal: AbortSignal },
): Promise<string> {
  for await (const page of listPages(connection, resource, { ...options, pageSize: 1 })) return page.resourceVersion;
  throw malformedResponseError(`list ${resource.plural}`, 'no page');
}

/** Query of a list or a watch. */
export function buildQuery(
  { labelSelector, fieldSelector }: ListOptions,
  parameters: Record<string, string>,
): URLSearchParams {
  const query = new URLSearchParams(parameters);
  if (labelSelector !== undefined) query.set('labelSelector', labelSelector);
  if (fieldSelector !== undefined) query.set('fieldSelector', fieldSelector);
  return query;
}

/** Media type for metadata only, if the options want that. */
export function acceptMetadata({ metadataOnly }: ListOptions, kind: string): string | undefined {
  return metadataOnly === true ? `application/json;as=${kind};g=meta.k8s.io;v=v1,application/json` : undefined;
}

/** Whether a value is an API object with a name. The API server guarantees the types in `metadata`. */
export function isKubernetesObject(value: unknown): value is KubernetesObject {
  const name: unknown = (value as Partial<KubernetesObject> | null)?.metadata?.name;
  return typeof name === 'string' && name !== '';
}
