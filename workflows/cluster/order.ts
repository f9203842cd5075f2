import { executeChild, ParentClosePolicy } from '@temporalio/workflow';
import type { CertificateFacts } from '../../src/certificates/certificate-facts.ts';
import { describeNames } from '../../src/certificates/describe-names.ts';
import { nameSetDigest } from '../../src/certificates/digest.ts';
import { expiryLevel, nextExpiryLevelChange } from '../../src/certificates/expiry-level.ts';
import { followsWindow, lifetimeOf } from '../../src/certificates/planned-renewal.ts';
import type { OrderCause, OrderReason } from '../../src/certificates/renewal-policy.ts';
import type { ClusterIdentity } from '../../src/clusters/cluster-identity.ts';
import { zoneTargetOf } from '../../src/clusters/zone-target.ts';
import type { OrderTurn } from '../../src/contract/activities/acme.ts';
import type { RequestObservation } from '../../src/contract/activities/kubernetes.ts';
import type { ReportTerms } from '../../src/contract/activities/order.ts';
import { type BundleRecord, type LastAttempt, lastAttemptOf, renewalTimeOf } from '../../src/contract/bundle-record.ts';
import type { CertificateIssuanceInput, CertificateIssuanceResult } from '../../src/contract/certificate-issuance.ts';
import { termsOf } from '../../src/contract/evaluation.ts';
import { certClusterOf, issuanceWorkflowId } from '../../src/contract/ids.ts';
import { issuedEvent, issuedFacts } from '../../src/contract/issued.ts';
import { patchesOfOrders } from '../../src/contract/patches.ts';
import { PRIORITIES } from '../../src/contract/priorities.ts';
import { CertCluster, CertNameSet, CertNames, CertReason } from '../../src/contract/search-attributes.ts';
import { type FailureInfo, failureInfo, isTurn } from '../../src/failures/failure.ts';
import { type ExactSet, lastLifetimeMs, orderAllowedAt, recordIssuance } from '../../src/rate-limit/exact-set-limit.ts';
import { certificateIssuance } from '../certificate-issuance.ts';
import type { Bundle, OrderableView } from './bundle.ts';
import { campaignToMeet } from './campaigns.ts';
import { readyWake, type Wake } from './sleep-until.ts';

/** The certificate in use is wrong for its clients: also one of a new issuer is better. */
const REPLACED_AT_ONCE: ReadonlySet<OrderReason> = new Set(['NamesMissing', 'CaChanged']);

const URGENT_REASONS: ReadonlySet<OrderReason> = new Set(['KeyMismatch', 'SecretBroken', 'Revoked', 'Expired']);

const UNPROVED_EVERY = 5;

/** Orders by a child workflow, and records the certificate once it is in its Secret. */
export async function orderCertificate(
  bundle: Bundle,
  view: OrderableView,
  observation: RequestObservation,
  cause: OrderCause,
): Promise<Wake> {
  const { record, cluster } = bundle;
  const { dnsNames } = view.names;
  const { identity } = cluster.view;
  const isRenewal = record.certificate !== undefined;
  const orders = record.orders + 1;
  const input = issuanceInput(bundle, view, observation, cause);
  bundle.enter(
    {
      state: isRenewal ? 'Renewing' : 'Issuing',
      lastAttempt: lastAttemptOf(record),
      renewalTime: renewalTimeOf(record),
    },
    { message: `Ordering ${describeNames(dnsNames)}: ${cause.message}`, orders },
  );
  const result = await bundle.attempts.run(view, () =>
    bundle.showIfSlow(() =>
      executeChild(certificateIssuance, {
        workflowId: issuanceWorkflowId(identity, bundle.name, orders),
        staticSummary: `${isRenewal ? 'Renew' : 'Issue'} ${describeNames(dnsNames)}`,
        typedSearchAttributes: [
          { key: CertCluster, value: certClusterOf(identity) },
          { key: CertNames, value: dnsNames.slice(0, 10) },
          { key: CertNameSet, value: nameSetDigest(dnsNames) },
          { key: CertReason, value: cause.reason },
        ],
        // If an operator terminates the cluster's workflow, the order still withdraws its TXT records.
        parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
        priority: input.urgent === true ? PRIORITIES.urgent : PRIORITIES.orderUnderWay,
        args: [input],
      }),
    ),
  );
  return await recordIssued(bundle, view, observation, result, isRenewal);
}

/** The failure of an order that would exceed the CA's limit per exact set of names; undefined: it would not. */
export function rateLimitFailure(
  { record, attempts }: Bundle,
  view: OrderableView,
  { caHost }: RequestObservation,
): FailureInfo | undefined {
  if (attempts.exceedLimit) return undefined;
  // Resuming an order counts nothing at the CA.
  if (lastAttemptOf(record)?.openOrder !== undefined) return undefined;
  const { rateLimitState = [], certificate } = record;
  const now = Date.now();
  const set = { nameSet: nameSetDigest(view.names.dnsNames), caHost };
  const at = orderAllowedAt(rateLimitState, set, certificate && lifetimeOf(certificate), now);
  if (at <= now) return undefined;
  const notBefore = new Date(at).toISOString();
  return failureInfo({
    code: 'rateLimit/exactSet',
    message: 'Rate limit: five certificates for exactly these names within 7 days.',
    remedy: `The next certificate is ordered at ${notBefore}. Find out meanwhile what removes the certificate from Secret ${view.secretName}.`,
    notBefore,
  });
}

function issuanceInput(
  bundle: Bundle,
  view: OrderableView,
  observation: RequestObservation,
  cause: OrderCause,
): CertificateIssuanceInput {
  const { record, cluster, name, attempts } = bundle;
  const { request, caHost = '', fallbackCaHosts = [] } = observation;
  const { certificate, issued, leftoverRecords, persistentRecords } = record;
  const { dnsNames, commonName } = view.names;
  const last = lastAttemptOf(record);
  const isSameCa = cause.reason !== 'CaChanged' && (record.caHost ?? caHost) === caHost;
  const isForeign = certificate !== undefined && !issued.some((one) => one.serialNumber === certificate.serialNumber);
  const { identity } = cluster.view;
  const asked = new Set(dnsNames);
  // Into the Secret of a standalone request, its users can put any certificate: they would have no limit.
  const isEvidence = isSameCa && identity.kind === undefined;
  return {
    cluster: identity,
    bundleName: name,
    request,
    secretName: view.secretName,
    dnsNames,
    commonName,
    zone: zoneTargetOf(cluster.view),
    caHost,
    reason: cause.message,
    resumeOrder: last?.openOrder,
    leftoverRecords,
    persistentRecords,
    // Another CA does not know the certificate, and the CA accepts none that has no name in common (RFC 9773 §5).
    replaces: isSameCa && certificate?.dnsNames.some((one) => asked.has(one)) ? certificate.certId : undefined,
    inUse: isInUse(record, identity) ? true : undefined,
    lifetimeMs: certificate
      ? lifetimeOf(certificate)
      : lastLifetimeMs(record.rateLimitState ?? [], nameSetDigest(dnsNames)),
    exceedLimit: attempts.exceedLimit ? true : undefined,
    proveFirst: last !== undefined && isToBeProved(last) && !isUrgent(record, cause.reason) ? true : undefined,
    renewal: wasIssuedBefore(record, { nameSet: nameSetDigest(dnsNames), caHost }, isEvidence) ? true : undefined,
    inWindow: isSameCa && isWindowOpen(record, Date.now()) ? true : undefined,
    turn: last && turnOf(last.failure),
    limitedCas: limitedCas(record, nameSetDigest(dnsNames), fallbackCaHosts),
    skipCanary: REPLACED_AT_ONCE.has(cause.reason) || isUrgent(record, cause.reason) ? true : undefined,
    secretMissing: observation.secret.kind === 'missing' ? true : undefined,
    reportTerms: record.objectWriteError === undefined ? reportTermsOf(observation, certificate) : undefined,
    returnReplaced: isForeign ? true : undefined,
    returnWindow: followsWindow(termsOf(observation, Date.now())) ? true : undefined,
    urgent: isUrgent(record, cause.reason) || isRevokedSoon(bundle, cause.reason) ? true : undefined,
    moreUrgentAt: moreUrgentAt(record),
    patches: patchesOfOrders(cluster.patches),
  };
}

/** A proof that keeps failing must not keep a certificate from the production CA: every fifth attempt goes there at once. */
function isToBeProved({ unproved, attempts, openOrder }: LastAttempt): boolean {
  return unproved === true && openOrder === undefined && attempts % UNPROVED_EVERY !== 0;
}

/** Into the Secret of a standalone request, its users can put any certificate: only what certman issued counts there. */
function isInUse({ certificate, issued }: BundleRecord, { kind }: ClusterIdentity): boolean {
  if (certificate === undefined) return false;
  return kind === undefined || issued.some(({ serialNumber }) => serialNumber === certificate.serialNumber);
}

function reportTermsOf(observation: RequestObservation, certificate: CertificateFacts | undefined): ReportTerms {
  const { generation, renewBeforeDays, renewalPolicy, renewalPolicyProblem, caHost, fallbackCaHosts } = observation;
  const terms = { generation, renewBeforeDays, renewalPolicy, renewalPolicyProblem, caHost, fallbackCaHosts };
  return { ...terms, replacedSerialNumber: certificate?.serialNumber, isRenewal: certificate !== undefined };
}

/** The CAs that may issue no more for exactly these names now; undefined: each of them may. */
function limitedCas(
  { rateLimitState = [], certificate }: BundleRecord,
  nameSet: string,
  caHosts: readonly string[],
): readonly string[] | undefined {
  const now = Date.now();
  const lifetime = certificate && lifetimeOf(certificate);
  const limited = caHosts.filter((caHost) => orderAllowedAt(rateLimitState, { nameSet, caHost }, lifetime, now) > now);
  return limited.length === 0 ? undefined : limited;
}

/** When the certificate is nearer to its expiry; undefined: there is none, or it has expired. */
function moreUrgentAt({ certificate, renewBeforeDays }: BundleRecord): string | undefined {
  const at = certificate && nextExpiryLevelChange(certificate, Date.now(), renewBeforeDays);
  return at === undefined ? undefined : new Date(at).toISOString();
}

/** Whether a cluster has no certificate that serves any more, or soon none. */
function isUrgent({ certificate, issued, renewBeforeDays }: BundleRecord, reason: OrderReason): boolean {
  if (URGENT_REASONS.has(reason)) return true;
  if (certificate === undefined) return issued.length > 0;
  return expiryLevel(certificate, Date.now(), renewBeforeDays) !== 'far';
}

/** Whether the certificate is revoked once it is replaced: its key may be known to others. */
function isRevokedSoon(bundle: Bundle, reason: OrderReason): boolean {
  if (reason === 'RevocationRequested') return true;
  return reason === 'CampaignRequested' && campaignToMeet(bundle)?.revocation !== undefined;
}

/**
 * Whether the CA has issued for the same names, also where the Secret was lost since: it exempts such orders.
 * @param isEvidence whether the certificate in the Secret shows that; what certman issued always does.
 */
function wasIssuedBefore(
  { certificate, rateLimitState = [] }: BundleRecord,
  set: ExactSet,
  isEvidence: boolean,
): boolean {
  if (isEvidence && certificate !== undefined && nameSetDigest(certificate.dnsNames) === set.nameSet) return true;
  return rateLimitState.some(({ nameSet, caHost }) => nameSet === set.nameSet && caHost === set.caHost);
}

/** Whether the CA suggests to replace the certificate in use now. */
function isWindowOpen({ certificate, suggestedWindow }: BundleRecord, now: number): boolean {
  if (certificate?.certId === undefined || suggestedWindow?.certId !== certificate.certId) return false;
  return Date.parse(suggestedWindow.start) <= now && now < Date.parse(suggestedWindow.end);
}

function turnOf({ code, notBefore }: FailureInfo): OrderTurn | undefined {
  return isTurn(code) && notBefore !== undefined ? { code, at: notBefore } : undefined;
}

async function recordIssued(
  bundle: Bundle,
  view: OrderableView,
  observation: RequestObservation,
  result: CertificateIssuanceResult,
  isRenewal: boolean,
): Promise<Wake> {
  const { record } = bundle;
  const { certificate, issued, replaced, caHost, orderUrl, leftoverRecords, reported } = result;
  const now = Date.now();
  const { facts, renewalAt } = issuedFacts(
    { ...observation, replacedSerialNumber: record.certificate?.serialNumber },
    result,
    now,
  );
  const { unclaimedOrders = [], rateLimitState = [] } = record;
  const { persistentRecords = record.persistentRecords ?? [] } = result;
  const stillUnclaimed = unclaimedOrders.filter((url) => url !== orderUrl);
  const unexpired = record.issued.filter((one) => Date.parse(one.notAfter) > now);
  const set = { nameSet: nameSetDigest(view.names.dnsNames), caHost };
  bundle.attempts.finish(isRenewal ? 'renewed' : 'issued');
  // The status of a slow order may have been written after the activity's report of the certificate.
  const isShown = reported !== undefined && !bundle.isShownAsSlow;
  await bundle.transition(
    { state: 'Ready', certificate, renewalTime: new Date(renewalAt).toISOString() },
    {
      ...facts,
      restartTurn: undefined,
      leftoverRecords,
      renewalRequest: undefined,
      persistentRecords: persistentRecords.length === 0 ? undefined : persistentRecords,
      issued: [...unexpired, ...(replaced === undefined ? [] : [replaced]), issued],
      unclaimedOrders: stillUnclaimed.length === 0 ? undefined : stillUnclaimed,
      // An unclaimed order was counted when it failed.
      rateLimitState: unclaimedOrders.includes(orderUrl)
        ? rateLimitState
        : recordIssuance(rateLimitState, set, lifetimeOf(certificate), now),
    },
    reported === undefined ? issuedEvent(view.secretName, result, isRenewal) : undefined,
    // Not compared: what a later version would report must not change the commands of this run.
    isShown ? true : undefined,
  );
  return readyWake(bundle.record, renewalAt);
}
