/** Installs the objects of deploy/ into the local management cluster, without kubectl. */
import { readFile } from 'node:fs/promises';
import { parseAllDocuments } from 'yaml';
import { CertmanError } from '../../../src/failures/failure.ts';
import type { KubernetesClient } from '../../../src/kubernetes/api/client.ts';
import { type KubernetesObject, type ResourceType } from '../../../src/kubernetes/api/kubernetes-api.ts';
import { describeObject } from '../../../src/kubernetes/api/resource-path.ts';
import {
  CERTIFICATE_REQUESTS,
  CLUSTER_DEPLOYMENTS,
  CLUSTER_SYNCS,
  CONFIG_MAPS,
  DNS_ZONES,
} from '../../../src/kubernetes/objects/resources.ts';
import { LocalStackError, messageOf } from '../local-stack-error.ts';
import { poll } from '../poll.ts';

/** The files that `kubectl kustomize deploy/overlays/local` renders, in an order in which each can be applied. */
const FILES = [
  'base/namespace.yaml',
  'base/certificaterequest-crd.yaml',
  'overlays/local/hive-crds.yaml',
  'base/service-account.yaml',
  'base/rbac.yaml',
  'base/worker-settings.yaml',
  'base/issuers.yaml',
  'base/restarts.yaml',
  'components/admission-policy/secrets.yaml',
  'components/admission-policy/cluster-deployments.yaml',
];

const RESOURCES: Readonly<Record<string, Pick<ResourceType, 'group' | 'version' | 'plural'>>> = {
  Namespace: { group: '', version: 'v1', plural: 'namespaces' },
  ConfigMap: CONFIG_MAPS,
  ServiceAccount: { group: '', version: 'v1', plural: 'serviceaccounts' },
  ClusterRole: { group: 'rbac.authorization.k8s.io', version: 'v1', plural: 'clusterroles' },
  ClusterRoleBinding: { group: 'rbac.authorization.k8s.io', version: 'v1', plural: 'clusterrolebindings' },
  Role: { group: 'rbac.authorization.k8s.io', version: 'v1', plural: 'roles' },
  RoleBinding: { group: 'rbac.authorization.k8s.io', version: 'v1', plural: 'rolebindings' },
  NetworkPolicy: { group: 'networking.k8s.io', version: 'v1', plural: 'networkpolicies' },
  ValidatingAdmissionPolicy: {
    group: 'admissionregistration.k8s.io',
    version: 'v1',
    plural: 'validatingadmissionpolicies',
  },
  ValidatingAdmissionPolicyBinding: {
    group: 'admissionregistration.k8s.io',
    version: 'v1',
    plural: 'validatingadmissionpolicybindings',
  },
  CustomResourceDefinition: { group: 'apiextensions.k8s.io', version: 'v1', plural: 'customresourcedefinitions' },
};

const HIVE_CRD = /\.hive(internal)?\.openshift\.io$/;
/** The API server serves a new kind some seconds after its CRD, later on a busy machine. */
const SERVED_TIMEOUT_MS = 120_000;
const POLL_INTERVAL_MS = 100;

/** The objects of one file below deploy/. */
export async function readManifests(file: string): Promise<readonly KubernetesObject[]> {
  const text = await readFile(new URL(`../../../deploy/${file}`, import.meta.url), 'utf8');
  return parseAllDocuments(text).map((document) => document.toJS() as KubernetesObject);
}

/** Every object that {@link installManifests} applies. */
export async function localManifests(): Promise<readonly KubernetesObject[]> {
  const files = await Promise.all(FILES.map(readManifests));
  return files.flat();
}

/** The resource type of a manifest. @throws LocalStackError when its kind is not in the table of this file. */
export function resourceOf(object: KubernetesObject): ResourceType {
  const kind = object.kind ?? '';
  const resource = RESOURCES[kind];
  if (resource === undefined)
    throw new LocalStackError({
      message: `local/stack/management-cluster/manifests.ts does not know the kind ${kind}.`,
    });
  return { ...resource, kind };
}

/**
 * Applies them and waits until the API server serves the new kinds. Idempotent. Existing CRDs of Hive are not changed.
 * @throws CertmanError when the API server refuses an object, LocalStackError when a kind is not served in time.
 */
export async function installManifests(admin: KubernetesClient): Promise<void> {
  for (const object of await localManifests()) {
    const resource = resourceOf(object);
    const isHives = object.kind === 'CustomResourceDefinition' && HIVE_CRD.test(object.metadata.name);
    if (isHives && (await admin.get(resource, { name: object.metadata.name })) !== undefined) continue;
    await admin.apply(resource, object);
  }
  const kinds = [CERTIFICATE_REQUESTS, CLUSTER_DEPLOYMENTS, CLUSTER_SYNCS, DNS_ZONES];
  for (const resource of kinds) await waitUntilServed(admin, resource);
}

async function waitUntilServed(admin: KubernetesClient, resource: ResourceType): Promise<void> {
  const path = `/apis/${resource.group}/${resource.version}/${resource.plural}?limit=1`;
  let cause: unknown;
  const isServed = async (): Promise<boolean | undefined> => {
    try {
      await admin.getJson(path);
      return true;
    } catch (error) {
      cause = error;
      return error instanceof CertmanError && error.code === 'kubernetes/forbidden' ? false : undefined;
    }
  };
  if ((await poll(isServed, { timeoutMs: SERVED_TIMEOUT_MS, intervalMs: POLL_INTERVAL_MS })) === true) return;
  const what = describeObject(resource, { name: 'any' });
  throw new LocalStackError({ message: `The API server does not serve ${what}: ${messageOf(cause)}`, cause });
}
