import { readFile } from 'node:fs/promises';
import { KubeConfig } from '@kubernetes/client-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { readManifests, resourceOf } from '../../../local/stack/management-cluster/manifests.ts';
import type { ClusterView } from '../../../src/clusters/cluster-view.ts';
import { KubernetesClient } from '../../../src/kubernetes/api/client.ts';
import { type KubernetesObject } from '../../../src/kubernetes/api/kubernetes-api.ts';
import { collectionPath } from '../../../src/kubernetes/api/resource-path.ts';
import {
  allowsAmbientCredentials,
  readAwsCredentials,
  readStsRoles,
  STS_CONFIG_MAP,
} from '../../../src/kubernetes/objects/aws-credentials.ts';
import { likelySyncProblem } from '../../../src/kubernetes/objects/cluster-sync.ts';
import { readClusterUid } from '../../../src/kubernetes/objects/cluster-uid.ts';
import { type IssuerRecord, IssuerRecordStore } from '../../../src/kubernetes/objects/issuer-records.ts';
import { observeRequest } from '../../../src/kubernetes/objects/observed-request.ts';
import { createOperatorSettings } from '../../../src/kubernetes/objects/operator-settings.ts';
import { primaryResource } from '../../../src/kubernetes/objects/primary-object.ts';
import { standaloneView } from '../../../src/kubernetes/objects/request-views.ts';
import {
  ACCOUNT_CLAIMS,
  CERTIFICATE_REQUESTS,
  CLUSTER_DEPLOYMENTS,
  CLUSTER_SYNCS,
  CONFIG_MAPS,
  DNS_ZONES,
  EVENTS,
  NAMESPACES,
  SECRETS,
} from '../../../src/kubernetes/objects/resources.ts';
import { RestartTurns } from '../../../src/kubernetes/objects/restart-turns.ts';
import { deleteStagingKey, ensureStagingKey } from '../../../src/kubernetes/objects/staging-secret.ts';
import { readTlsSecret } from '../../../src/kubernetes/objects/tls-secret.ts';
import { selfSigned } from '../../support/certificates/self-signed.ts';
import { type FaultProxy, type SeenRequest, startFaultProxy } from '../../support/faults/fault-proxy.ts';
import { kubernetesActivities } from '../../support/kubernetes/kubernetes-activities.ts';
import {
  createRequest,
  OPERATOR_NAMESPACE,
  useManagementCluster,
} from '../../support/kubernetes/management-cluster.ts';
import { putTlsSecret } from '../../support/kubernetes/put-tls-secret.ts';
import { runActivity } from '../../support/temporal/run-activity.ts';

const ISSUER: IssuerRecord = { name: 'YE1', state: 'accepted', since: '2026-12-01T00:00:00Z', places: [] };

const managementCluster = useManagementCluster();
let proxy: FaultProxy;
let certman: KubernetesClient;

/** Certman's ServiceAccount, through a proxy that keeps count of what is asked. */
beforeAll(async () => {
  const cluster = managementCluster().certmanConfig.getCurrentCluster();
  const user = managementCluster().certmanConfig.getCurrentUser();
  if (cluster === null || user === null) throw new Error('no ServiceAccount');
  const ca =
    cluster.caData === undefined
      ? await readFile(cluster.caFile ?? '', 'utf8')
      : Buffer.from(cluster.caData, 'base64').toString();
  proxy = await startFaultProxy({ target: cluster.server, targetCaPem: ca });
  const config = new KubeConfig();
  config.loadFromClusterAndUser({ name: 'proxy', server: proxy.url, skipTLSVerify: true }, user);
  certman = new KubernetesClient(config);
});
afterAll(async () => {
  await certman?.close();
  await proxy?.close();
});

/** Everything that certman asks the API server for in the life of a certificate. */
async function completeLifecycle(): Promise<void> {
  const { view } = await managementCluster().cluster();
  const { namespace } = view.identity;
  await managementCluster().admin.create(SECRETS, {
    metadata: { namespace, name: 'aws' },
    data: { aws_access_key_id: 'QUtJQUVYQU1QTEU=', aws_secret_access_key: 'ZXhhbXBsZQ==' },
  });
  for (const resource of [CLUSTER_DEPLOYMENTS, DNS_ZONES, CERTIFICATE_REQUESTS, SECRETS]) {
    await listAndWatch(collectionPath(resource));
  }
  // Rights to one object by name cover a list only when it asks for that name.
  await listAndWatch(collectionPath(CONFIG_MAPS, OPERATOR_NAMESPACE), 'metadata.name=certman-operator');

  // That of the stack: a change of it would signal the waiting clusters of tests that run beside.
  await createOperatorSettings({ kubernetes: certman, operatorNamespace: OPERATOR_NAMESPACE }).account();
  await readAwsCredentials(certman, { namespace, name: 'aws' });
  await new IssuerRecordStore(certman, OPERATOR_NAMESPACE).update('rbac', () => ({ record: ISSUER }));
  await new RestartTurns(OPERATOR_NAMESPACE, { atOnce: 1, durationMs: 1_000 }).take(certman, Date.now(), () => true);
  await readClusterUid(certman);
  await allowsAmbientCredentials(certman, namespace);
  await likelySyncProblem(certman, view.identity, undefined);
  await lifeOf(view);
}

/** The same for a standalone CertificateRequest, as far as it differs. */
async function standaloneLife(): Promise<void> {
  const namespace = await managementCluster().namespace();
  await createRequest(managementCluster().admin, namespace, 'other');
  await createRequest(managementCluster().admin, namespace, 'web');
  await lifeOf(await viewOf({ namespace, name: 'other' }));
}

async function viewOf(key: { readonly namespace: string; readonly name: string }): Promise<ClusterView> {
  const found = await managementCluster().admin.get(CERTIFICATE_REQUESTS, key);
  if (found === undefined) throw new Error('it is gone');
  return standaloneView({ managementCluster: 'hive' }, observeRequest(found));
}

/** The activities on one certificate, from the first look to the end. */
async function lifeOf(cluster: ClusterView): Promise<void> {
  const [bundle] = cluster.bundles;
  if (bundle === undefined) throw new Error('it has no bundle');
  const { identity } = cluster;
  const secret = { namespace: identity.namespace, name: bundle.secretName };
  const acts = kubernetesActivities(certman);
  const { request } = await runActivity((input) => acts.applyCertificateRequest(input), {
    cluster: identity,
    bundleName: bundle.name,
  });
  const { chainPem, keyPem } = selfSigned();
  await ensureStagingKey(certman, { request, orderUrl: 'https://ca.example/1', makeKey: async () => keyPem });
  await ensureStagingKey(certman, { request, orderUrl: 'https://ca.example/2', makeKey: async () => keyPem });
  await putTlsSecret(certman, { request, secretName: bundle.secretName, ...selfSigned({ serialHex: '07' }) });
  await putTlsSecret(certman, { request, secretName: bundle.secretName, chainPem, keyPem });
  await putTlsSecret(certman, { request, secretName: bundle.secretName, ...selfSigned() });
  await deleteStagingKey(certman, request);
  const stored = await readTlsSecret(certman, secret);
  const report = {
    bundleName: bundle.name,
    requestName: request.name,
    secretName: bundle.secretName,
    workflowId: 'w',
    state: 'Ready',
    conditions: [{ type: 'Ready', status: 'True', reason: 'Issued', message: 'valid' }],
    ...(stored.kind === 'valid' ? { certificate: stored.certificate } : {}),
    event: { type: 'Normal', reason: 'Issued', message: 'issued' },
  } as const;
  await runActivity((input) => acts.reportStatus(input), { cluster: identity, report });
  await runActivity((input) => acts.reportStatus(input), { cluster: identity, report });
  await managementCluster().admin.delete(primaryResource(identity), identity);
  await runActivity((input) => acts.removeBundle(input), {
    cluster: identity,
    bundleName: bundle.name,
    secretName: secret.name,
  });
  await runActivity((input) => acts.removeFinalizer(input), identity);
}

async function listAndWatch(path: string, fieldSelector = ''): Promise<void> {
  const query = new URLSearchParams({ fieldSelector, limit: '1' });
  await certman.getJson(`${path}?${query.toString()}`);
  query.set('watch', 'true');
  query.set('timeoutSeconds', '1');
  const lines = certman.openStream(`${path}?${query.toString()}`, new AbortController().signal)[Symbol.asyncIterator]();
  await lines.next();
  await lines.return?.();
}

/** `verb group/resource` of a request, as the API server's authorizer names it. */
function permissionOf({ method, path }: SeenRequest): string {
  const url = new URL(path, 'http://api');
  const parts = url.pathname.split('/').filter((part) => part !== '');
  const [group = '', , ...inside] = parts[0] === 'api' ? ['', ...parts.slice(1)] : parts.slice(1);
  const isNamespaced = inside[0] === 'namespaces' && inside.length > 2;
  const [plural = '', name, sub] = isNamespaced ? inside.slice(2) : inside;
  const reading = url.searchParams.get('watch') === 'true' ? 'watch' : name === undefined ? 'list' : 'get';
  const verb = { GET: reading, POST: 'create', PATCH: 'patch', DELETE: 'delete' }[method] ?? method;
  return `${verb} ${group}/${plural}${sub === undefined ? '' : `/${sub}`}`;
}

const ruleSchema = z.object({
  rules: z.array(
    z.object({ apiGroups: z.array(z.string()), resources: z.array(z.string()), verbs: z.array(z.string()) }),
  ),
});

function permissionsIn(role: KubernetesObject): readonly string[] {
  return ruleSchema
    .parse(role)
    .rules.flatMap(({ apiGroups, resources, verbs }) =>
      apiGroups.flatMap((group) =>
        resources.flatMap((resource) => verbs.map((verb) => `${verb} ${group}/${resource}`)),
      ),
    );
}

test('a standalone CertificateRequest needs no right that a cluster does not need', async () => {
  proxy.clearSeen();
  await standaloneLife();
  const roles = (await readManifests('base/rbac.yaml')).filter((object) => object.kind?.endsWith('Role'));
  const granted = new Set(roles.flatMap(permissionsIn));
  const used = new Set(proxy.seen.map(permissionOf));
  expect([...used].filter((one) => !granted.has(one))).toEqual([]);
  expect([...used]).not.toContain('delete certman.managed.openshift.io/certificaterequests');
  expect([...used].filter((one) => one.includes('hive.openshift.io'))).toEqual([]);
});

test('the rights in deploy/components/sts are those that the roles of an STS cluster need, and no more', async () => {
  const { admin } = managementCluster();
  const { namespace } = STS_CONFIG_MAP;
  const claim = { namespace: 'default', name: 'c1' };
  if ((await admin.get(NAMESPACES, { name: namespace })) === undefined) {
    await admin.create(NAMESPACES, { metadata: { name: namespace } });
  }
  await admin.apply(CONFIG_MAPS, {
    metadata: STS_CONFIG_MAP,
    data: { 'sts-jump-role': 'arn:aws:iam::123456789012:role/jump' },
  });
  const { group, version, plural, kind: accountClaimKind } = ACCOUNT_CLAIMS;
  const crd: KubernetesObject = {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: { plural, kind: accountClaimKind },
      versions: [{ name: version, served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }],
    },
  };
  await admin.apply(resourceOf(crd), crd);
  await expect.poll(() => admin.get(ACCOUNT_CLAIMS, claim).catch(() => 'not served')).toBe(undefined);
  const component = await readManifests('components/sts/rbac.yaml');
  for (const object of component) await admin.apply(resourceOf(object), object);
  proxy.clearSeen();
  // Allowed, but not found.
  await expect
    .poll(() => readStsRoles(certman, claim).catch((error: unknown) => error))
    .toMatchObject({
      code: 'dns/credentialsMissing',
      message: expect.stringContaining('AccountClaim default/c1'),
    });
  const granted = component.filter(({ kind }) => kind?.endsWith('Role')).flatMap(permissionsIn);
  // Every authenticated client may read the discovery (ClusterRole system:discovery).
  const used = proxy.seen.filter(({ path }) => path !== '/apis').map(permissionOf);
  expect([...new Set(used)].sort()).toEqual([...granted].sort());
});

describe('the rights in deploy/base/rbac.yaml', () => {
  test('are those that a certificate’s life cycle needs, and no more', async () => {
    proxy.clearSeen();
    await completeLifecycle();
    const roles = (await readManifests('base/rbac.yaml')).filter((object) => object.kind?.endsWith('Role'));
    // Applying what is not there takes the right to create it, though the request is a PATCH.
    const used = new Set([...proxy.seen.map(permissionOf), 'create certman.managed.openshift.io/certificaterequests']);
    expect([...used].sort()).toEqual([...new Set(roles.flatMap(permissionsIn))].sort());
  });

  const someName = { namespace: 'default', name: 'x' };
  test.each([
    ['create a ClusterDeployment', () => certman.create(CLUSTER_DEPLOYMENTS, { metadata: someName })],
    ['delete a ClusterDeployment', () => certman.delete(CLUSTER_DEPLOYMENTS, someName)],
    ['change a DNSZone', () => certman.patch(DNS_ZONES, someName, [])],
    ['read a ConfigMap elsewhere', () => certman.get(CONFIG_MAPS, someName)],
    ['read another ConfigMap at home', () => certman.get(CONFIG_MAPS, { namespace: OPERATOR_NAMESPACE, name: 'x' })],
    [
      'change its own ConfigMap',
      () => certman.patch(CONFIG_MAPS, { namespace: OPERATOR_NAMESPACE, name: 'certman-operator' }, []),
    ],
    ['delete an Event', () => certman.delete(EVENTS, someName)],
    ['delete a ClusterSync', () => certman.delete(CLUSTER_SYNCS, someName)],
    ['list ClusterSyncs', () => certman.getJson(collectionPath(CLUSTER_SYNCS))],
    ['list Namespaces', () => certman.getJson('/api/v1/namespaces')],
    ['label a Namespace', () => certman.patch(NAMESPACES, { name: 'default' }, [])],
    ['list pods', () => certman.getJson('/api/v1/pods')],
    ['read roles', () => certman.getJson('/apis/rbac.authorization.k8s.io/v1/clusterroles')],
  ])('do not include: %s', async (_name, attempt) => {
    await expect(attempt()).rejects.toMatchObject({ code: 'kubernetes/forbidden', info: { retry: 'onChange' } });
  });
});
