/** Installed clusters with certificates that certman-operator left, none of them due: what a worker has to watch at rest. */
import pLimit from 'p-limit';
import { type ObjectWriter, withHiveClient, withObjectWriter } from '../local/stack/management-cluster/clients.ts';
import { SAMPLE_EXTRA_RECORD } from '../local/stack/management-cluster/sample-cluster.ts';
import type { Stack } from '../local/stack/stack.ts';
import { requestName } from '../src/clusters/request-name.ts';
import { FINALIZER } from '../src/kubernetes/objects/resources.ts';
import { type IssuedKeyPair, IssuingCa } from '../test/support/certificates/issuing-ca.ts';
import { formatGoTime, operatorSpec, owner } from '../test/support/e2e/certman-operator-objects.ts';
import { bundleSecretName, createHiveNamespace, HIVE, hiveClusterDeployment } from './hive-cluster.ts';

const ISSUER = 'Adopted R1';
const DAY_MS = 86_400_000;
/** Far from the renewal at 45 days. */
const DAYS_LEFT = 80;
const CLUSTERS_AT_ONCE = 8;
const CERTMAN = '/apis/certman.managed.openshift.io/v1alpha1';

type BundleName = 'api' | 'apps';

/** Options of {@link createAdoptedFleet}. */
export interface AdoptedFleetOptions {
  readonly clusters: number;
  /** Hosted zone of the clusters' names. */
  readonly zone: string;
  readonly zoneId: string;
  /** Default: one for the control plane, `api`, and one for the ingress, `apps`. */
  readonly bundles?: readonly BundleName[];
  /** Of every certificate, in epoch milliseconds. Default: 90 days, of which 80 are left. */
  readonly validity?: { readonly notBefore: number; readonly notAfter: number };
  /** Called with the number of clusters that exist. */
  readonly onProgress?: (created: number) => void;
}

/** Creates each cluster with a bundle for its control plane and one for its ingress, issued by a CA of its own. */
export async function createAdoptedFleet(stack: Stack, options: AdoptedFleetOptions): Promise<void> {
  const { clusters, onProgress = () => undefined } = options;
  const kubeconfig = stack.kubernetes.adminKubeconfig;
  const ca = await IssuingCa.create(ISSUER);
  const limit = pLimit(CLUSTERS_AT_ONCE);
  let created = 0;
  await withHiveClient(kubeconfig, (hive) =>
    withObjectWriter(kubeconfig, 'certman-operator', async (operator) => {
      const create = async (index: number): Promise<void> => {
        await createCluster(hive, operator, ca, nameOf(index), index, options);
        created += 1;
        onProgress(created);
      };
      await Promise.all(Array.from({ length: clusters }, (_, index) => limit(() => create(index + 1))));
    }),
  );
}

/** The CertificateRequests of a bundle, of a fleet of that size. */
export function adoptedRequestNames(clusters: number, bundle: BundleName) {
  return Array.from({ length: clusters }, (_, index) => {
    const namespace = nameOf(index + 1);
    return { namespace, name: requestName(namespace, bundle) };
  });
}

/** Of a cluster and of its namespace. */
function nameOf(index: number): string {
  return `sleeper-${index}`;
}

async function createCluster(
  hive: ObjectWriter,
  operator: ObjectWriter,
  ca: IssuingCa,
  name: string,
  index: number,
  { zone, zoneId, bundles: wanted = ['api', 'apps'], validity: given }: AdoptedFleetOptions,
): Promise<void> {
  const domain = `${name}.${zone}`;
  const namesOf = {
    api: [`api.${domain}`, `${SAMPLE_EXTRA_RECORD}.${domain}`],
    apps: [`*.apps.${domain}`],
  } as const satisfies Readonly<Record<BundleName, readonly string[]>>;
  const bundles = wanted.map((bundle) => ({ name: bundle, dnsNames: namesOf[bundle] }));
  const inNamespace = (base: string): string => `${base}/namespaces/${name}`;
  await createHiveNamespace(hive, name, zone);
  await hive.mergePatch([
    { path: `${inNamespace(HIVE)}/dnszones/${name}-zone/status`, body: { status: { aws: { zoneID: zoneId } } } },
  ]);
  const cluster = await hive.create(
    `${inNamespace(HIVE)}/clusterdeployments`,
    hiveClusterDeployment(name, zone, wanted),
  );
  for (const [position, { name: bundle, dnsNames }] of bundles.entries()) {
    const serial = index * bundles.length + position + 1;
    const { notBefore, notAfter } = given ?? {
      notBefore: Date.now() + (DAYS_LEFT - 90) * DAY_MS,
      notAfter: Date.now() + DAYS_LEFT * DAY_MS,
    };
    const validity = { notBefore: wholeSeconds(notBefore), notAfter: wholeSeconds(notAfter) };
    const issued = await ca.issue({ serialHex: serial.toString(16).padStart(8, '0'), dnsNames, validity });
    const request = await operator.create(`${inNamespace(CERTMAN)}/certificaterequests`, {
      apiVersion: 'certman.managed.openshift.io/v1alpha1',
      kind: 'CertificateRequest',
      metadata: {
        name: requestName(name, bundle),
        finalizers: [FINALIZER],
        ownerReferences: [owner('hive.openshift.io/v1', 'ClusterDeployment', name, cluster.metadata.uid)],
      },
      spec: operatorSpec({ namespace: name, zone, secretName: bundleSecretName(name, bundle), dnsNames }),
    });
    await operator.mergePatch([
      {
        path: `${inNamespace(CERTMAN)}/certificaterequests/${request.metadata.name}/status`,
        body: { status: operatorStatus(serial, validity) },
      },
    ]);
    await operator.create(
      `${inNamespace('/api/v1')}/secrets`,
      secretManifest(bundleSecretName(name, bundle), request.metadata, issued),
    );
  }
}

/** As certman-operator writes it. */
function operatorStatus(
  serial: number,
  { notBefore, notAfter }: { readonly notBefore: Date; readonly notAfter: Date },
) {
  return {
    issued: true,
    issuerName: ISSUER,
    notBefore: formatGoTime(notBefore),
    notAfter: formatGoTime(notAfter),
    serialNumber: String(serial),
    status: 'Success',
  };
}

function secretManifest(name: string, request: { readonly name: string; readonly uid: string }, issued: IssuedKeyPair) {
  return {
    metadata: {
      name,
      labels: { certificate_request: request.name },
      ownerReferences: [
        owner('certman.managed.openshift.io/v1alpha1', 'CertificateRequest', request.name, request.uid),
      ],
    },
    type: 'kubernetes.io/tls',
    stringData: { 'tls.crt': issued.chainPem, 'tls.key': issued.keyPem },
  };
}

/** X.509 has whole seconds. */
function wholeSeconds(epochMs: number): Date {
  return new Date(Math.floor(epochMs / 1000) * 1000);
}
