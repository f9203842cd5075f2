/**
 * What of a certificate on the hub is not as certman left it: a chain of small questions over what lists tell anyway, in the
 * order of urgency. Pure. What is to be done about it, its workflow decides when it looks.
 */
import type { CachedCertificate, CachedCluster } from '../../clusters/cached-cluster.ts';
import type { ObservedRequest } from './observed-request.ts';
import type { ObservedSecret } from './observed-secret.ts';
import { secretOwnershipOf } from './secret-ownership.ts';

/** A renewal or an attempt this long after its time was forgotten by whoever had it to do. */
export const MAX_OVERDUE_MS = 3_600_000;

export interface Drift {
  /** What differs, in a sentence. */
  readonly message: string;
  /** The same for as long as it is the same drift. */
  readonly key: string;
}

export interface OwnedObjects {
  readonly certificate: Pick<CachedCertificate, 'requestName' | 'secretName'>;
  /** The ClusterDeployment; undefined when the request stands alone, and nobody but its user writes its spec. */
  readonly cluster?: Pick<CachedCluster, 'name' | 'uid' | 'finalizer'>;
  readonly request?: ObservedRequest;
  readonly secret?: ObservedSecret;
  /** Host of the CA's directory that an order would go to now; undefined when that is not known. */
  readonly caHost?: string;
  /** Epoch milliseconds. */
  readonly now: number;
}

/** The most urgent difference; undefined when there is none. */
export function driftOf(belongings: OwnedObjects): Drift | undefined {
  const { certificate, request } = belongings;
  if (request === undefined) return drift(`The CertificateRequest ${certificate.requestName} is not there.`);
  for (const question of DRIFT_CHECKS) {
    const found = question(request, belongings);
    if (found !== undefined) return found;
  }
  return undefined;
}

type DriftCheck = (request: ObservedRequest, belongings: OwnedObjects) => Drift | undefined;

const DRIFT_CHECKS: readonly DriftCheck[] = [
  function isBeingDeleted({ name, uid, deleting }) {
    return deleting ? drift(`The CertificateRequest ${name} is being deleted.`, uid) : undefined;
  },
  function isOfClusterNotHeld(_request, { cluster }) {
    if (cluster === undefined || cluster.finalizer) return undefined;
    return drift(`The ClusterDeployment ${cluster.name} lacks its finalizer.`);
  },
  function isNotHeld({ name, finalizer }) {
    return finalizer ? undefined : drift(`The CertificateRequest ${name} lacks its finalizer.`);
  },
  function isNotOwned({ name, owner }, { cluster }) {
    if (cluster === undefined || owner?.uid === cluster.uid) return undefined;
    return drift(`The CertificateRequest ${name} lacks its owner reference.`);
  },
  function hasAnotherSpec({ name, unownedSpecFields, specWrites }, { cluster }) {
    if (cluster === undefined || unownedSpecFields.length === 0) return undefined;
    return drift(
      `The CertificateRequest ${name} was changed by somebody: ${unownedSpecFields.join(', ')}.`,
      specWrites.otherWrite,
    );
  },
  function hasNoSecret({ issued, serialNumber }, { secret, certificate }) {
    if (!issued || secret !== undefined) return undefined;
    return drift(`The certificate Secret ${certificate.secretName} is not there.`, serialNumber);
  },
  function hasSecretOfOthers({ statusWrittenAt = '' }, { secret, certificate }) {
    const { otherWrite, otherTime = '' } = secret?.dataWrites ?? {};
    // What was there before the status was last told is known: a Secret that certman-operator wrote stays so until renewal.
    if (secret === undefined || secret.ownsData || otherWrite === undefined || otherTime < statusWrittenAt)
      return undefined;
    return drift(`The certificate Secret ${certificate.secretName} was changed by somebody.`, otherWrite);
  },
  function hasLooseSecret(request, { secret, certificate }) {
    const tie = secret === undefined ? undefined : secretOwnershipOf(secret.ownershipMetadata, request);
    if (tie === undefined || tie.kind === 'owned') return undefined;
    const what = tie.kind === 'orphaned' ? `lacks ${tie.lacks}` : `says that it belongs to ${tie.holder}`;
    return drift(`The certificate Secret ${certificate.secretName} ${what}.`);
  },
  function hasAnotherStatus({ name, unownedStatusFields, statusComplete, statusWrittenAt, statusWrites }) {
    // Before certman has told anything, whatever stands there is its predecessor's.
    if (statusWrittenAt !== undefined && statusComplete && unownedStatusFields.length === 0) return undefined;
    return drift(`The status of the CertificateRequest ${name} was changed by somebody.`, statusWrites.otherWrite);
  },
  function isOfAnotherCa({ acmeServer }, { caHost, certificate }) {
    if (acmeServer === undefined || caHost === undefined || acmeServer === caHost) return undefined;
    return drift(
      `The certificate in the Secret ${certificate.secretName} is of ${acmeServer}; orders go to ${caHost} now.`,
    );
  },
  function isLongOverdue({ name, renewalTime, nextAttempt }, { now }) {
    const due = nextAttempt ?? renewalTime;
    if (due === undefined || !(Date.parse(due) < now - MAX_OVERDUE_MS)) return undefined;
    return drift(`The CertificateRequest ${name} should have been dealt with at ${due}.`);
  },
];

function drift(what: string, detail = ''): Drift {
  return { message: what, key: `${what} ${detail}` };
}
