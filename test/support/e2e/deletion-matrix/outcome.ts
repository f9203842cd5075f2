/**
 * What became of a cluster of the matrix, asked of those who know: the CA, Route 53, the API server and its audit log, and the
 * workflow's ledger. What does not agree is thrown; what does is said in the words of the table.
 */

import { conditionReason } from '../../../../src/certificates/status-messages.ts';
import type { DecommissionResult } from '../../../../src/contract/cluster-certificates.ts';
import type { AuditedRequest } from '../../kubernetes/audit-log.ts';
import { waitForObjectRemoval, waitForTxtRemoval } from '../checks.ts';
import { decommissionResultOf } from '../evidence.ts';
import type { E2eHarness } from '../harness.ts';
import type { CellOutcome } from './cells.ts';
import { goInstant } from './instants.ts';
import { type MatrixCluster, recordsOf } from './states.ts';

export interface Outcome extends CellOutcome {
  /** The certificate is valid at the CA, as it should be. */
  readonly keptValid: boolean;
}

const CESSATION_OF_OPERATION = 5;

const KEPT_VALID: ReadonlySet<string> = new Set([
  'left valid',
  'left valid, not of this account',
  'kept, in use elsewhere',
]);

/** @param heldUp the reason that its resources gave while it was held up. */
export async function verifyOutcome(
  lab: E2eHarness,
  subject: MatrixCluster,
  heldUp: string | undefined,
): Promise<Outcome> {
  const { cluster, state, fault, zone } = subject;
  await waitForObjectRemoval(lab.kubernetes, cluster);
  if (state === 'uninstalled') return { words: 'released at once', keptValid: false };
  const ledger = await decommissionResultOf(lab, cluster);
  if (!ledger.finalizerRemoved) throw new Error(`${cluster.name}: the ledger says that the finalizer is still on`);
  const given = new Set(ledger.bundles.flatMap((bundle) => bundle.failures ?? []).map(({ code }) => code));
  for (const code of given) {
    if (conditionReason(code) !== heldUp)
      throw new Error(`${cluster.name}: ${code} is given up, and told was ${heldUp}`);
  }
  const certificate = await describeCertificate(lab, subject, ledger);
  const words: string[] = [certificate];
  const left = fault === 'zone' ? [] : await recordsOf(lab, cluster, zone);
  if (left.length > 0) {
    if (![...given].some((code) => code.startsWith('dns/'))) {
      throw new Error(`${cluster.name}: ${left.join(', ')} are left, and the ledger does not say so`);
    }
    words.push('TXT records left');
  } else if (fault !== 'zone' && zone.served) {
    await waitForTxtRemoval(lab.stack, cluster);
  }
  return {
    words: words.join(', '),
    ...(heldUp === undefined ? {} : { blockedReason: heldUp }),
    keptValid: KEPT_VALID.has(certificate),
  };
}

/** What the CA says of the certificate that was in the Secret, held against the ledger. */
async function describeCertificate(
  lab: E2eHarness,
  { cluster, installed: held, state }: MatrixCluster,
  ledger: DecommissionResult,
): Promise<string> {
  if (held === undefined) return 'no certificate';
  const { serialNumber, certificate } = held;
  const { Status, Reason } = await lab.stack.acme.statusOf(serialNumber);
  const entries = ledger.bundles.flatMap(({ revocations }) => revocations);
  const outcome = entries.find((entry) => entry.serialNumber === serialNumber)?.outcome;
  const problem = ledger.bundles.some(({ failures }) => failures?.some(({ code }) => code.startsWith('acme/')));
  const found = `${Status} ${Reason ?? ''} ${outcome ?? ''}`.trim();
  const expired = certificate.validToDate.getTime() < Date.now();
  switch (found) {
    case `Revoked ${CESSATION_OF_OPERATION} revoked`:
      return 'revoked';
    case 'Revoked 1 alreadyRevoked':
      return 'was revoked';
    case 'Valid  expired':
      if (expired) return 'expired';
      break;
    case 'Valid  unknownToAccount':
      return 'left valid, not of this account';
    case 'Valid':
      if (state === 'outgoing') return 'kept, in use elsewhere';
      if (problem) return 'left valid';
      break;
    default:
      break;
  }
  throw new Error(`${cluster.name}: CA and ledger say "${found}"; ledger: ${JSON.stringify(ledger)}`);
}

/**
 * Revocation, then the Secret, then the CertificateRequest, and the finalizer of the ClusterDeployment last.
 * @param requests all that certman asked of the API server, in order.
 */
export async function checkOrder(
  lab: E2eHarness,
  subject: MatrixCluster,
  requests: readonly AuditedRequest[],
): Promise<void> {
  const { cluster, installed: held, fault } = subject;
  const mine = requests.filter(({ namespace }) => namespace === cluster.namespace);
  const deletedAt = (resource: string, name: string): number | undefined =>
    mine.find((one) => one.verb === 'delete' && one.resource === resource && one.name === name)?.at;
  const secretDeleted = deletedAt('secrets', cluster.secretName);
  const steps: (readonly [string, number | undefined])[] = [
    ['revocation', await revokedAt(lab, held?.serialNumber)],
    ['deletion of the Secret', secretDeleted],
    ['deletion of the CertificateRequest', deletedAt('certificaterequests', cluster.requestName)],
    [
      'release of the finalizer',
      fault === 'forced'
        ? undefined
        : mine.findLast(({ verb, resource }) => verb === 'patch' && resource === 'clusterdeployments')?.at,
    ],
  ];
  if (held !== undefined && fault !== 'secret' && fault !== 'namespace' && secretDeleted === undefined) {
    throw new Error(`${cluster.name}: certman did not delete the Secret`);
  }
  const taken = steps.filter((step): step is readonly [string, number] => step[1] !== undefined);
  for (const [index, [what, at]] of taken.entries()) {
    const [before, earlier] = taken[index - 1] ?? ['', 0];
    if (at < earlier) throw new Error(`${cluster.name}: ${what} came ${earlier - at} ms before ${before}`);
  }
}

async function revokedAt(lab: E2eHarness, serialNumber: string | undefined): Promise<number | undefined> {
  if (serialNumber === undefined) return undefined;
  const { RevokedAt } = await lab.stack.acme.statusOf(serialNumber);
  return RevokedAt === undefined ? undefined : goInstant(RevokedAt);
}
