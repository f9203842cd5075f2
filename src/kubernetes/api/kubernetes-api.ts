/** A kind of object and how its path is built. */
export interface ResourceType {
  /** `''` for core. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
}

/** The field manager of everything that certman writes. */
export const FIELD_MANAGER = 'certman';

/** The fields of a manager: `f:<name>` with the fields in it, none when it owns the field as a whole. */
export interface FieldSet {
  readonly [field: string]: FieldSet;
}

/** What one manager wrote, and when last (RFC 3339, whole seconds). */
export interface ManagedFieldsEntry {
  readonly manager?: string;
  /** `Apply` or `Update`. */
  readonly operation?: string;
  readonly time?: string;
  readonly subresource?: string;
  readonly fieldsV1?: FieldSet;
}

/** The metadata that certman reads. The API server guarantees these types. */
export interface ObjectMeta {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  /** Counts the changes of the spec. */
  readonly generation?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
  readonly deletionTimestamp?: string;
  readonly creationTimestamp?: string;
  readonly ownerReferences?: readonly Readonly<Record<string, unknown>>[];
  readonly managedFields?: readonly ManagedFieldsEntry[];
}

/** Any API object: what is beside `metadata` is `unknown` until a schema has parsed it. */
export interface KubernetesObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: ObjectMeta;
  readonly [field: string]: unknown;
}

/** Name of an object; `namespace` is absent for cluster-scoped ones. */
export interface ObjectKey {
  readonly namespace?: string;
  readonly name: string;
}

/** An RFC 6902 operation. */
export type JsonPatchOperation =
  | { readonly op: 'add' | 'replace' | 'test'; readonly path: string; readonly value: unknown }
  | { readonly op: 'remove'; readonly path: string };

/** Options of a list. No namespace: all of them. `metadataOnly`: PartialObjectMetadata, so no data crosses the wire. */
export interface ListOptions {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly metadataOnly?: boolean;
}

/** Options of a write. */
export interface WriteOptions {
  readonly subresource?: 'status';
}

/**
 * The verbs that certman uses. That an object is missing is a result where the method says so: a `Status` of reason
 * NotFound that names the object, since any other 404 may come from what stands between.
 * @throws CertmanError `kubernetes/unreachable` (connection, 5xx, 429, other 404), `kubernetes/forbidden` (401, 403),
 * `kubernetes/conflict` (409), `kubernetes/invalid` (400, 422), `kubernetes/unexpected`.
 */
export interface KubernetesApi {
  /** @returns undefined when it does not exist. @throws CertmanError `kubernetes/notFound` for an unknown kind. */
  get(resource: ResourceType, key: ObjectKey): Promise<KubernetesObject | undefined>;
  /** @throws CertmanError `kubernetes/notFound` when the API server does not know the kind. */
  list(resource: ResourceType, options?: ListOptions): AsyncIterable<KubernetesObject>;
  /** Forced server-side apply as {@link FIELD_MANAGER}. With a uid it never creates: 409 → `kubernetes/conflict`. */
  apply(resource: ResourceType, object: KubernetesObject, options?: WriteOptions): Promise<KubernetesObject>;
  /** @returns the object, or undefined when one of that name exists already. */
  create(resource: ResourceType, object: KubernetesObject): Promise<KubernetesObject | undefined>;
  /** RFC 6902. @returns undefined when there is no such object. */
  patch(
    resource: ResourceType,
    key: ObjectKey,
    operations: readonly JsonPatchOperation[],
    options?: WriteOptions,
  ): Promise<KubernetesObject | undefined>;
  /** @returns whether there was one to delete. */
  delete(
    resource: ResourceType,
    key: ObjectKey,
    preconditions?: { readonly uid?: string; readonly resourceVersion?: string },
  ): Promise<boolean>;
  /** The same API for work that can be cancelled: the signal ends its requests, which then throw the signal's reason. */
  withSignal(signal: AbortSignal): KubernetesApi;
}

/** Options of a stream. */
export interface StreamOptions {
  readonly accept?: string;
  /** A stream that was silent for longer counts as dead. */
  readonly silenceMs?: number;
}

/** The requests that list and watch are made of. */
export interface WatchConnection {
  /** One GET. @throws CertmanError as {@link KubernetesApi}; 404 → `UnknownPathError`, 410 → `kubernetes/gone`. */
  getJson(path: string, options?: { accept?: string; what?: string; signal?: AbortSignal }): Promise<unknown>;
  /** The lines of a stream. @throws CertmanError when refused, cut or silent; the signal's reason when aborted. */
  openStream(path: string, signal: AbortSignal, options?: StreamOptions): AsyncIterable<string>;
}
