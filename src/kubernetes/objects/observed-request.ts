import { knownText, sharedText } from '../../cache/shared-values.ts';
import type { CachedCluster } from '../../clusters/cached-cluster.ts';
import type { KubernetesApi, KubernetesObject } from '../api/kubernetes-api.ts';
import { type FieldWrites, fieldWritesOf, lastOtherManager, unownedFields } from '../api/managed-fields.ts';
import { type ClusterOwner, clusterOwnersOf } from './certificate-request.ts';
import { renewalPolicyAnnotationOf } from './renewal-policy-annotation.ts';
import { parseRequestSpec, parseRequestStatus, type RequestSpec, type RequestStatus } from './request-fields.ts';
import { CERTIFICATE_REQUESTS, FINALIZER } from './resources.ts';
import { sharedPlatform } from './shared-platform.ts';

/** A CertificateRequest as last observed, checked and limited. */
export interface ObservedRequest extends RequestSpec, RequestStatus {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion?: string;
  /** Undefined when it is orphaned or standalone. */
  readonly owner?: ClusterOwner;
  readonly deleting: boolean;
  /** Annotation `hive.openshift.io/reconcile-pause: "true"`. */
  readonly paused: boolean;
  /** Valid or not. */
  readonly renewalPolicyAnnotation?: string;
  readonly finalizer: boolean;
  /** Another one whenever the spec changes, and when it is deleted. */
  readonly generation?: number;
  readonly specWrites: FieldWrites;
  /** Another manager changed them, or certman never wrote them. */
  readonly unownedSpecFields: readonly string[];
  readonly unownedStatusFields: readonly string[];
  readonly statusWrites: FieldWrites;
  readonly otherManager?: string;
}

/** certman never writes the first; the others are for information. */
const UNMANAGED_SPEC_FIELDS = new Set(['renewBeforeDays', 'apiURL', 'webConsoleURL']);

/**
 * Never fails: an invalid field counts as absent. Small, since the controller caches many.
 * @param clusterOf what is cached of the owner, whose texts are then used.
 */
export function observeRequest(
  object: KubernetesObject,
  clusterOf: (namespace: string, owner: ClusterOwner) => CachedCluster | undefined = () => undefined,
): ObservedRequest {
  const { metadata } = object;
  const { namespace = '', name } = metadata;
  const spec = parseRequestSpec(object['spec']);
  const status = parseRequestStatus(object['status']);
  const [owner] = clusterOwnersOf(metadata);
  const cluster = owner && clusterOf(namespace, owner);
  const certificate = cluster?.certificates.find(({ requestName }) => requestName === name);
  // Field by field, and lists copied: V8 keeps a spread object in two parts, and a grown list with room for more.
  return {
    dnsNames: spec.dnsNames.slice(),
    renewBeforeDays: spec.renewBeforeDays,
    platform: sharedPlatform(spec.platform),
    zoneName: sharedText(spec.zoneName),
    secretName: knownText(spec.secretName, certificate?.secretName),
    issued: status.issued,
    statusComplete: status.statusComplete,
    notBefore: status.notBefore,
    notAfter: status.notAfter,
    issuerName: sharedText(status.issuerName),
    serialNumber: status.serialNumber,
    acmeServer: sharedText(status.acmeServer),
    certId: status.certId,
    crlUrl: sharedText(status.crlUrl),
    suggestedWindow: status.suggestedWindow,
    installedAt: status.installedAt,
    replacedSerialNumber: status.replacedSerialNumber,
    served: status.served,
    postponed: status.postponed,
    state: status.state,
    renewalAt: status.renewalAt,
    nextAttempt: status.nextAttempt,
    namespace: knownText(sharedText(namespace), cluster?.namespace),
    name: knownText(name, certificate?.requestName),
    uid: metadata.uid ?? '',
    resourceVersion: metadata.resourceVersion,
    owner: owner && {
      name: knownText(sharedText(owner.name), cluster?.name),
      uid: knownText(sharedText(owner.uid), cluster?.uid),
    },
    deleting: metadata.deletionTimestamp !== undefined,
    paused: metadata.annotations?.['hive.openshift.io/reconcile-pause'] === 'true',
    renewalPolicyAnnotation: sharedText(renewalPolicyAnnotationOf(metadata)),
    finalizer: metadata.finalizers?.includes(FINALIZER) === true,
    generation: metadata.generation,
    specWrites: fieldWritesOf(object, 'spec'),
    unownedSpecFields: unownedFields(object, 'spec', UNMANAGED_SPEC_FIELDS),
    unownedStatusFields: unownedFields(object, 'status'),
    statusWrites: fieldWritesOf(object, 'status'),
    otherManager: sharedText(lastOtherManager(object)),
  };
}

/** How CertificateRequests are listed. */
export interface RequestListOptions {
  /** Default: all. */
  readonly namespace?: string | undefined;
  /** What is known of a request already, which is returned where its resourceVersion is still the same. */
  readonly known?: (request: { readonly namespace: string; readonly name: string }) => ObservedRequest | undefined;
}

/** All CertificateRequests, or those of one namespace. @throws CertmanError `kubernetes/…`. */
export async function listCertificateRequests(
  kubernetes: KubernetesApi,
  { namespace, known = () => undefined }: RequestListOptions = {},
): Promise<readonly ObservedRequest[]> {
  const requests: ObservedRequest[] = [];
  for await (const object of kubernetes.list(CERTIFICATE_REQUESTS, { namespace })) {
    const { namespace: of = '', name, uid, resourceVersion } = object.metadata;
    const before = known({ namespace: of, name });
    const isSame = resourceVersion !== undefined && before?.resourceVersion === resourceVersion && before.uid === uid;
    requests.push(isSame ? before : observeRequest(object));
  }
  return requests;
}
