/** Which kinds an API server serves. Source: https://kubernetes.io/docs/concepts/overview/kubernetes-api/#discovery-api */
import { z } from 'zod';
import { CertmanError, isFailure } from '../../failures/failure.ts';
import { UnknownPathError } from './api-error.ts';
import type { KubernetesApi, KubernetesObject, ObjectKey, ResourceType, WatchConnection } from './kubernetes-api.ts';
import { apiVersionOf } from './resource-path.ts';

const groupsSchema = z.object({
  kind: z.literal('APIGroupList'),
  groups: z.array(z.object({ versions: z.array(z.object({ groupVersion: z.string() })) })),
});
const resourcesSchema = z.object({
  kind: z.literal('APIResourceList'),
  resources: z.array(z.object({ name: z.string() })),
});

/**
 * Explains the 404 of a list, which is the same text for an unknown kind as for a request that went astray.
 * @param error what the list failed with. @throws CertmanError `kubernetes/notFound` when the API server's own discovery
 * does not have the kind, else `error`.
 */
export async function throwIfUnknownKind(
  connection: Pick<WatchConnection, 'getJson'>,
  resource: ResourceType,
  error: unknown,
  signal?: AbortSignal,
): Promise<never> {
  if (!(error instanceof UnknownPathError) || (await isServed(connection, resource, signal))) throw error;
  throw new CertmanError({
    code: 'kubernetes/notFound',
    message: `The Kubernetes API does not know ${resource.plural}.${resource.group}/${resource.version}.`,
    remedy: 'Install its CRD (deploy/base, or Hive’s).',
    cause: error,
  });
}

/** Reads an object of a kind that need not be installed. @returns undefined when the object or its kind does not exist. */
export async function getIfKnown(
  kubernetes: Pick<KubernetesApi, 'get'>,
  resource: ResourceType,
  key: ObjectKey,
): Promise<KubernetesObject | undefined> {
  try {
    return await kubernetes.get(resource, key);
  } catch (error) {
    if (isFailure(error, 'kubernetes/notFound')) return undefined;
    throw error;
  }
}

/** Whether discovery has the kind, or does not answer as an API server does. */
export async function isServed(
  connection: Pick<WatchConnection, 'getJson'>,
  resource: ResourceType,
  signal?: AbortSignal,
): Promise<boolean> {
  if (resource.group === '') return true;
  const apiVersion = apiVersionOf(resource);
  const groups = groupsSchema.safeParse(await connection.getJson('/apis', { signal }));
  if (!groups.success) return true;
  const isKnownGroup = groups.data.groups.some(({ versions }) =>
    versions.some(({ groupVersion }) => groupVersion === apiVersion),
  );
  if (!isKnownGroup) return false;
  const known = resourcesSchema.safeParse(await connection.getJson(`/apis/${apiVersion}`, { signal }));
  return !known.success || known.data.resources.some(({ name }) => name === resource.plural);
}
