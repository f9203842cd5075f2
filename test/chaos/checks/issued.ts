/** Checks at the CA that every issued certificate reached its Secret and was revoked with its cluster. */
import type { SampleCluster } from '../../../local/stack/management-cluster/sample-cluster.ts';
import type { IssuedByCa } from '../../support/acme/ca-log.ts';
import type { ChaosContext } from '../context.ts';
import type { SeenOrder } from '../evidence/order-journal.ts';
import type { SeenCertificate } from '../evidence/secret-journal.ts';
import type { Finding } from './finding.ts';

export interface IssuedEvidence {
  /** From the CA's log. */
  readonly issued: readonly IssuedByCa[];
  /** From the watch on Secrets. */
  readonly certificates: readonly SeenCertificate[];
  readonly orders: readonly SeenOrder[];
  readonly deleted: readonly SampleCluster[];
}

export async function issuedFindings(
  { stack }: Pick<ChaosContext, 'stack'>,
  evidence: IssuedEvidence,
): Promise<readonly Finding[]> {
  const seen = new Map(evidence.certificates.map((certificate) => [certificate.serialNumber, certificate]));
  const deleted = new Set(evidence.deleted.map(({ namespace }) => namespace));
  const findings: Finding[] = [];
  for (const { serialNumber, orderId } of evidence.issued) {
    const certificate = seen.get(serialNumber);
    if (certificate === undefined) {
      if ((await statusOf(stack, serialNumber)) === 'Revoked') continue;
      const names = evidence.orders.find(({ id }) => id === orderId)?.dnsNames.join(', ') ?? 'names unknown';
      findings.push({ kind: 'lost', what: `certificate ${serialNumber} (${names}) was issued and was in no Secret` });
    } else if (deleted.has(certificate.namespace) && Date.parse(certificate.notAfter) > Date.now()) {
      const status = await statusOf(stack, serialNumber);
      if (status === 'Revoked') continue;
      findings.push({
        kind: 'leftover',
        what: `certificate ${serialNumber} of the deleted cluster ${certificate.namespace}, which the CA calls ${status}`,
      });
    }
  }
  return findings;
}

async function statusOf(stack: Pick<ChaosContext['stack'], 'acme'>, serialNumber: string): Promise<string> {
  return (await stack.acme.statusOf(serialNumber)).Status;
}
