/**
 * Determines the outcome of a deletion from the CA, Route 53, the API server, its audit log and the workflow's result. Throws
 * when these contradict each other.
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

/** Outcome of a deletion. */
export interface Outcome extends CellOutcome {
  /** Whether the certificate is still valid at the CA, as expected. */
  readonly keptValid: boolean;
}

const CESSATION_OF_OPERATION = 5;

const KEPT_VALID: ReadonlySet<string> = new Set([
  'left valid',
  'left valid, not of this account',
  'kept, in use elsewhere',
]);

/**
 * Waits until the cluster is gone and determines its outcome.
 * @param blockedReason the reason on its resources while the decommission was blocked.
 */
export async function verifyOutcome(
  lab: E2eHarness,
  subject: MatrixCluster,
  blockedReason: string | undefined,
): Promise<Outcome> {
  const { cluster, state, fault, zone } = subject;
  await waitForObjectRemoval(lab.kubernetes, cluster);
  if (state === 'uninstalled') return { words: 'released at once', keptValid: false };
  const result = await decommissionResultOf(lab, cluster);
  if (!result.finalizerRemoved) throw new Error(`${cluster.name}: the result says that the finalizer was not removed`);
  const failedCodes = new Set(result.bundles.flatMap((bundle) => bundle.failures).map(({ code }) => code));
  for (const code of failedCodes) {
    if (conditionReason(code) !== blockedReason)
      throw new Error(`${cluster.name}: the result has ${code}, but the reported reason was ${blockedReason}`);
  }
  const certificate = await describeCertificate(lab, subject, result);
  const words: string[] = [certificate];
  const left = fault === 'zone' ? [] : await recordsOf(lab, cluster, zone);
  if (left.length > 0) {
    if (![...failedCodes].some((code) => code.startsWith('dns/'))) {
      throw new Error(`${cluster.name}: ${left.join(', ')} are left, but the result does not list them`);
    }
    words.push('TXT records left');
  } else if (fault !== 'zone' && zone.served) {
    await waitForTxtRemoval(lab.stack, cluster);
  }
  return {
    words: words.join(', '),
    blockedReason,
    keptValid: KEPT_VALID.has(certificate),
  };
}

/** Compares the certificate's status at the CA with the workflow's result. */
async function describeCertificate(
  lab: E2eHarness,
  { cluster, installed, state }: MatrixCluster,
  result: DecommissionResult,
): Promise<string> {
  if (installed === undefined) return 'no certificate';
  const { serialNumber, certificate } = installed;
  const { Status, Reason } = await lab.stack.acme.statusOf(serialNumber);
  const entries = result.bundles.flatMap(({ revocations }) => revocations);
  const outcome = entries.find((entry) => entry.serialNumber === serialNumber)?.outcome;
  const problem = result.bundles.some(({ failures }) => failures.some(({ code }) => code.startsWith('acme/')));
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
      if (state === 'moved') return 'kept, in use elsewhere';
      if (problem) return 'left valid';
      break;
    default:
      break;
  }
  throw new Error(`${cluster.name}: CA status, reason and outcome are "${found}"; result: ${JSON.stringify(result)}`);
}

/**
 * Checks the order: revocation, Secret, CertificateRequest, finalizer of the ClusterDeployment.
 * @param requests certman's requests to the API server, oldest first.
 */
export async function checkOrder(
  lab: E2eHarness,
  subject: MatrixCluster,
  requests: readonly AuditedRequest[],
): Promise<void> {
  const { cluster, installed, fault } = subject;
  const own = requests.filter(({ namespace }) => namespace === cluster.namespace);
  const deletedAt = (resource: string, name: string): number | undefined =>
    own.find((one) => one.verb === 'delete' && one.resource === resource && one.name === name)?.at;
  const secretDeleted = deletedAt('secrets', cluster.secretName);
  const steps: (readonly [string, number | undefined])[] = [
    ['revocation', await revokedAt(lab, installed?.serialNumber)],
    ['deletion of the Secret', secretDeleted],
    ['deletion of the CertificateRequest', deletedAt('certificaterequests', cluster.requestName)],
    [
      'removal of the finalizer',
      fault === 'forced'
        ? undefined
        : own.findLast(({ verb, resource }) => verb === 'patch' && resource === 'clusterdeployments')?.at,
    ],
  ];
  if (installed !== undefined && fault !== 'secret' && fault !== 'namespace' && secretDeleted === undefined) {
    throw new Error(`${cluster.name}: certman did not delete the Secret`);
  }
  const done = steps.filter((step): step is readonly [string, number] => step[1] !== undefined);
  for (const [index, [what, at]] of done.entries()) {
    const [before, earlier] = done[index - 1] ?? ['', 0];
    if (at < earlier) throw new Error(`${cluster.name}: ${what} came ${earlier - at} ms before ${before}`);
  }
}

async function revokedAt(lab: E2eHarness, serialNumber: string | undefined): Promise<number | undefined> {
  if (serialNumber === undefined) return undefined;
  const { RevokedAt } = await lab.stack.acme.statusOf(serialNumber);
  return RevokedAt === undefined ? undefined : goInstant(RevokedAt);
}
