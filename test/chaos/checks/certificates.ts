/** Checks at the API server and the CA that every existing cluster has its certificate. */
import { CheckFailed, waitForReadyRequest } from '../../../local/demo/checks.ts';
import type { SampleCluster } from '../../../local/stack/management-cluster/sample-cluster.ts';
import { readTlsSecret } from '../../../src/kubernetes/objects/tls-secret.ts';
import type { ChaosContext } from '../context.ts';
import type { Finding } from './finding.ts';

/** The status is written after the Secret. */
const READY_TIMEOUT_SECONDS = 5;

/** Checks for a matching key, all names, expiry, revocation and the serial number in the CertificateRequest's status. */
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
