/**
 * The management cluster's API server as the rest of the program uses it: few verbs, any resource, typed errors.
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

/** The one field manager of everything certman applies. */
export const FIELD_MANAGER = 'certman';

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

/** Any API object: what is beside `metadata` is `unknown` until a schema has read it. */
export interface KubernetesObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: ObjectMeta;
  readonly [field: string]: unknown;
}

export interface ObjectKey {
  /** Absent for cluster-scoped objects. */
  readonly namespace?: string;
  readonly name: string;
}

/** An RFC 6902 operation. */
export type JsonPatchOperation =
  | { readonly op: 'add' | 'replace' | 'test'; readonly path: string; readonly value: unknown }
  | { readonly op: 'remove'; readonly path: string };

export interface KubernetesApi {
  /** @returns undefined when there is none (404). */
  get(resource: ResourceType, key: ObjectKey, signal?: AbortSignal): Promise<KubernetesObject | undefined>;
  /** All objects, page by page (limit=500). `undefined` namespace: all namespaces. */
  list(
    resource: ResourceType,
    options?: {
      readonly namespace?: string;
      readonly labelSelector?: string;
      readonly metadataOnly?: boolean;
      readonly signal?: AbortSignal;
    },
  ): AsyncIterable<KubernetesObject>;
  /** Server-side apply with force under {@link FIELD_MANAGER}; creates when absent unless `metadata.uid` is given (then 409 → `kubernetes/conflict`). */
  apply(
    resource: ResourceType,
    object: KubernetesObject,
    options?: { readonly subresource?: 'status'; readonly signal?: AbortSignal },
  ): Promise<KubernetesObject>;
  /** @returns the object, or undefined when one of that name exists already. */
  create(resource: ResourceType, object: KubernetesObject, signal?: AbortSignal): Promise<KubernetesObject | undefined>;
  /** RFC 6902. @returns undefined when there is no such object. */
  patch(
    resource: ResourceType,
    key: ObjectKey,
    operations: readonly JsonPatchOperation[],
    options?: { readonly subresource?: 'status'; readonly signal?: AbortSignal },
  ): Promise<KubernetesObject | undefined>;
  /** @returns whether there was one to delete. `uid` and `resourceVersion` are preconditions. */
  delete(
    resource: ResourceType,
    key: ObjectKey,
    options?: { readonly uid?: string; readonly resourceVersion?: string; readonly signal?: AbortSignal },
  ): Promise<boolean>;
}
