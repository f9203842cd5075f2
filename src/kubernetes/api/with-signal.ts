import type { KubernetesApi } from './kubernetes-api.ts';

/** The same API for work that can be cancelled: the signal ends its requests, which then throw the signal's reason. */
export function withSignal(kubernetes: KubernetesApi, signal: AbortSignal): KubernetesApi {
  return {
    get: (resource, key) => kubernetes.get(resource, key, signal),
    list: (resource, options) => kubernetes.list(resource, { ...options, signal }),
    apply: (resource, object, options) => kubernetes.apply(resource, object, { ...options, signal }),
    create: (resource, object) => kubernetes.create(resource, object, signal),
    patch: (resource, key, operations, options) => kubernetes.patch(resource, key, operations, { ...options, signal }),
    delete: (resource, key, options) => kubernetes.delete(resource, key, { ...options, signal }),
  };
}
