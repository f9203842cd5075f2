import type { CachedCertificate, CachedCluster } from '../../clusters/cached-cluster.ts';
import { otherWriteOf } from '../api/managed-fields.ts';
import type { ObservedRequest } from './observed-request.ts';
import { describeGift, isGivenTo, type ObservedSecret, ownershipOf } from './observed-secret.ts';
import { toRfc3339 } from './timestamp.ts';

/** A renewal or an attempt that is later than this was missed. */
const MAX_OVERDUE_MS = 3_600_000;

/** A difference between a certificate's objects and what certman left; the workflow decides on the repair. */
export interface Drift {
  readonly message: string;
  /** The same for as long as it is the same drift. */
  readonly key: string;
}

/** The objects of one certificate. */
export interface OwnedObjects {
  readonly certificate: Pick<CachedCertificate, 'requestName' | 'secretName'>;
  /** The ClusterDeployment; undefined for a standalone request, whose spec only its user writes. */
  readonly cluster?: Pick<CachedCluster, 'name' | 'uid' | 'finalizer'>;
  readonly request?: ObservedRequest;
  readonly secret?: ObservedSecret;
  /** Host of the CA's directory that an order would go to now; undefined when that is not known. */
  readonly caHost?: string;
  /** Of CAs that stand in for it: their certificates are kept until their renewal. */
  readonly fallbackCaHosts?: readonly string[];
  /** Epoch milliseconds. */
  readonly now: number;
}

/** The most urgent difference; undefined when there is none. */
export function driftOf(objects: OwnedObjects): Drift | undefined {
  const { certificate, request, now } = objects;
  if (request === undefined) return drift(`The CertificateRequest ${certificate.requestName} is missing.`);
  // The failure may be this very difference: a scheduled attempt evaluates the rest again.
  const isAttemptScheduled = Date.parse(request.nextAttempt ?? '') > now;
  for (const check of isAttemptScheduled ? CHECKS_BEFORE_ATTEMPT : DRIFT_CHECKS) {
    const found = check(request, objects);
    if (found !== undefined) return found;
  }
  return undefined;
}

type DriftCheck = (request: ObservedRequest, objects: OwnedObjects) => Drift | undefined;

/** What keeps the objects from being deleted before their decommission. */
const PROTECTION_CHECKS: readonly DriftCheck[] = [
  function isDeleting({ name, uid, deleting }) {
    return deleting ? drift(`The CertificateRequest ${name} is being deleted.`, uid) : undefined;
  },
  function lacksClusterFinalizer(_request, { cluster }) {
    if (cluster === undefined || cluster.finalizer) return undefined;
    return drift(`The ClusterDeployment ${cluster.name} lacks its finalizer.`);
  },
  function lacksFinalizer({ name, finalizer }) {
    return finalizer ? undefined : drift(`The CertificateRequest ${name} lacks its finalizer.`);
  },
  function lacksOwner({ name, owner }, { cluster }) {
    if (cluster === undefined || owner?.uid === cluster.uid) return undefined;
    return drift(`The CertificateRequest ${name} lacks its owner reference.`);
  },
];

/** What an attempt that is scheduled need not be waited for. */
const CHECKS_BEFORE_ATTEMPT: readonly DriftCheck[] = [
  ...PROTECTION_CHECKS,
  function isGivenSecret(request, { secret }) {
    return secret !== undefined && isGivenTo(secret, request) ? drift(describeGift(secret)) : undefined;
  },
];

/** In order of urgency. */
const DRIFT_CHECKS: readonly DriftCheck[] = [
  ...PROTECTION_CHECKS,
  function hasForeignSpec({ name, unownedSpecFields, specWrites }, { cluster }) {
    if (cluster === undefined || unownedSpecFields.length === 0) return undefined;
    return drift(
      `The CertificateRequest ${name} was changed by another field manager: ${unownedSpecFields.join(', ')}.`,
      otherWriteOf(specWrites),
    );
  },
  function lacksSecret({ issued, serialNumber }, { secret, certificate }) {
    if (!issued || secret !== undefined) return undefined;
    return drift(`The certificate Secret ${certificate.secretName} is missing.`, serialNumber);
  },
  function hasForeignData({ statusWrites }, { secret, certificate }) {
    if (secret === undefined || secret.ownsData) return undefined;
    const { dataWrites } = secret;
    const write = otherWriteOf(dataWrites);
    // A write before the last status was evaluated: a Secret of certman-operator stays so until its renewal.
    if (write === undefined || (dataWrites.otherTime ?? 0) < (statusWrites.ownTime ?? 0)) return undefined;
    return drift(`The certificate Secret ${certificate.secretName} was changed by another field manager.`, write);
  },
  function hasUnownedSecret(request, { secret, certificate }) {
    if (secret === undefined) return undefined;
    const ownership = ownershipOf(secret, request);
    if (ownership.kind === 'owned') return undefined;
    const what = ownership.kind === 'orphaned' ? `lacks ${ownership.missing}` : `belongs to ${ownership.owner}`;
    return drift(`The certificate Secret ${certificate.secretName} ${what}.`);
  },
  function hasForeignStatus({ name, unownedStatusFields, statusComplete, statusWrites }) {
    // A certman-operator status on an adopted object is drift, so that the workflow replaces it.
    if (statusWrites.ownTime !== undefined && statusComplete && unownedStatusFields.length === 0) return undefined;
    return drift(
      `The status of the CertificateRequest ${name} was changed by another field manager.`,
      otherWriteOf(statusWrites),
    );
  },
  function isOfAnotherCa({ acmeServer }, { caHost, fallbackCaHosts = [], certificate }) {
    if (acmeServer === undefined || caHost === undefined) return undefined;
    if (acmeServer === caHost || fallbackCaHosts.includes(acmeServer)) return undefined;
    return drift(
      `The certificate in the Secret ${certificate.secretName} is from ${acmeServer}; orders go to ${caHost} now.`,
    );
  },
  function isOverdue({ name, renewalAt, nextAttempt }, { now }) {
    const due = nextAttempt === undefined ? renewalAt : Date.parse(nextAttempt);
    // False for NaN: a malformed instant is not overdue.
    if (due === undefined || !(due < now - MAX_OVERDUE_MS)) return undefined;
    return drift(`The CertificateRequest ${name} was due at ${toRfc3339(new Date(due))}.`);
  },
];

function drift(message: string, detail = ''): Drift {
  return { message, key: `${message} ${detail}` };
}
