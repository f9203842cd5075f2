/** The API server of a fleet that exists in numbers only: lists of any size, and watches on which nothing happens. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { WatchConnection } from '../../../src/kubernetes/api/kubernetes-api.ts';
import {
  CERTIFICATE_REQUESTS,
  CLUSTER_DEPLOYMENTS,
  DNS_ZONES,
  FINALIZER,
  SECRETS,
} from '../../../src/kubernetes/objects/resources.ts';
import { toRfc3339 } from '../../../src/kubernetes/objects/timestamp.ts';

const BUNDLES = ['api', 'apps'] as const;
const ZONE = 'abcd.p1.openshiftapps.com';
const CA_HOST = 'acme-v02.api.letsencrypt.org';
const DAY_MS = 86_400_000;
/** Of an intermediate; few enough for the poller to ask for all within seconds. */
const CRL_PARTS = 16;
const RESOURCE_VERSION = '900000';

/** What a list has for each cluster, as the API server answers it. */
const OBJECTS: Readonly<Record<string, (index: number) => readonly object[]>> = {
  [CLUSTER_DEPLOYMENTS.plural]: (index) => [clusterDeployment(index)],
  [CERTIFICATE_REQUESTS.plural]: (index) => BUNDLES.map((bundle) => certificateRequest(index, bundle)),
  [SECRETS.plural]: (index) => [credentials(index), ...BUNDLES.map((bundle) => certificateSecret(index, bundle))],
  [DNS_ZONES.plural]: (index) => [dnsZone(index)],
};

/** Each cluster has two certificates by certman, none due, with ARI and CRL, and serves them. */
export function syntheticFleet(clusters: number): WatchConnection {
  return {
    getJson: (path) => {
      const url = new URL(path, 'http://api');
      const objectsOf = OBJECTS[url.pathname.slice(url.pathname.lastIndexOf('/') + 1)];
      const start = Number(url.searchParams.get('continue') ?? 0);
      const end = objectsOf === undefined ? 0 : Math.min(clusters, start + Number(url.searchParams.get('limit')));
      const items = Array.from({ length: Math.max(0, end - start) }, (_, at) => objectsOf?.(start + at) ?? []).flat();
      const metadata = { resourceVersion: RESOURCE_VERSION, continue: end < clusters && end > 0 ? String(end) : '' };
      // Parsed text, as from a response: its strings are not shared.
      return Promise.resolve(JSON.parse(JSON.stringify({ metadata, items })));
    },
    async *openStream(_path, signal) {
      for (;;) {
        await sleep(60_000, undefined, { signal, ref: false });
        yield JSON.stringify({ type: 'BOOKMARK', object: { metadata: { resourceVersion: RESOURCE_VERSION } } });
      }
    },
  };
}

function uidOf(kind: number, index: number): string {
  return `${kind.toString(16).padStart(8, '0')}-1f2e-4d3c-8b4a-${index.toString(16).padStart(12, '0')}`;
}

function names(index: number) {
  const namespace = `uhc-production-${String(index).padStart(32, 'abcdef')}`;
  const name = `cluster-${index}`;
  const secretOf = (bundle: string): string => `${name}-${bundle}-cert-secret`;
  return { namespace, name, domain: `${name}.${ZONE}`, secretOf, requestOf: (bundle: string) => `${name}-${bundle}` };
}

function metadataOf(kind: number, index: number, name: string) {
  const { namespace } = names(index);
  return { namespace, name, uid: uidOf(kind, index), resourceVersion: String(100_000 + index * 8 + kind) };
}

/** Every field owned by certman, as after an apply. */
function applied(field: 'spec' | 'status' | 'data', value: object) {
  const fields = Object.fromEntries(Object.keys(value).map((name) => [`f:${name}`, {}]));
  return {
    manager: 'certman',
    operation: 'Apply',
    apiVersion: 'v1',
    time: '2026-11-01T00:00:00Z',
    fieldsType: 'FieldsV1',
    fieldsV1: { [`f:${field}`]: fields },
    ...(field === 'status' && { subresource: 'status' }),
  };
}

function clusterDeployment(index: number) {
  const { name, domain, secretOf } = names(index);
  return {
    metadata: {
      ...metadataOf(1, index, name),
      labels: { 'api.openshift.com/managed': 'true', 'api.openshift.com/id': uidOf(9, index) },
      finalizers: ['hive.openshift.io/deprovision', FINALIZER],
    },
    spec: {
      baseDomain: ZONE,
      clusterName: name,
      installed: true,
      manageDNS: true,
      platform: { aws: { region: 'us-east-1', credentialsSecretRef: { name: 'aws' } } },
      certificateBundles: BUNDLES.map((bundle) => ({
        name: bundle,
        generate: true,
        certificateSecretRef: { name: secretOf(bundle) },
      })),
      controlPlaneConfig: { servingCertificates: { default: 'api' } },
      ingress: [{ name: 'default', domain: `apps.${domain}`, servingCertificate: 'apps' }],
    },
    status: { apiURL: `https://api.${domain}:6443`, webConsoleURL: `https://console.apps.${domain}` },
  };
}

function certificateRequest(index: number, bundle: (typeof BUNDLES)[number]) {
  const { namespace, name, domain, secretOf, requestOf } = names(index);
  const kind = 2 + BUNDLES.indexOf(bundle);
  const serial = 2n ** 150n + BigInt(index * BUNDLES.length + kind);
  const issuedAt = Date.now() - DAY_MS * (1 + (index % 20)) - index * 1000;
  const at = (days: number): string => toRfc3339(new Date(issuedAt + days * DAY_MS));
  const spec = {
    acmeDNSDomain: ZONE,
    certificateSecret: { kind: 'secret', namespace, name: secretOf(bundle) },
    dnsNames: bundle === 'api' ? [`api.${domain}`, `rh-api.${domain}`] : [`*.apps.${domain}`],
    email: 'sre@example.com',
    platform: { aws: { credentials: { name: 'aws' }, region: 'us-east-1' } },
    apiURL: `https://api.${domain}:6443`,
    webConsoleURL: `https://console.apps.${domain}`,
  };
  const status = {
    issued: true,
    status: 'Success',
    state: 'Ready',
    workflowID: `cluster/production/${namespace}/${name}/${uidOf(1, index)}`,
    failedAttempts: 0,
    issuerName: 'R12',
    serialNumber: String(serial),
    notBefore: at(0),
    notAfter: at(90),
    certID: `ALUp8i2ObzHom0yteD763OkM0dI.${Buffer.from(serial.toString(16), 'hex').toString('base64url')}`,
    crlURL: `http://r12.c.lencr.org/${index % CRL_PARTS}.crl`,
    acmeServer: CA_HOST,
    // Only where the CA has moved the renewal.
    ...(index % 10 === 0 && { suggestedWindow: { start: at(58), end: at(60) } }),
    renewalTime: at(45),
    installedTime: at(0),
    conditions: ['Ready', 'Renewing', 'Failing', 'ExpiryNear', 'Served'].map((type) => ({
      type,
      status: type === 'Ready' || type === 'Served' ? 'True' : 'False',
      reason: 'Issued',
      message: 'The certificate is valid until 2027-01-01.',
      lastTransitionTime: at(0),
      lastProbeTime: at(0),
    })),
  };
  const owner = { apiVersion: 'hive.openshift.io/v1', kind: 'ClusterDeployment', name, uid: uidOf(1, index) };
  return {
    metadata: {
      ...metadataOf(kind, index, requestOf(bundle)),
      finalizers: [FINALIZER],
      ownerReferences: [{ ...owner, controller: true }],
      managedFields: [applied('spec', spec), applied('status', status)],
    },
    spec,
    status,
  };
}

function certificateSecret(index: number, bundle: (typeof BUNDLES)[number]) {
  const { secretOf, requestOf } = names(index);
  const owner = { apiVersion: 'certman.managed.openshift.io/v1alpha1', kind: 'CertificateRequest' };
  const kind = 2 + BUNDLES.indexOf(bundle);
  return {
    metadata: {
      ...metadataOf(kind + 2, index, secretOf(bundle)),
      labels: { certificate_request: requestOf(bundle) },
      ownerReferences: [{ ...owner, name: requestOf(bundle), uid: uidOf(kind, index), controller: true }],
      managedFields: [applied('data', { 'tls.crt': '', 'tls.key': '' })],
    },
  };
}

function credentials(index: number) {
  const keys = { aws_access_key_id: '', aws_secret_access_key: '' };
  return {
    metadata: {
      ...metadataOf(6, index, 'aws'),
      managedFields: [{ ...applied('data', keys), manager: 'hive', operation: 'Update' }],
    },
  };
}

function dnsZone(index: number) {
  const { name } = names(index);
  return {
    metadata: metadataOf(7, index, `${name}-zone`),
    spec: { zone: `${name}.${ZONE}`, linkToParentDomain: true },
    status: { aws: { zoneID: `Z0${index}` } },
  };
}
