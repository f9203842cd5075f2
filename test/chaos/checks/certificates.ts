/** Whether clusters that live have their certificate: asked of the API server and of the CA. */
import { CheckFailed, waitForReadyRequest } from '../../../local/demo/checks.ts';
import type { SampleCluster } from '../../../local/stack/management-cluster/sample-cluster.ts';
import { readTlsSecret } from '../../../src/kubernetes/objects/tls-secret.ts';
import type { ChaosContext } from '../context.ts';
import type { Finding } from './finding.ts';

/** Its status is written after its Secret. */
const READY_TIMEOUT_SECONDS = 5;

/** A certificate with its own key, for all names, unexpired and unrevoked, and told on the CertificateRequest. */
export async function certificateFindings(
  context: Pick<ChaosContext, 'stack' | 'kubernetes'>,
  clusters: readonly SampleCluster[],
): Promise<readonly Finding[]> {
  const found = await Promise.all(clusters.map((cluster) => findingOf(context, cluster)));
  return found.flatMap((finding) => finding ?? []);
}

async function findingOf(
  { stack, kubernetes }: Pick<ChaosContext, 'stack' | 'kubernetes'>,
  cluster: SampleCluster,
): Promise<Finding | undefined> {
  const where = `Secret ${cluster.namespace}/${cluster.secretName}`;
  const lost = (what: string): Finding => ({ kind: 'lost', what: `${where} ${what}` });
  const secret = await readTlsSecret(kubernetes, { namespace: cluster.namespace, name: cluster.secretName });
  if (secret.kind === 'missing') return lost('is not there');
  if (secret.kind === 'broken') return lost(`is broken: ${secret.message}`);
  const { serialNumber, dnsNames, notAfter } = secret.certificate;
  const lacking = cluster.dnsNames.filter((name) => !dnsNames.includes(name));
  if (lacking.length > 0) return lost(`holds a certificate without ${lacking.join(', ')}`);
  if (Date.parse(notAfter) <= Date.now()) return lost(`holds a certificate that expired at ${notAfter}`);
  const { Status: status } = await stack.acme.statusOf(serialNumber);
  if (status !== 'Valid') return lost(`holds certificate ${serialNumber}, which the CA calls ${status}`);
  try {
    await waitForReadyRequest(kubernetes, cluster, serialNumber, READY_TIMEOUT_SECONDS);
  } catch (error) {
    if (error instanceof CheckFailed) return { kind: 'stuck', what: error.message };
    throw error;
  }
  return undefined;
}
