/** Whether what `clusterCertificates` receives has its shape. Pure. */
import type { BundleNames } from '../certificates/bundle-names.ts';
import type { IssuedCertificate } from '../certificates/certificate-facts.ts';
import type { RenewalRequest } from '../certificates/renewal-request.ts';
import type { RenewalWindow } from '../certificates/renewal-window.ts';
import { MAX_REQUESTED_REVOCATIONS, type RequestedRevocation } from '../certificates/requested-revocation.ts';
import type { ClusterIdentity } from '../clusters/cluster-identity.ts';
import type { BundleView, ClusterView, PlatformView } from '../clusters/cluster-view.ts';
import type {
  HandedOverCertificates,
  HandedOverRequests,
  MovedWindow,
  OrderMove,
  RenewRequest,
  RequestClaim,
  RevokedCertificate,
} from './cluster-certificates.ts';
import { isRevocationRequest } from './revocation-request.ts';
import { fieldsOf, isAbsentOr, isInstant, isListOf, isText, isTextOrEmpty } from './shape.ts';

/** A ClusterDeployment has no more of anything: etcd's limit of an object is 1.5 MB. Its texts have the limit of a payload. */
const MAX_ELEMENTS = 10_000;

/** Of an object. */
const MAX_NAME_LENGTH = 253;
/** A bundle's is part of the name of an object, or that of an orphaned request after `CertificateRequest `. */
const MAX_BUNDLE_NAME_LENGTH = 300;

const MAX_ISSUED = 1_000;
const MAX_ORDERS = 100;

/** A certificate of 100 names in base64, with room to spare; a sealed URL is shorter. */
const MAX_CERTIFICATE_LENGTH = 50_000;

/** The fields of every member. */
type UnionFields<Union> = Record<Union extends unknown ? keyof Union : never, unknown>;

const RELOCATIONS: ReadonlySet<unknown> = new Set(['none', 'outgoing', 'incoming', 'complete', 'malformed']);
const NAME_PROBLEMS: ReadonlySet<unknown> = new Set([
  'names/none',
  'names/invalid',
  'names/tooMany',
  'dns/nameOutsideZone',
]);

/** Argument of `clusterObserved`. */
export function isClusterView(view: unknown): view is ClusterView {
  const { identity, relocation, zoneName, platform, bundles, ...rest } = fieldsOf<ClusterView>(view);
  const { deleting, installed, managed, fake, paused, limitedSupport, finalizer } = rest;
  const { standaloneRequestsOff, hibernating, privateLink, resourceVersion, apiURL, webConsoleURL } = rest;
  return (
    isIdentity(identity) &&
    [deleting, installed, managed, fake, paused, limitedSupport, finalizer].every(isBoolean) &&
    [standaloneRequestsOff, hibernating, privateLink].every((value) => isAbsentOr(value, isBoolean)) &&
    [resourceVersion, apiURL, webConsoleURL].every((value) => isAbsentOr(value, isString)) &&
    RELOCATIONS.has(relocation) &&
    isString(zoneName) &&
    isPlatform(platform) &&
    isListOf(bundles, MAX_ELEMENTS, isBundle)
  );
}

function isIdentity(identity: unknown): identity is ClusterIdentity {
  const { managementCluster, namespace, name, uid, kind } = fieldsOf<ClusterIdentity>(identity);
  return (
    [managementCluster, namespace, name, uid].every((text) => isText(text)) &&
    (kind === undefined || kind === 'CertificateRequest')
  );
}

function isPlatform(platform: unknown): boolean {
  const { kind, region, credentialsSecret, sts, resourceGroupName, cloudName, found } =
    fieldsOf<UnionFields<PlatformView>>(platform);
  if (kind === 'aws') return isString(region) && isBoolean(sts) && isAbsentOr(credentialsSecret, isString);
  if (kind === 'gcp') return isString(credentialsSecret);
  if (kind === 'azure')
    return isString(credentialsSecret) && isString(resourceGroupName) && isAbsentOr(cloudName, isString);
  return kind === 'unsupported' && isString(found);
}

function isBundle(bundle: unknown): boolean {
  const { name, secretName, names, requestName } = fieldsOf<BundleView>(bundle);
  return (
    isText(name, MAX_BUNDLE_NAME_LENGTH) && isName(secretName) && isAbsentOr(requestName, isName) && areNames(names)
  );
}

/** The name of an object; empty where there is none. */
function isName(name: unknown): boolean {
  return isTextOrEmpty(name, MAX_NAME_LENGTH);
}

function areNames(names: unknown): names is BundleNames {
  const { kind, dnsNames, commonName, code, message } = fieldsOf<UnionFields<BundleNames>>(names);
  if (kind === 'valid') return isListOf(dnsNames, MAX_ELEMENTS, isString) && isAbsentOr(commonName, isString);
  return kind === 'invalid' && NAME_PROBLEMS.has(code) && isString(message);
}

/** Argument of `requestClaimed`. */
export function isRequestClaim(claim: unknown): claim is RequestClaim {
  const { clusterDeployment, uid } = fieldsOf<RequestClaim>(claim);
  return isText(clusterDeployment) && isAbsentOr(uid, isText);
}

/** Argument of `certificatesHandedOver`. */
export function isHandedOver(handedOver: unknown): handedOver is HandedOverCertificates {
  const { requestName, issued, unclaimedOrders, requests } = fieldsOf<HandedOverCertificates>(handedOver);
  return (
    isText(requestName) &&
    isListOf(issued, MAX_ISSUED, isIssued) &&
    isListOf(unclaimedOrders, MAX_ORDERS, isText) &&
    isAbsentOr(requests, areRequests)
  );
}

function areRequests(requests: unknown): requests is HandedOverRequests {
  const { renewalRequest, revocations } = fieldsOf<HandedOverRequests>(requests);
  return (
    isAbsentOr(renewalRequest, isPendingRenewal) &&
    isListOf(revocations, MAX_REQUESTED_REVOCATIONS, isPendingRevocation)
  );
}

function isPendingRenewal(request: unknown): request is RenewalRequest {
  const { requestedAt, until, serialNumber, expired, withdrawnAt } = fieldsOf<RenewalRequest>(request);
  const isPending = expired === undefined && withdrawnAt === undefined;
  return isPending && [requestedAt, until].every(isInstant) && isAbsentOr(serialNumber, isText);
}

function isPendingRevocation(revocation: unknown): revocation is RequestedRevocation {
  const { requestedAt, replacedAt, revokeAt, stillServed, retry, result } = fieldsOf<RequestedRevocation>(revocation);
  return (
    isRevocationRequest({ ...fieldsOf<RequestedRevocation>(revocation), bundleName: 'its own' }) &&
    isInstant(requestedAt) &&
    [replacedAt, revokeAt].every((instant) => isAbsentOr(instant, isInstant)) &&
    isAbsentOr(stillServed, isText) &&
    retry === undefined &&
    result === undefined
  );
}

function isIssued(issued: unknown): issued is IssuedCertificate {
  const { serialNumber, notAfter, revokedAt, certificateUrl, leaf, seal } = fieldsOf<IssuedCertificate>(issued);
  return (
    isText(serialNumber) &&
    isInstant(notAfter) &&
    isAbsentOr(revokedAt, isInstant) &&
    [certificateUrl, leaf, seal].every((text) => isAbsentOr(text, isCertificateText))
  );
}

function isCertificateText(text: unknown): boolean {
  return isText(text, MAX_CERTIFICATE_LENGTH);
}

/** Argument of `renewalWindowChanged`. */
export function isMovedWindow(moved: unknown): moved is MovedWindow {
  const { bundleName, window } = fieldsOf<MovedWindow>(moved);
  const { certId, start, end, explanationUrl } = fieldsOf<RenewalWindow>(window);
  return isText(bundleName) && isText(certId) && [start, end].every(isInstant) && isAbsentOr(explanationUrl, isText);
}

/** Argument of `orderMoved`. */
export function isOrderMove(move: unknown): move is OrderMove {
  const { bundleName, at, message, remedy } = fieldsOf<OrderMove>(move);
  return isText(bundleName) && isInstant(at) && [message, remedy].every((text) => isTextOrEmpty(text));
}

/** Argument of `certificateRevoked`. */
export function isRevokedCertificate(revoked: unknown): revoked is RevokedCertificate {
  const { bundleName, serialNumber } = fieldsOf<RevokedCertificate>(revoked);
  return isText(bundleName) && isText(serialNumber);
}

/** Argument of `renew`; absent: all bundles. */
export function isRenewRequest(request: unknown): request is RenewRequest | undefined {
  if (request === undefined) return true;
  if (typeof request !== 'object' || request === null || Array.isArray(request)) return false;
  const { bundleName, exceedLimit } = fieldsOf<RenewRequest>(request);
  return isAbsentOr(bundleName, isString) && isAbsentOr(exceedLimit, isBoolean);
}

function isString(value: unknown): boolean {
  return typeof value === 'string';
}

function isBoolean(value: unknown): boolean {
  return typeof value === 'boolean';
}
