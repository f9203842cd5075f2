/** Clusters whose two certificates certman has issued, none of them due: every object that the watch observes, and no workflow. */
import pLimit from 'p-limit';
import { type ObjectWriter, withAdmin, withHiveClient } from '../local/stack/management-cluster/clients.ts';
import { SAMPLE_EXTRA_RECORD } from '../local/stack/management-cluster/sample-cluster.ts';
import type { Stack } from '../local/stack/stack.ts';
import type { ClusterView } from '../src/clusters/cluster-view.ts';
import type { KubernetesClient } from '../src/kubernetes/api/client.ts';
import { buildCertificateRequest } from '../src/kubernetes/objects/certificate-request.ts';
import { projectClusterDeployment } from '../src/kubernetes/objects/cluster-deployment.ts';
import { buildRequestStatus } from '../src/kubernetes/objects/request-status.ts';
import { CERTIFICATE_REQUESTS, SECRETS } from '../src/kubernetes/objects/resources.ts';
import { controllerReferenceTo, requestLabel } from '../src/kubernetes/objects/secret-ownership.ts';
import { type IssuedKeyPair, IssuingCa } from '../test/support/certificates/issuing-ca.ts';
import { createHiveNamespace, HIVE, hiveClusterDeployment } from './hive-cluster.ts';

const CLUSTERS_AT_ONCE = 16;
const DAY_MS = 86_400_000;
/** Let's Encrypt's intermediates each have a CRL of some hundred parts. */
const CRL_PARTS = 128;

/** Options of {@link createWatchedFleet}. */
export interface WatchedFleetOptions {
  readonly clusters: number;
  readonly managementCluster: string;
  /** Domain of the clusters' names. */
  readonly zone: string;
  /** Called with the number of clusters that exist. */
  readonly onProgress: (created: number) => void;
}

/** @returns namespace, also the name, of each ClusterDeployment. */
export async function createWatchedFleet(stack: Stack, options: WatchedFleetOptions): Promise<readonly string[]> {
  const kubeconfig = stack.kubernetes.adminKubeconfig;
  // The watch reads no data of a Secret: one certificate serves all.
  const ca = await IssuingCa.create('Watched R1', 'rsa');
  const issued = await ca.issue({ serialHex: '7f', dnsNames: [`api.${options.zone}`] });
  const names = Array.from({ length: options.clusters }, (_, index) => `uhc-production-watched-${index + 1}`);
  const limit = pLimit(CLUSTERS_AT_ONCE);
  let created = 0;
  await withHiveClient(kubeconfig, (hive) =>
    withAdmin(kubeconfig, async (certman) => {
      const create = async (name: string, index: number): Promise<void> => {
        const view = await createCluster(hive, name, options);
        for (const position of view.bundles.keys()) await createCertificate(certman, view, position, index, issued);
        created += 1;
        options.onProgress(created);
      };
      await Promise.all(names.map((name, index) => limit(() => create(name, index))));
    }),
  );
  return names;
}

async function createCluster(
  hive: ObjectWriter,
  name: string,
  { zone, managementCluster }: WatchedFleetOptions,
): Promise<ClusterView> {
  await createHiveNamespace(hive, name, zone);
  const deployment = hiveClusterDeployment(name, zone, ['api', 'apps']);
  const { metadata } = await hive.create(`${HIVE}/namespaces/${name}/clusterdeployments`, deployment);
  const object = { ...deployment, metadata: { ...deployment.metadata, uid: metadata.uid } };
  const projected = projectClusterDeployment(object, { managementCluster, extraRecord: SAMPLE_EXTRA_RECORD });
  if (projected.kind === 'malformed') throw new Error(projected.message);
  return projected.view;
}

/** CertificateRequest, its status and Secret, as the activities of an issuance write them. */
async function createCertificate(
  certman: KubernetesClient,
  view: ClusterView,
  position: number,
  index: number,
  issued: IssuedKeyPair,
): Promise<void> {
  const bundle = view.bundles[position];
  if (bundle?.names.kind !== 'valid') throw new RangeError('the bundle has no names');
  const { namespace } = view.identity;
  const { metadata } = await certman.apply(
    CERTIFICATE_REQUESTS,
    buildCertificateRequest(view, bundle, 'sre@example.com'),
  );
  const { name, uid = '' } = metadata;
  const serial = 2n ** 150n + BigInt(index * view.bundles.length + position);
  const issuedAt = Date.now() - DAY_MS * (1 + (index % 20));
  const at = (days: number): string => new Date(issuedAt + days * DAY_MS).toISOString();
  const status = buildRequestStatus(
    {
      bundleName: bundle.name,
      requestName: name,
      secretName: bundle.secretName,
      workflowId: `cluster/${view.identity.managementCluster}/${namespace}/${view.identity.name}/${view.identity.uid}`,
      state: 'Ready',
      conditions: [{ type: 'Ready', status: 'True', reason: 'Issued', message: 'The certificate is valid.' }],
      certificate: {
        serialNumber: String(serial),
        issuerName: 'R12',
        notBefore: at(0),
        notAfter: at(90),
        dnsNames: bundle.names.dnsNames,
        fingerprint: '',
        certId: `ALUp8i2ObzHom0yteD763OkM0dI.${Buffer.from(serial.toString(16), 'hex').toString('base64url')}`,
        crlUrl: `http://r12.c.lencr.org/${index % CRL_PARTS}.crl`,
      },
      caHost: 'acme-v02.api.letsencrypt.org',
      renewalTime: at(45),
    },
    {},
    new Date(issuedAt),
  );
  await certman.apply(CERTIFICATE_REQUESTS, { metadata: { namespace, name }, status }, { subresource: 'status' });
  await certman.apply(SECRETS, {
    metadata: {
      namespace,
      name: bundle.secretName,
      labels: requestLabel(name),
      ownerReferences: [controllerReferenceTo({ name, uid })],
    },
    type: 'kubernetes.io/tls',
    data: { 'tls.crt': btoa(issued.chainPem), 'tls.key': btoa(issued.keyPem) },
  });
}
