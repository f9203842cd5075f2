/** Checks at Route 53 and the API server that nothing is left over. */
import type { SampleCluster } from '../../../local/stack/management-cluster/sample-cluster.ts';
import { type KubernetesApi } from '../../../src/kubernetes/api/kubernetes-api.ts';
import { CERTIFICATE_REQUESTS, CLUSTER_DEPLOYMENTS, SECRETS } from '../../../src/kubernetes/objects/resources.ts';
import { STAGING_LABEL } from '../../../src/kubernetes/objects/secret-ownership.ts';
import { txtRecords } from '../../support/e2e/evidence.ts';
import type { ChaosContext } from '../context.ts';
import type { Finding } from './finding.ts';

/** No challenge TXT record is in the zone when no order is in progress. */
export async function recordFindings(context: Pick<ChaosContext, 'stack' | 'zone'>): Promise<readonly Finding[]> {
  const records = await txtRecords(context);
  return [...records]
    .filter(([name]) => name.startsWith('_acme-challenge.'))
    .map(([name, values]) => ({ kind: 'leftover', what: `TXT record ${name} with ${values.length} values` }));
}

/** No staging Secret exists once every certificate is installed. */
export async function stagingFindings({ kubernetes }: Pick<ChaosContext, 'kubernetes'>): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for await (const { metadata } of kubernetes.list(SECRETS, { labelSelector: `${STAGING_LABEL}=true` })) {
    findings.push({ kind: 'leftover', what: `staging Secret ${metadata.namespace}/${metadata.name}` });
  }
  return findings;
}

/** No object of a deleted cluster exists; an object that is being deleted still counts. */
export async function objectFindings(
  { kubernetes }: Pick<ChaosContext, 'kubernetes'>,
  deleted: readonly SampleCluster[],
): Promise<readonly Finding[]> {
  const found = await Promise.all(deleted.map((cluster) => objectsLeft(kubernetes, cluster)));
  return found.flat();
}

async function objectsLeft(kubernetes: KubernetesApi, cluster: SampleCluster): Promise<readonly Finding[]> {
  const { namespace } = cluster;
  const findings: Finding[] = [];
  for (const [resource, name] of [
    [CLUSTER_DEPLOYMENTS, cluster.name],
    [CERTIFICATE_REQUESTS, cluster.requestName],
    [SECRETS, cluster.secretName],
  ] as const) {
    const left = await kubernetes.get(resource, { namespace, name });
    if (left === undefined) continue;
    const finalizers = left.metadata.finalizers ?? [];
    const held = finalizers.length === 0 ? '' : `, held by ${finalizers.join(', ')}`;
    findings.push({ kind: 'leftover', what: `${resource.kind} ${namespace}/${name}${held}` });
  }
  return findings;
}
