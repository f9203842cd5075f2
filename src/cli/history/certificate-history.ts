/** The certificates that a cluster ever had, put together from its orders, its record and its decommission. Pure. */
import type { OrderReason } from '../../certificates/renewal-policy.ts';
import { isRevoked as isRevocationDone } from '../../certificates/requested-revocation.ts';
import type { BundleRecord } from '../../contract/bundle-record.ts';
import type { CertificateIssuanceResult } from '../../contract/certificate-issuance.ts';
import type { DecommissionResult } from '../../contract/cluster-certificates.ts';
import { type KnownCertificate, knownCertificates } from '../../contract/known-certificates.ts';
import type { OperatorRequest } from './operator-requests.ts';

/** An order, as Temporal keeps it. Instants are RFC 3339. */
export interface CompletedOrder {
  readonly uid: string;
  readonly bundle: string;
  readonly workflowId: string;
  readonly orderedAt: string;
  readonly issuedAt: string;
  /** An `OrderReason`. */
  readonly reason?: string;
  /** What operators asked for before it, oldest first; absent: by its reason, it is of no operator. */
  readonly requests?: readonly OperatorRequest[];
  readonly result: CertificateIssuanceResult;
}

/** What became of a certificate. */
export type CertificateFate = 'in use' | 'latest' | 'replaced' | 'revoked' | 'expired' | 'unknown';

/** One certificate of the history. Instants are RFC 3339. */
export interface HistoryEntry {
  readonly bundle: string;
  readonly serialNumber: string;
  readonly issuer?: string;
  readonly notBefore?: string;
  readonly notAfter: string;
  readonly dnsNames?: readonly string[];
  readonly caHost?: string;
  readonly orderedAt?: string;
  readonly issuedAt?: string;
  /** Why it was ordered; `Adopted`: certman did not order it. */
  readonly reason?: string;
  readonly why: string;
  /** `certman`, `the CA` or a person. */
  readonly by?: string;
  readonly fate: CertificateFate;
  /** Serial number of the certificate that replaced it. */
  readonly replacedBy?: string;
  readonly workflowId?: string;
}

/** What the history is put together from. */
export interface HistorySources {
  /** In any order. */
  readonly orders: readonly CompletedOrder[];
  /** Of the running workflow; absent when there is none, or no worker answers. */
  readonly bundles?: Readonly<Record<string, BundleRecord>>;
  /** Of workflows that have ended. */
  readonly decommissions: readonly DecommissionResult[];
  /** Epoch milliseconds. */
  readonly now: number;
}

const WHY: Readonly<Record<OrderReason, string>> = {
  SecretMissing: 'no certificate in the Secret',
  KeyMismatch: 'key and certificate did not match',
  SecretBroken: 'the Secret was broken',
  NamesMissing: 'names were added',
  Revoked: 'the one before was revoked',
  CaChanged: 'the CA was changed',
  Expired: 'the one before had expired',
  SuggestedByCa: 'the CA suggested it',
  RenewalDue: 'its renewal was due',
  RevocationRequested: 'an operator revoked the certificate before it',
  CampaignRequested: 'a campaign replaced it',
  RenewRequested: 'an operator requested it',
};

/** Newest first. */
export function certificateHistory(sources: HistorySources): readonly HistoryEntry[] {
  const ordered = sources.orders.map((order) => entryOf(order, sources));
  const known = new Set(ordered.map(({ serialNumber }) => serialNumber));
  const recorded = recordedOnly(sources).filter(({ serialNumber }) => !known.has(serialNumber));
  return [...ordered, ...recorded].toSorted((left, right) => timeOf(right) - timeOf(left));
}

function timeOf({ issuedAt, notBefore, notAfter }: HistoryEntry): number {
  return Date.parse(issuedAt ?? notBefore ?? notAfter);
}

function entryOf(order: CompletedOrder, sources: HistorySources): HistoryEntry {
  const { bundle, orderedAt, issuedAt, reason, workflowId, result } = order;
  const successor = successorOf(order, sources.orders);
  return {
    ...certificateOf(bundle, { ...result.certificate, caHost: result.caHost }),
    orderedAt,
    issuedAt,
    reason,
    why: reason !== undefined && Object.hasOwn(WHY, reason) ? WHY[reason as OrderReason] : (reason ?? 'unknown'),
    by: byWhom(order, sources.orders),
    fate: fateOf(bundle, result.certificate, successor, sources),
    replacedBy: successor?.result.certificate.serialNumber,
    workflowId,
  };
}

/** What an entry says of the certificate itself. */
function certificateOf(
  bundle: string,
  { serialNumber, issuerName: issuer, notBefore, notAfter, dnsNames, caHost }: KnownCertificate,
): Pick<HistoryEntry, 'bundle' | 'serialNumber' | 'issuer' | 'notBefore' | 'notAfter' | 'dnsNames' | 'caHost'> {
  return { bundle, serialNumber, issuer, notBefore, notAfter, dnsNames, caHost };
}

function byWhom(order: CompletedOrder, orders: readonly CompletedOrder[]): string {
  const { reason, bundle, requests = [] } = order;
  const ofBundle = requests.filter((request) => request.bundle === undefined || request.bundle === bundle);
  const last = (kind: OperatorRequest['kind']) => ofBundle.findLast((request) => request.kind === kind)?.by;
  switch (reason) {
    case 'RenewRequested':
      return last('renewal') ?? 'a person';
    case 'RevocationRequested':
      return last('revocation') ?? 'a person';
    case 'Revoked': {
      // Revoked by an operator before it was replaced (--now), else by the CA.
      const revoked = order.result.replaced ?? predecessorOf(order, orders)?.result.certificate;
      return ofBundle.findLast(({ serialNumber }) => serialNumber === (revoked?.serialNumber ?? ''))?.by ?? 'the CA';
    }
    case 'CampaignRequested':
      return 'a campaign';
    case 'SuggestedByCa':
      return 'the CA';
    case undefined:
    default:
      return 'certman';
  }
}

/** The certificate of the same bundle before it. */
function predecessorOf(order: CompletedOrder, orders: readonly CompletedOrder[]): CompletedOrder | undefined {
  return orders.find((one) => successorOf(one, orders) === order);
}

/** The next certificate of the same bundle. */
function successorOf(order: CompletedOrder, orders: readonly CompletedOrder[]): CompletedOrder | undefined {
  const [next] = orders
    .filter(({ uid, bundle, issuedAt }) => uid === order.uid && bundle === order.bundle && issuedAt > order.issuedAt)
    .toSorted((left, right) => (left.issuedAt < right.issuedAt ? -1 : 1));
  return next;
}

interface Identified {
  readonly serialNumber: string;
  readonly notAfter: string;
}

function fateOf(
  bundle: string,
  { serialNumber, notAfter }: Identified,
  successor: CompletedOrder | undefined,
  { bundles, decommissions, now }: HistorySources,
): CertificateFate {
  if (isRevoked(serialNumber, successor, bundles?.[bundle], decommissions)) return 'revoked';
  if (bundles?.[bundle]?.certificate?.serialNumber === serialNumber) return 'in use';
  if (Date.parse(notAfter) <= now) return 'expired';
  if (successor !== undefined) return 'replaced';
  return bundles === undefined ? 'latest' : 'unknown';
}

function isRevoked(
  serialNumber: string,
  successor: CompletedOrder | undefined,
  record: BundleRecord | undefined,
  decommissions: readonly DecommissionResult[],
): boolean {
  if (successor?.reason === 'Revoked' || record?.revokedSerialNumber === serialNumber) return true;
  if (record?.issued.some((one) => one.serialNumber === serialNumber && one.revokedAt !== undefined)) return true;
  const requested = record?.revocations?.find((one) => one.serialNumber === serialNumber);
  if (requested !== undefined && isRevocationDone(requested)) return true;
  const ongoing = record?.state === 'Decommissioning' && record.result !== undefined ? [record.result] : [];
  return [...decommissions.flatMap(({ bundles }) => bundles), ...ongoing].some(
    ({ revocations, certificates = [] }) =>
      revocations.some(
        (entry) =>
          entry.serialNumber === serialNumber && (entry.outcome === 'revoked' || entry.outcome === 'alreadyRevoked'),
      ) || certificates.some((one) => one.serialNumber === serialNumber && one.revokedAt !== undefined),
  );
}

/** What records and decommissions list beside: older than Temporal's retention, or adopted. Each once. */
function recordedOnly(sources: HistorySources): readonly HistoryEntry[] {
  const { bundles = {}, decommissions } = sources;
  const ofRecords = Object.entries(bundles).flatMap(([bundle, record]) =>
    knownCertificates(record).map((one) => entryOfRecorded(bundle, one, sources)),
  );
  const ofDecommissions = decommissions.flatMap(({ bundles: removed }) =>
    removed.flatMap(({ bundleName, certificates = [] }) =>
      certificates.map((one) => entryOfRecorded(bundleName, one, sources)),
    ),
  );
  const bySerialNumber = new Map([...ofDecommissions, ...ofRecords].map((entry) => [entry.serialNumber, entry]));
  return [...bySerialNumber.values()];
}

function entryOfRecorded(bundle: string, known: KnownCertificate, sources: HistorySources): HistoryEntry {
  const { adopted } = known;
  return {
    ...certificateOf(bundle, known),
    reason: adopted === true ? 'Adopted' : undefined,
    why: adopted === true ? 'was in the Secret; certman did not order it' : 'ordered longer ago than Temporal keeps',
    by: adopted === true ? undefined : 'certman',
    fate: fateOf(bundle, known, undefined, sources),
  };
}
