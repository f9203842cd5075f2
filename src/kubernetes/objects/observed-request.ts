import { z } from 'zod';
import { canonicalJson, digestOf } from '../../certificates/digest.ts';
import type { RenewalWindow } from '../../certificates/renewal-window.ts';
import type { PlatformView } from '../../clusters/cluster-view.ts';
import { isCrlUrl } from '../../x509/certificate-extensions.ts';
import type { KubernetesApi, KubernetesObject } from '../api/kubernetes-api.ts';
import {
  type FieldWrites,
  fieldWritesOf,
  isOtherManagersChange,
  lastOtherManager,
  ownedFieldsOf,
  unownedFields,
} from '../api/managed-fields.ts';
import { type ClusterOwner, clusterOwnersOf } from './certificate-request.ts';
import { CERTIFICATE_REQUESTS, FINALIZER } from './resources.ts';

/** A CertificateRequest as last observed, checked and limited. Instants are RFC 3339. */
export interface ObservedRequest {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** Undefined when it is orphaned or standalone. */
  readonly owner?: ClusterOwner;
  readonly deleting: boolean;
  /** Annotation `hive.openshift.io/reconcile-pause: "true"`. */
  readonly paused: boolean;
  readonly finalizer: boolean;
  readonly secretName: string;
  readonly dnsNames: readonly string[];
  readonly zoneName: string;
  readonly platform: PlatformView;
  readonly specDigest: string;
  readonly specWrites: FieldWrites;
  /** Another manager changed them, or certman never wrote them. */
  readonly unownedSpecFields: readonly string[];
  readonly unownedStatusFields: readonly string[];
  readonly statusWrites: FieldWrites;
  readonly otherManager?: string;
  /** Undefined when certman owns nothing of the status. */
  readonly statusWrittenAt?: string;
  /** Whether every field that certman always writes is there. */
  readonly statusComplete: boolean;
  readonly renewBeforeDays?: number;
  readonly issued: boolean;
  /** RFC 3339 or the form of certman-operator. */
  readonly notBefore?: string;
  readonly notAfter?: string;
  readonly issuerName?: string;
  readonly serialNumber?: string;
  /** Host of the directory of the CA that issued the certificate. */
  readonly acmeServer?: string;
  readonly certId?: string;
  readonly crlUrl?: string;
  /** ARI window, where it has changed the renewal. */
  readonly suggestedWindow?: RenewalWindow;
  readonly renewalTime?: string;
  readonly nextAttempt?: string;
}

/** certman never writes the first; the others are for information. */
const UNMANAGED_SPEC_FIELDS = new Set(['renewBeforeDays', 'apiURL', 'webConsoleURL']);

const text = z.string().max(4096);
const optionalText = text.min(1).optional().catch(undefined);
const credentials = z.object({ name: optionalText }).catch({});

/** One malformed object must not end the watch of all others. */
const specSchema = z.object({
  acmeDNSDomain: text.catch(''),
  certificateSecret: z.object({ name: text }).catch({ name: '' }),
  dnsNames: z.array(text).max(1000).catch([]),
  renewBeforeDays: z.number().int().optional().catch(undefined),
  platform: z
    .looseObject({
      aws: z
        .object({ credentials, region: text.catch('') })
        .optional()
        .catch(undefined),
      gcp: z.object({ credentials }).optional().catch(undefined),
      azure: z
        .object({ credentials, resourceGroupName: text.catch('') })
        .optional()
        .catch(undefined),
    })
    .catch({}),
});
const statusSchema = z.object({
  issued: z.boolean().optional().catch(undefined),
  notBefore: optionalText,
  notAfter: optionalText,
  issuerName: optionalText,
  serialNumber: optionalText,
  acmeServer: optionalText,
  certID: z
    .string()
    .max(256)
    .regex(/^[\w-]+\.[\w-]+$/)
    .optional()
    .catch(undefined),
  crlURL: z.string().refine(isCrlUrl).optional().catch(undefined),
  suggestedWindow: z.object({ start: text, end: text, explanationURL: optionalText }).optional().catch(undefined),
  renewalTime: optionalText,
  nextAttempt: optionalText,
  state: optionalText,
  conditions: z.array(z.unknown()).catch([]),
});

const NO_SPEC = specSchema.parse({});
const NO_STATUS = statusSchema.parse({});

/** Never fails: an invalid field counts as absent. */
export function observeRequest(object: KubernetesObject): ObservedRequest {
  const { metadata } = object;
  const spec = specSchema.catch(NO_SPEC).parse(object['spec']);
  const status = statusSchema.catch(NO_STATUS).parse(object['status']);
  const ownStatus = ownedFieldsOf(object, 'status');
  const { issued, state, conditions, certID: certId, crlURL: crlUrl, suggestedWindow, ...reported } = status;
  return {
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    uid: metadata.uid ?? '',
    owner: clusterOwnersOf(metadata)[0],
    deleting: metadata.deletionTimestamp !== undefined,
    paused: metadata.annotations?.['hive.openshift.io/reconcile-pause'] === 'true',
    finalizer: metadata.finalizers?.includes(FINALIZER) === true,
    secretName: spec.certificateSecret.name,
    dnsNames: spec.dnsNames,
    zoneName: spec.acmeDNSDomain,
    platform: platformOf(spec.platform),
    specDigest: digestOf(canonicalJson(object['spec'])),
    specWrites: fieldWritesOf(object, 'spec'),
    unownedSpecFields: unownedFields(ownedFieldsOf(object), 'spec', object['spec'], UNMANAGED_SPEC_FIELDS),
    unownedStatusFields: unownedFields(ownStatus, 'status', object['status']),
    statusWrites: fieldWritesOf(object, 'status', 'status'),
    otherManager: lastOtherManager(object),
    statusWrittenAt: ownStatus.time,
    statusComplete:
      state !== undefined &&
      conditions.length > 0 &&
      (issued === false || Boolean(issued && reported.notBefore && reported.notAfter && reported.serialNumber)),
    renewBeforeDays: spec.renewBeforeDays,
    ...reported,
    issued: issued === true,
    certId,
    crlUrl,
    suggestedWindow: certId === undefined ? undefined : suggestedWindowOf(certId, suggestedWindow),
  };
}

function suggestedWindowOf(
  certId: string,
  window: z.infer<typeof statusSchema>['suggestedWindow'],
): RenewalWindow | undefined {
  if (window === undefined) return undefined;
  const { start, end, explanationURL: explanationUrl } = window;
  return { certId, start, end, explanationUrl };
}

function platformOf(platform: z.infer<typeof specSchema>['platform']): PlatformView {
  const { aws, gcp, azure } = platform;
  if (aws !== undefined) {
    return { kind: 'aws', region: aws.region, sts: false, credentialsSecret: aws.credentials.name };
  }
  if (gcp !== undefined) return { kind: 'gcp', credentialsSecret: gcp.credentials.name ?? '' };
  if (azure !== undefined) {
    const { resourceGroupName } = azure;
    return { kind: 'azure', credentialsSecret: azure.credentials.name ?? '', resourceGroupName };
  }
  return { kind: 'unsupported', found: (Object.keys(platform)[0] ?? 'none').slice(0, 64) };
}

/** All CertificateRequests, or those of one namespace. @throws CertmanError `kubernetes/…`. */
export async function listCertificateRequests(
  kubernetes: KubernetesApi,
  options: { readonly namespace?: string; readonly signal: AbortSignal },
): Promise<readonly ObservedRequest[]> {
  const requests: ObservedRequest[] = [];
  for await (const object of kubernetes.list(CERTIFICATE_REQUESTS, options)) requests.push(observeRequest(object));
  return requests;
}

/** Why the workflow must evaluate its request again; undefined for a change by certman or without consequence. */
export function describeRequestChange(previous: ObservedRequest, now: ObservedRequest): string | undefined {
  const { name } = now;
  if (now.deleting && !previous.deleting) return `The CertificateRequest ${name} is being deleted.`;
  if (now.specDigest !== previous.specDigest && isOtherManagersChange(previous.specWrites, now.specWrites)) {
    return `The spec of the CertificateRequest ${name} was changed by another field manager.`;
  }
  if (now.deleting) return undefined;
  if (previous.finalizer && !now.finalizer) return `The finalizer of the CertificateRequest ${name} was removed.`;
  if (previous.owner !== undefined && now.owner?.uid !== previous.owner.uid) {
    return `The owner reference of the CertificateRequest ${name} was removed.`;
  }
  return describeStatusChange(previous, now);
}

/** As {@link describeRequestChange}, of the status alone. */
export function describeStatusChange(previous: ObservedRequest, now: ObservedRequest): string | undefined {
  const changed =
    now.unownedStatusFields.some((field) => !previous.unownedStatusFields.includes(field)) ||
    (previous.statusComplete && !now.statusComplete);
  return changed ? `The status of the CertificateRequest ${now.name} was changed by another field manager.` : undefined;
}
