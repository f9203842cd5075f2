/** Installs what a hub has before certman comes: the manifests of deploy/, as they are. */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseAllDocuments } from 'yaml';
import type { KubernetesClient } from '../../src/kubernetes/client.ts';
import {
  CERTIFICATE_REQUESTS,
  CLUSTER_DEPLOYMENTS,
  DNS_ZONES,
  type KubernetesObject,
  type ResourceType,
} from '../../src/kubernetes/kubernetes-api.ts';

const FILES = [
  'base/namespace.yaml',
  'base/certificaterequest-crd.yaml',
  'base/service-account.yaml',
  'base/rbac.yaml',
  'overlays/local/hive-crds.yaml',
];

const PLURALS: Readonly<Record<string, string>> = {
  Namespace: 'namespaces',
  ServiceAccount: 'serviceaccounts',
  ClusterRole: 'clusterroles',
  ClusterRoleBinding: 'clusterrolebindings',
  Role: 'roles',
  RoleBinding: 'rolebindings',
  CustomResourceDefinition: 'customresourcedefinitions',
};

/** The objects of one file below deploy/. */
export async function readManifests(file: string): Promise<readonly KubernetesObject[]> {
  const text = await readFile(new URL(`../../deploy/${file}`, import.meta.url), 'utf8');
  return parseAllDocuments(text).map((document) => document.toJS() as KubernetesObject);
}

/** The resource that an object of a manifest is. */
export function resourceOf(object: KubernetesObject): ResourceType {
  const [version = '', group = ''] = (object.apiVersion ?? '').split('/').toReversed();
  const kind = object.kind ?? '';
  return { group, version, kind, plural: PLURALS[kind] ?? `${kind.toLowerCase()}s` };
}

/** Applies them and waits until the new kinds are served. Done again, it changes nothing. */
export async function installDeploy(admin: KubernetesClient): Promise<void> {
  for (const file of FILES) {
    for (const object of await readManifests(file)) await admin.apply(resourceOf(object), object);
  }
  for (const resource of [CERTIFICATE_REQUESTS, CLUSTER_DEPLOYMENTS, DNS_ZONES]) await isServed(admin, resource);
}

async function isServed(admin: KubernetesClient, resource: ResourceType): Promise<void> {
  const path = `/apis/${resource.group}/${resource.version}/${resource.plural}?limit=1`;
  for (let attempt = 1; ; attempt += 1) {
    try {
      await admin.getJson(path);
      return;
    } catch (error) {
      if (attempt >= 100) throw error;
      await sleep(100);
    }
  }
}
