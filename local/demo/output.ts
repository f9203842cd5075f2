/** Output of the demo beside its steps. */
import type { Client } from '@temporalio/client';
import pc from 'picocolors';
import type { ClusterIdentity } from '../../src/clusters/cluster-identity.ts';
import { clusterWorkflowId, issuanceWorkflowId } from '../../src/contract/ids.ts';
import { type KubernetesApi } from '../../src/kubernetes/api/kubernetes-api.ts';
import { CLUSTER_DEPLOYMENTS } from '../../src/kubernetes/objects/resources.ts';
import type { SampleCluster } from '../stack/management-cluster/sample-cluster.ts';
import type { InstalledCertificate } from './checks.ts';
import { printIssuanceProgress } from './issuance-progress.ts';

/** Longer than any issuance of a sample. */
const FOLLOW_TIMEOUT_MS = 180_000;

/** Prints the steps of the n-th issuance of the first cluster. */
export async function printFirstIssuance(
  context: { readonly kubernetes: KubernetesApi; readonly client: Client; readonly clusters: readonly SampleCluster[] },
  attempt: number,
): Promise<void> {
  const [cluster] = context.clusters;
  if (cluster === undefined) return;
  const identity = await identityOf(context.kubernetes, cluster);
  await printIssuanceProgress(
    context.client,
    issuanceWorkflowId(identity, cluster.bundleName, attempt),
    AbortSignal.timeout(FOLLOW_TIMEOUT_MS),
  );
}

/** Identity of a sample in workflow ids. */
export async function identityOf(kubernetes: KubernetesApi, cluster: SampleCluster): Promise<ClusterIdentity> {
  const found = await kubernetes.get(CLUSTER_DEPLOYMENTS, { namespace: cluster.namespace, name: cluster.name });
  return {
    managementCluster: 'hive',
    namespace: cluster.namespace,
    name: cluster.name,
    uid: found?.metadata.uid ?? '',
  };
}

/** URL of a cluster's workflow in the Web UI. */
export async function workflowUrl(uiUrl: string, kubernetes: KubernetesApi, cluster: SampleCluster): Promise<string> {
  const id = clusterWorkflowId(await identityOf(kubernetes, cluster));
  return `${uiUrl}/namespaces/default/workflows/${encodeURIComponent(id)}`;
}

/** Text with names, issuer, validity and serial number; empty without a certificate. */
export function describeCertificate(
  cluster: SampleCluster | undefined,
  installed: InstalledCertificate | undefined,
): string {
  if (cluster === undefined || installed === undefined) return '';
  const { certificate, serialNumber } = installed;
  const line = (label: string, value: string) => `  ${pc.dim(label.padEnd(8))} ${value}`;
  return [
    '',
    `  ${pc.bold(`Certificate of ${cluster.namespace}/${cluster.name}`)} in Secret ${cluster.secretName}`,
    line('names', (certificate.subjectAltName ?? '').replaceAll('DNS:', '')),
    line('issuer', certificate.issuer.replaceAll('\n', ', ')),
    line('valid', `${certificate.validFrom} – ${certificate.validTo}`),
    line('serial', serialNumber),
    '',
  ].join('\n');
}
