import type { KubeConfig } from '@kubernetes/client-node';
import type { ReviewConnection } from './access-review.ts';
import {
  type ApiResponse,
  apiError,
  isNotFound,
  malformedResponseError,
  type ObjectTarget,
  parseJson,
  parseStatus,
} from './api-error.ts';
import { throwIfUnknownKind } from './discovery.ts';
import {
  FIELD_MANAGER,
  type JsonPatchOperation,
  type KubernetesApi,
  type KubernetesObject,
  type ListOptions,
  type ObjectKey,
  type ResourceType,
  type StreamOptions,
  type WatchConnection,
  type WriteOptions,
} from './kubernetes-api.ts';
import { isKubernetesObject, listPages } from './list-pages.ts';
import { apiVersionOf, collectionPath, describeObject, objectPath } from './resource-path.ts';
import { type ApiRequest, Transport } from './transport.ts';

/** Options of {@link KubernetesClient}. */
export interface KubernetesClientOptions {
  /** Ends its requests. */
  readonly signal?: AbortSignal | undefined;
  /** Where a list without a namespace looks. Default: everywhere. */
  readonly namespaces?: readonly string[] | undefined;
}

const LIST_TIMEOUT_MS = 60_000;
const FIELD_MANAGER_QUERY = `fieldManager=${FIELD_MANAGER}`;

/** All that certman needs of an API server, on the same connections and credentials. */
export class KubernetesClient implements KubernetesApi, WatchConnection, ReviewConnection {
  readonly #transport: Transport;
  readonly #options: KubernetesClientOptions;

  /** A request throws CertmanError `configuration/invalid` when the credentials cannot be read. */
  constructor(server: KubeConfig | Transport, options: KubernetesClientOptions = {}) {
    this.#transport = server instanceof Transport ? server : new Transport(server);
    this.#options = options;
  }

  withSignal(signal: AbortSignal): KubernetesApi {
    return new KubernetesClient(this.#transport, { ...this.#options, signal });
  }

  async get(resource: ResourceType, key: ObjectKey): Promise<KubernetesObject | undefined> {
    const response = await this.#send({ method: 'GET', path: objectPath(resource, key) });
    const target = { resource, key };
    if (isNotFound(response, target)) return undefined;
    try {
      return toObject(`read ${describeObject(resource, key)}`, response, target);
    } catch (error) {
      return await throwIfUnknownKind(this, resource, error);
    }
  }

  async *list(resource: ResourceType, options: ListOptions = {}): AsyncIterable<KubernetesObject> {
    const namespaces = options.namespace === undefined ? this.#options.namespaces : undefined;
    for (const namespace of namespaces ?? [options.namespace]) {
      for await (const { objects } of listPages(this, resource, { ...options, namespace })) yield* objects;
    }
  }

  async apply(
    resource: ResourceType,
    object: KubernetesObject,
    { subresource }: WriteOptions = {},
  ): Promise<KubernetesObject> {
    const response = await this.#send({
      method: 'PATCH',
      path: `${objectPath(resource, object.metadata, subresource)}?${FIELD_MANAGER_QUERY}&force=true`,
      contentType: 'application/apply-patch+yaml',
      // JSON is YAML, and the API server parses it faster.
      body: typedJson(resource, object),
      idempotent: true,
    });
    const target = { resource, key: object.metadata };
    return toObject(`apply ${describeObject(resource, object.metadata, subresource)}`, response, target);
  }

  async create(resource: ResourceType, object: KubernetesObject): Promise<KubernetesObject | undefined> {
    const response = await this.#send({
      method: 'POST',
      path: `${collectionPath(resource, object.metadata.namespace)}?${FIELD_MANAGER_QUERY}`,
      contentType: 'application/json',
      body: typedJson(resource, object),
    });
    if (response.status === 409 && parseStatus(response.text)?.reason === 'AlreadyExists') return undefined;
    const target = { resource, key: object.metadata };
    return toObject(`create ${describeObject(resource, object.metadata)}`, response, target);
  }

  async patch(
    resource: ResourceType,
    key: ObjectKey,
    operations: readonly JsonPatchOperation[],
    { subresource }: WriteOptions = {},
  ): Promise<KubernetesObject | undefined> {
    const response = await this.#send({
      method: 'PATCH',
      path: `${objectPath(resource, key, subresource)}?${FIELD_MANAGER_QUERY}`,
      contentType: 'application/json-patch+json',
      body: JSON.stringify(operations),
    });
    const target = { resource, key };
    if (isNotFound(response, target)) return undefined;
    return toObject(`change ${describeObject(resource, key, subresource)}`, response, target);
  }

  async delete(
    resource: ResourceType,
    key: ObjectKey,
    preconditions: { readonly uid?: string; readonly resourceVersion?: string } = {},
  ): Promise<boolean> {
    const response = await this.#send({
      method: 'DELETE',
      path: objectPath(resource, key),
      contentType: 'application/json',
      body: JSON.stringify({
        apiVersion: 'v1',
        kind: 'DeleteOptions',
        propagationPolicy: 'Background',
        preconditions,
      }),
    });
    const target = { resource, key };
    if (isNotFound(response, target)) return false;
    if (response.status >= 300) throw apiError(`delete ${describeObject(resource, key)}`, response, { target });
    return true;
  }

  async getJson(
    path: string,
    { what = `read ${path.split('?', 1)[0]}`, ...options }: Parameters<WatchConnection['getJson']>[1] = {},
  ): Promise<unknown> {
    const response = await this.#send({ method: 'GET', path, timeoutMs: LIST_TIMEOUT_MS, ...options });
    if (response.status !== 200) throw apiError(what, response);
    return parseJson(what, response.text);
  }

  async postJson(
    path: string,
    body: object,
    { what, signal }: Parameters<ReviewConnection['postJson']>[2],
  ): Promise<unknown> {
    const request = { method: 'POST', path, contentType: 'application/json', body: JSON.stringify(body) } as const;
    // Nothing is stored, so that it can be sent twice.
    const response = await this.#send({ ...request, idempotent: true, signal });
    if (response.status < 200 || response.status >= 300) throw apiError(what, response);
    return parseJson(what, response.text);
  }

  #send(request: ApiRequest): Promise<ApiResponse> {
    return this.#transport.send({ ...request, signal: request.signal ?? this.#options.signal });
  }

  openStream(path: string, signal: AbortSignal, options: StreamOptions = {}): AsyncIterable<string> {
    return this.#transport.streamLines(path, signal, options);
  }

  /** Ends all connections; requests under way fail. */
  close(): Promise<void> {
    return this.#transport.close();
  }
}

function typedJson(resource: ResourceType, object: KubernetesObject): string {
  return JSON.stringify({ apiVersion: apiVersionOf(resource), kind: resource.kind, ...object });
}

function toObject(what: string, response: ApiResponse, target: ObjectTarget): KubernetesObject {
  if (response.status < 200 || response.status >= 300) throw apiError(what, response, { target });
  const object = parseJson(what, response.text);
  if (!isKubernetesObject(object)) throw malformedResponseError(what, 'something that is no API object');
  return object;
}
