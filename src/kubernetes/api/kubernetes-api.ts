/**
 * The management cluster's API server: few verbs, any resource, typed errors.
 * Errors: `CertmanError` with code `kubernetes/unreachable` (connection, 5xx, 429), `kubernetes/forbidden` (401, 403),
 * `kubernetes/conflict` (409), `kubernetes/invalid` (400, 422), `kubernetes/unexpected`; a 404 is a result, not an error,
 * where the method says so.
 */

/** A kind of object and how its path is built. */
export interface ResourceType {
  /** `''` for core, else `group/version` is `${group}/${version}`. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
}

/** The field manager of everything that certman writes. */
export const FIELD_MANAGER = 'certman';

/** The metadata that certman reads. The API server guarantees these types. */
export interface ObjectMeta {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
  readonly deletionTimestamp?: string;
  readonly creationTimestamp?: string;
  readonly ownerReferences?: readonly Readonly<Record<string, unknown>>[];
  readonly managedFields?: readonly Readonly<Record<string, unknown>>[];
}

/** Any API object: what is beside `metadata` is `unknown` until a schema has parsed it. */
export interface KubernetesObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: ObjectMeta;
  readonly [field: string]: unknown;
}

/** Name of an object; `namespace` is absent for cluster-scoped ones. An {@link ObjectMeta} is one. */
export interface ObjectKey {
  readonly namespace?: string;
  readonly name: string;
}

/** An RFC 6902 operation. */
export type JsonPatchOperation =
  | { readonly op: 'add' | 'replace' | 'test'; readonly path: string; readonly value: unknown }
  | { readonly op: 'remove'; readonly path: string };

/** Cancellation of a request: it throws the signal's reason. */
export interface Cancellable {
  readonly signal?: AbortSignal;
}

/** Options of a list. No namespace: all of them. `metadataOnly`: PartialObjectMetadata, so no data crosses the wire. */
export interface ListOptions extends Cancellable {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly metadataOnly?: boolean;
}

/** Options of a write. */
export interface WriteOptions extends Cancellable {
  readonly subresource?: 'status';
}

/** The verbs that certman uses. */
export interface KubernetesApi {
  /** @returns undefined when there is none (404). */
  get(resource: ResourceType, key: ObjectKey, signal?: AbortSignal): Promise<KubernetesObject | undefined>;
  /** All objects, page by page. */
  list(resource: ResourceType, options?: ListOptions): AsyncIterable<KubernetesObject>;
  /** Server-side apply with force under {@link FIELD_MANAGER}; creates when absent unless `metadata.uid` is given (then 409 → `kubernetes/conflict`). */
  apply(resource: ResourceType, object: KubernetesObject, options?: WriteOptions): Promise<KubernetesObject>;
  /** @returns the object, or undefined when one of that name exists already. */
  create(resource: ResourceType, object: KubernetesObject, signal?: AbortSignal): Promise<KubernetesObject | undefined>;
  /** RFC 6902. @returns undefined when there is no such object. */
  patch(
    resource: ResourceType,
    key: ObjectKey,
    operations: readonly JsonPatchOperation[],
    options?: WriteOptions,
  ): Promise<KubernetesObject | undefined>;
  /** @returns whether there was one to delete. `uid` and `resourceVersion` are preconditions. */
  delete(
    resource: ResourceType,
    key: ObjectKey,
    options?: { readonly uid?: string; readonly resourceVersion?: string } & Cancellable,
  ): Promise<boolean>;
}

/** Options of a stream. */
export interface StreamOptions {
  readonly accept?: string;
  /** The stream counts as dead when it was silent for so long. */
  readonly silenceMs?: number;
}

/** The requests that list and watch are made of. */
export interface WatchConnection {
  /**
   * One GET as JSON, not parsed by any schema.
   * @throws CertmanError as {@link KubernetesApi}; 404 → `kubernetes/notFound`, 410 → `kubernetes/gone`.
   */
  getJson(path: string, options?: { readonly accept?: string; readonly what?: string } & Cancellable): Promise<unknown>;
  /**
   * A streaming GET: yields the body's lines as they arrive; ends when the server ends it.
   * @throws CertmanError when it is refused, cut or silent for too long; the signal's reason when aborted.
   */
  openStream(path: string, signal: AbortSignal, options?: StreamOptions): AsyncIterable<string>;
}
