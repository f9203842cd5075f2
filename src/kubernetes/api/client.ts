import type { KubeConfig } from '@kubernetes/client-node';
import { type ApiResponse, apiError, malformedResponseError, parseJson, parseStatus } from './api-error.ts';
import {
  type Cancellable,
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
import { streamLines } from './stream-lines.ts';
import { type ApiRequest, Transport } from './transport.ts';

const LIST_TIMEOUT_MS = 60_000;
const FIELD_MANAGER_QUERY = `fieldManager=${FIELD_MANAGER}`;

/** All that certman needs of an API server, on the same connections and credentials. */
export interface KubernetesClient extends KubernetesApi, WatchConnection {
  /** For messages. */
  readonly origin: string;
  /** Ends all connections; requests under way fail. */
  close(): Promise<void>;
}

/** @throws CertmanError `configuration/invalid` at the first request when the credentials cannot be read. */
export function createKubernetesClient(options: { readonly kubeConfig: KubeConfig }): KubernetesClient {
  return new KubernetesHttpClient(new Transport(options.kubeConfig));
}

class KubernetesHttpClient implements KubernetesClient {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  get origin(): string {
    return this.#transport.origin;
  }

  async get(resource: ResourceType, key: ObjectKey, signal?: AbortSignal): Promise<KubernetesObject | undefined> {
    const request: ApiRequest = { method: 'GET', path: objectPath(resource, key), idempotent: true, signal };
    const response = await this.#transport.send(request);
    return response.status === 404 ? undefined : toObject(`read ${describeObject(resource, key)}`, response);
  }

  async *list(resource: ResourceType, options: ListOptions = {}): AsyncIterable<KubernetesObject> {
    for await (const { objects } of listPages(this, resource, options)) yield* objects;
  }

  async apply(
    resource: ResourceType,
    object: KubernetesObject,
    { subresource, signal }: WriteOptions = {},
  ): Promise<KubernetesObject> {
    const response = await this.#transport.send({
      method: 'PATCH',
      path: `${writePath(resource, object.metadata, subresource)}&force=true`,
      contentType: 'application/apply-patch+yaml',
      // JSON is YAML, and the API server parses it faster.
      body: typedJson(resource, object),
      idempotent: true,
      signal,
    });
    return toObject(`apply ${describePart(resource, object.metadata, subresource)}`, response);
  }

  async create(
    resource: ResourceType,
    object: KubernetesObject,
    signal?: AbortSignal,
  ): Promise<KubernetesObject | undefined> {
    const response = await this.#transport.send({
      method: 'POST',
      path: `${collectionPath(resource, object.metadata.namespace)}?${FIELD_MANAGER_QUERY}`,
      contentType: 'application/json',
      body: typedJson(resource, object),
      signal,
    });
    if (response.status === 409 && parseStatus(response.text)?.reason === 'AlreadyExists') return undefined;
    return toObject(`create ${describeObject(resource, object.metadata)}`, response);
  }

  async patch(
    resource: ResourceType,
    key: ObjectKey,
    operations: readonly JsonPatchOperation[],
    { subresource, signal }: WriteOptions = {},
  ): Promise<KubernetesObject | undefined> {
    const response = await this.#transport.send({
      method: 'PATCH',
      path: writePath(resource, key, subresource),
      contentType: 'application/json-patch+json',
      body: JSON.stringify(operations),
      signal,
    });
    if (response.status === 404) return undefined;
    return toObject(`change ${describePart(resource, key, subresource)}`, response);
  }

  async delete(
    resource: ResourceType,
    key: ObjectKey,
    { signal, ...preconditions }: { readonly uid?: string; readonly resourceVersion?: string } & Cancellable = {},
  ): Promise<boolean> {
    const response = await this.#transport.send({
      method: 'DELETE',
      path: objectPath(resource, key),
      contentType: 'application/json',
      body: JSON.stringify({
        apiVersion: 'v1',
        kind: 'DeleteOptions',
        propagationPolicy: 'Background',
        preconditions,
      }),
      signal,
    });
    if (response.status === 404) return false;
    if (response.status >= 300) throw apiError(`delete ${describeObject(resource, key)}`, response);
    return true;
  }

  async getJson(
    path: string,
    { what = `read ${path.split('?', 1)[0]}`, ...options }: Parameters<WatchConnection['getJson']>[1] = {},
  ): Promise<unknown> {
    const request: ApiRequest = { method: 'GET', path, idempotent: true, timeoutMs: LIST_TIMEOUT_MS, ...options };
    const response = await this.#transport.send(request);
    if (response.status !== 200) throw apiError(what, response);
    return parseJson(what, response.text);
  }

  openStream(path: string, signal: AbortSignal, options: StreamOptions = {}): AsyncIterable<string> {
    return streamLines(this.#transport, path, signal, options);
  }

  close(): Promise<void> {
    return this.#transport.close();
  }
}

function writePath(resource: ResourceType, key: ObjectKey, subresource: 'status' | undefined): string {
  return `${objectPath(resource, key)}${subresource === undefined ? '' : `/${subresource}`}?${FIELD_MANAGER_QUERY}`;
}

function describePart(resource: ResourceType, key: ObjectKey, subresource: 'status' | undefined): string {
  return `${subresource === undefined ? '' : `the ${subresource} of `}${describeObject(resource, key)}`;
}

function typedJson(resource: ResourceType, object: KubernetesObject): string {
  return JSON.stringify({ apiVersion: apiVersionOf(resource), kind: resource.kind, ...object });
}

function toObject(what: string, response: ApiResponse): KubernetesObject {
  if (response.status < 200 || response.status >= 300) throw apiError(what, response);
  const object = parseJson(what, response.text);
  if (!isKubernetesObject(object)) throw malformedResponseError(what, 'something that is no API object');
  return object;
}
