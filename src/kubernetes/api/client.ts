/** {@link KubernetesApi} on the API server that a KubeConfig points at. */
import type { KubeConfig } from '@kubernetes/client-node';
import { z } from 'zod';
import { apiError, malformedResponseError } from './api-error.ts';
import {
  FIELD_MANAGER,
  type JsonPatchOperation,
  type KubernetesApi,
  type KubernetesObject,
  type ObjectKey,
  type ResourceType,
} from './kubernetes-api.ts';
import { collectionPath, describeObject, objectPath } from './resource-path.ts';
import { streamLines } from './stream-lines.ts';
import { type ApiRequest, type ApiResponse, Transport } from './transport.ts';

const PAGE_SIZE = 500;
const LIST_TIMEOUT_MS = 60_000;
const METADATA_ONLY = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json';

/** What the watch needs beside {@link KubernetesApi}, on the same connections and credentials. */
export interface KubernetesConnection {
  /** One GET as JSON, unread by any schema. @throws CertmanError as {@link KubernetesApi}; 404 → `kubernetes/notFound`, 410 → `kubernetes/gone`. */
  getJson(path: string, options?: { readonly accept?: string; readonly signal?: AbortSignal }): Promise<unknown>;
  /**
   * A streaming GET: the body's lines as they come, ends when the server ends it.
   * @throws CertmanError when it is refused, cut or silent for too long; the signal's reason when aborted.
   */
  openStream(path: string, signal: AbortSignal, options?: StreamOptions): AsyncIterable<string>;
  /** The API server's address, for messages. */
  readonly origin: string;
  /** Ends all connections. */
  close(): Promise<void>;
}

export interface StreamOptions {
  readonly accept?: string;
  /** The stream is taken for dead when nothing came for so long. */
  readonly silenceMs?: number;
}

export type KubernetesClient = KubernetesApi & KubernetesConnection;

const metaSchema = z.looseObject({
  name: z.string(),
  namespace: z.string().optional(),
  uid: z.string().optional(),
  resourceVersion: z.string().optional(),
  labels: z.record(z.string(), z.string()).optional(),
  annotations: z.record(z.string(), z.string()).optional(),
  finalizers: z.array(z.string()).optional(),
  deletionTimestamp: z.string().optional(),
  ownerReferences: z.array(z.record(z.string(), z.unknown())).optional(),
});
const objectSchema = z.looseObject({ metadata: metaSchema });
const listSchema = z.looseObject({
  metadata: z.looseObject({ continue: z.string().optional() }),
  items: z.array(z.unknown()).nullable(),
});

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
    const what = `read ${describeObject(resource, key)}`;
    const answer = await this.#send({ method: 'GET', path: objectPath(resource, key), idempotent: true }, signal);
    return answer.status === 404 ? undefined : readObject(what, answer);
  }

  async *list(
    resource: ResourceType,
    options: {
      readonly namespace?: string;
      readonly labelSelector?: string;
      readonly metadataOnly?: boolean;
      readonly signal?: AbortSignal;
    } = {},
  ): AsyncIterable<KubernetesObject> {
    const what = `list ${resource.plural}${options.namespace === undefined ? '' : ` in ${options.namespace}`}`;
    const query = new URLSearchParams({ limit: String(PAGE_SIZE) });
    if (options.labelSelector !== undefined) query.set('labelSelector', options.labelSelector);
    for (;;) {
      const answer = await this.#send(
        {
          method: 'GET',
          path: `${collectionPath(resource, options.namespace)}?${query.toString()}`,
          idempotent: true,
          timeoutMs: LIST_TIMEOUT_MS,
          ...(options.metadataOnly === true ? { accept: METADATA_ONLY } : {}),
        },
        options.signal,
      );
      if (answer.status !== 200) throw apiError(what, answer);
      const page = listSchema.safeParse(parseJson(what, answer.text));
      if (!page.success) throw malformedResponseError(what, explain(page.error));
      for (const item of page.data.items ?? []) yield checkObject(what, item);
      const next = page.data.metadata.continue;
      if (next === undefined || next === '') return;
      query.set('continue', next);
    }
  }

  async apply(
    resource: ResourceType,
    object: KubernetesObject,
    options: { readonly subresource?: 'status'; readonly signal?: AbortSignal } = {},
  ): Promise<KubernetesObject> {
    const { name, namespace } = object.metadata;
    const key = { name, ...(namespace === undefined ? {} : { namespace }) };
    const sub = options.subresource === undefined ? '' : `/${options.subresource}`;
    const what = `apply ${options.subresource === undefined ? '' : `the ${options.subresource} of `}${describeObject(resource, key)}`;
    const answer = await this.#send(
      {
        method: 'PATCH',
        path: `${objectPath(resource, key)}${sub}?fieldManager=${FIELD_MANAGER}&force=true`,
        contentType: 'application/apply-patch+yaml',
        // JSON is YAML, and the API server parses it faster.
        body: JSON.stringify({ apiVersion: apiVersionOf(resource), kind: resource.kind, ...object }),
        idempotent: true,
      },
      options.signal,
    );
    return readObject(what, answer);
  }

  async create(
    resource: ResourceType,
    object: KubernetesObject,
    signal?: AbortSignal,
  ): Promise<KubernetesObject | undefined> {
    const { name, namespace } = object.metadata;
    const answer = await this.#send(
      {
        method: 'POST',
        path: `${collectionPath(resource, namespace)}?fieldManager=${FIELD_MANAGER}`,
        contentType: 'application/json',
        body: JSON.stringify({ apiVersion: apiVersionOf(resource), kind: resource.kind, ...object }),
      },
      signal,
    );
    if (answer.status === 409 && reasonOf(answer.text) === 'AlreadyExists') return undefined;
    const key = { name, ...(namespace === undefined ? {} : { namespace }) };
    return readObject(`create ${describeObject(resource, key)}`, answer);
  }

  async patch(
    resource: ResourceType,
    key: ObjectKey,
    operations: readonly JsonPatchOperation[],
    options: { readonly subresource?: 'status'; readonly signal?: AbortSignal } = {},
  ): Promise<KubernetesObject | undefined> {
    const { subresource } = options;
    const answer = await this.#send(
      {
        method: 'PATCH',
        path: `${objectPath(resource, key)}${subresource === undefined ? '' : `/${subresource}`}?fieldManager=${FIELD_MANAGER}`,
        contentType: 'application/json-patch+json',
        body: JSON.stringify(operations),
      },
      options.signal,
    );
    const what = subresource === undefined ? '' : `the ${subresource} of `;
    return answer.status === 404 ? undefined : readObject(`change ${what}${describeObject(resource, key)}`, answer);
  }

  async delete(
    resource: ResourceType,
    key: ObjectKey,
    options: { readonly uid?: string; readonly resourceVersion?: string; readonly signal?: AbortSignal } = {},
  ): Promise<boolean> {
    const { uid, resourceVersion } = options;
    const preconditions = {
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
    };
    const answer = await this.#send(
      {
        method: 'DELETE',
        path: objectPath(resource, key),
        contentType: 'application/json',
        body: JSON.stringify({
          apiVersion: 'v1',
          kind: 'DeleteOptions',
          propagationPolicy: 'Background',
          ...(Object.keys(preconditions).length === 0 ? {} : { preconditions }),
        }),
      },
      options.signal,
    );
    if (answer.status === 404) return false;
    if (answer.status >= 300) throw apiError(`delete ${describeObject(resource, key)}`, answer);
    return true;
  }

  async getJson(
    path: string,
    options: { readonly accept?: string; readonly signal?: AbortSignal } = {},
  ): Promise<unknown> {
    const what = `read ${path.split('?', 1)[0]}`;
    const answer = await this.#send(
      {
        method: 'GET',
        path,
        idempotent: true,
        timeoutMs: LIST_TIMEOUT_MS,
        ...(options.accept === undefined ? {} : { accept: options.accept }),
      },
      options.signal,
    );
    if (answer.status !== 200) throw apiError(what, answer);
    return parseJson(what, answer.text);
  }

  openStream(path: string, signal: AbortSignal, options: StreamOptions = {}): AsyncIterable<string> {
    return streamLines(this.#transport, path, signal, options);
  }

  close(): Promise<void> {
    return this.#transport.close();
  }

  async #send(request: ApiRequest, signal: AbortSignal | undefined): Promise<ApiResponse> {
    const answer = await this.#transport.send(signal === undefined ? request : { ...request, signal });
    if (answer.status === 401) this.#transport.invalidateCredentials();
    return answer;
  }
}

function apiVersionOf(resource: ResourceType): string {
  return resource.group === '' ? resource.version : `${resource.group}/${resource.version}`;
}

function readObject(what: string, answer: ApiResponse): KubernetesObject {
  if (answer.status < 200 || answer.status >= 300) throw apiError(what, answer);
  return checkObject(what, parseJson(what, answer.text));
}

function checkObject(what: string, value: unknown): KubernetesObject {
  const checked = objectSchema.safeParse(value);
  if (!checked.success) throw malformedResponseError(what, explain(checked.error));
  return value as KubernetesObject;
}

function parseJson(what: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's message quotes the text, which may be a Secret.
    throw malformedResponseError(what, `${text.length} characters that are not JSON`);
  }
}

function reasonOf(text: string): unknown {
  const status = z.looseObject({ reason: z.string() }).safeParse(parseJson('create an object', text));
  return status.success ? status.data.reason : undefined;
}

function explain(error: z.ZodError): string {
  const issue = error.issues[0];
  return issue === undefined ? 'unknown reason' : `${issue.path.join('.') || 'the answer'}: ${issue.message}`;
}
