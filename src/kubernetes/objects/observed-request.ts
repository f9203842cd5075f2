/** What the watch reads of a CertificateRequest: what the gauges show, and whose it is. */
import { z } from 'zod';
import { canonicalJson, digestOf } from '../../certificates/digest.ts';
import type { RenewalWindow } from '../../certificates/renewal-window.ts';
import {
  type BundleView,
  type ClusterView,
  deletedClusterView,
  type PlatformView,
  requestName,
} from '../../clusters/cluster-view.ts';
import { isCrlUrl } from '../../x509/certificate-extensions.ts';
import { type FieldWrites, fieldWritesOf, lastOtherManager } from '../api/field-writes.ts';
import { type KubernetesObject } from '../api/kubernetes-api.ts';
import { isObjectName } from '../api/object-name.ts';
import { ownedFieldsOf, unownedFields } from '../api/owned-fields.ts';
import { type ClusterOwner, clusterOwnersOf } from './cluster-owners.ts';
import { FINALIZER } from './resources.ts';

export interface ObservedRequest {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** The ClusterDeployment that owns it; undefined when it is nobody's. */
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
  /** Fields of the spec that certman does not own: somebody changed them, or it has never written them. */
  readonly unownedSpecFields: readonly string[];
  /** Fields of the status that somebody else wrote. */
  readonly unownedStatusFields: readonly string[];
  readonly statusWrites: FieldWrites;
  /** Field manager of whoever else wrote anything in it last. */
  readonly otherManager?: string;
  /** When certman last wrote the status (RFC 3339); undefined when nothing in it is its own. */
  readonly statusWrittenAt?: string;
  /** Everything that certman always says is there. */
  readonly statusComplete: boolean;
  /** As the user set it. */
  readonly renewBeforeDays?: number;
  readonly issued: boolean;
  /** As in the status; RFC 3339 or the form of certman-operator. */
  readonly notBefore?: string;
  readonly notAfter?: string;
  readonly issuerName?: string;
  readonly serialNumber?: string;
  /** Host of the directory of the CA that issued the certificate. */
  readonly acmeServer?: string;
  /** `certId` of its `CertificateFacts`. */
  readonly certId?: string;
  /** Where its CA lists what it has revoked. */
  readonly crlUrl?: string;
  /** Of this certificate, as far as it was ever of consequence. */
  readonly suggestedWindow?: RenewalWindow;
  /** RFC 3339. */
  readonly renewalTime?: string;
  /** RFC 3339. */
  readonly nextAttempt?: string;
}

/** Of the spec: certman never writes the first, and the others are for information. */
const UNMANAGED_SPEC_FIELDS = new Set(['renewBeforeDays', 'apiURL', 'webConsoleURL']);

const text = z.string().max(4096);
const optionalText = text.optional().catch(undefined);
const secretRef = z.object({ name: text.optional() }).optional().catch(undefined);
const platformSchema = z
  .looseObject({
    aws: z.looseObject({ credentials: secretRef, region: optionalText }).optional().catch(undefined),
    gcp: z.looseObject({ credentials: secretRef }).optional().catch(undefined),
    azure: z.looseObject({ credentials: secretRef, resourceGroupName: optionalText }).optional().catch(undefined),
  })
  .optional()
  .catch(undefined);

/** Every field on its own: an odd one is as if absent, since the watch of all the others must go on. */
const requestSchema = z.looseObject({
  spec: z
    .looseObject({
      acmeDNSDomain: text.catch(''),
      certificateSecret: secretRef,
      dnsNames: z.array(text).max(1000).catch([]),
      renewBeforeDays: z.number().int().optional().catch(undefined),
      platform: platformSchema,
    })
    .optional()
    .catch(undefined),
  status: z
    .looseObject({
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
      suggestedWindow: z
        .looseObject({ start: text, end: text, explanationURL: optionalText })
        .optional()
        .catch(undefined),
      renewalTime: optionalText,
      nextAttempt: optionalText,
      state: optionalText,
      conditions: z.array(z.unknown()).optional().catch(undefined),
    })
    .optional()
    .catch(undefined),
});

export function observeRequest(object: KubernetesObject): ObservedRequest {
  const { metadata } = object;
  const { spec, status } = requestSchema.parse(object);
  const ownStatus = ownedFieldsOf(object, 'status');
  const stranger = lastOtherManager(object);
  const [owner] = clusterOwnersOf(metadata);
  return {
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    uid: metadata.uid ?? '',
    ...(owner === undefined ? {} : { owner }),
    deleting: metadata.deletionTimestamp !== undefined,
    paused: metadata.annotations?.['hive.openshift.io/reconcile-pause'] === 'true',
    finalizer: metadata.finalizers?.includes(FINALIZER) === true,
    secretName: spec?.certificateSecret?.name ?? '',
    dnsNames: spec?.dnsNames ?? [],
    zoneName: spec?.acmeDNSDomain ?? '',
    platform: platformOf(spec?.platform),
    specDigest: digestOf(canonicalJson(object['spec'])),
    specWrites: fieldWritesOf(object, 'spec'),
    unownedSpecFields: unownedFields(ownedFieldsOf(object), 'spec', object['spec'], UNMANAGED_SPEC_FIELDS),
    unownedStatusFields: unownedFields(ownStatus, 'status', object['status']),
    statusWrites: fieldWritesOf(object, 'status', 'status'),
    ...(stranger === undefined ? {} : { otherManager: stranger }),
    ...(ownStatus.time === undefined ? {} : { statusWrittenAt: ownStatus.time }),
    statusComplete: isStatusComplete(status),
    ...(spec?.renewBeforeDays === undefined ? {} : { renewBeforeDays: spec.renewBeforeDays }),
    issued: status?.issued === true,
    ...(status?.notBefore ? { notBefore: status.notBefore } : {}),
    ...(status?.notAfter ? { notAfter: status.notAfter } : {}),
    ...(status?.issuerName ? { issuerName: status.issuerName } : {}),
    ...(status?.serialNumber ? { serialNumber: status.serialNumber } : {}),
    ...(status?.acmeServer ? { acmeServer: status.acmeServer } : {}),
    ...(status?.certID ? { certId: status.certID, ...suggestedWindowOf(status.certID, status.suggestedWindow) } : {}),
    ...(status?.crlURL ? { crlUrl: status.crlURL } : {}),
    ...(status?.renewalTime ? { renewalTime: status.renewalTime } : {}),
    ...(status?.nextAttempt ? { nextAttempt: status.nextAttempt } : {}),
  };
}

function isStatusComplete(status: z.infer<typeof requestSchema>['status']): boolean {
  if (!status?.state || status.issued === undefined || !status.conditions?.length) return false;
  return !status.issued || Boolean(status.notBefore && status.notAfter && status.serialNumber);
}

function suggestedWindowOf(
  certId: string,
  window: { readonly start: string; readonly end: string; readonly explanationURL?: string | undefined } | undefined,
): Pick<ObservedRequest, 'suggestedWindow'> {
  if (window === undefined) return {};
  const { start, end, explanationURL } = window;
  return {
    suggestedWindow: { certId, start, end, ...(explanationURL ? { explanationUrl: explanationURL } : {}) },
  };
}

function platformOf(platform: z.infer<typeof platformSchema>): PlatformView {
  const { aws, gcp, azure } = platform ?? {};
  if (aws !== undefined) {
    const credentialsSecret = aws.credentials?.name;
    return {
      kind: 'aws',
      region: aws.region ?? '',
      sts: false,
      ...(credentialsSecret ? { credentialsSecret } : {}),
    };
  }
  if (gcp !== undefined) return { kind: 'gcp', credentialsSecret: gcp.credentials?.name ?? '' };
  if (azure !== undefined) {
    return {
      kind: 'azure',
      credentialsSecret: azure.credentials?.name ?? '',
      resourceGroupName: azure.resourceGroupName ?? '',
    };
  }
  return { kind: 'unsupported', found: (Object.keys(platform ?? {})[0] ?? 'none').slice(0, 64) };
}

/**
 * A cluster as its orphaned CertificateRequests tell of it, its ClusterDeployment being gone: enough to revoke and clear away.
 * @param requests of one owner, at least one.
 */
export function clusterViewOfOrphans(
  managementCluster: string,
  requests: readonly ObservedRequest[],
): ClusterView | undefined {
  const [first] = requests;
  if (first?.owner === undefined) return undefined;
  const { owner } = first;
  return {
    ...deletedClusterView({ managementCluster, namespace: first.namespace, name: owner.name, uid: owner.uid }),
    zoneName: first.zoneName,
    platform: first.platform,
    bundles: requests.map((request) => orphanedBundleView(owner.name, request)),
  };
}

function orphanedBundleView(clusterDeployment: string, request: ObservedRequest): BundleView {
  const prefix = requestName(clusterDeployment, '');
  const { name, secretName, dnsNames } = request;
  return {
    // Not called after the cluster, it was made by somebody else: in words that are the name of no other bundle.
    ...(name.startsWith(prefix)
      ? { name: name.slice(prefix.length) }
      : { name: `CertificateRequest ${name}`, requestName: name }),
    // Of any other name there can be no Secret: as part of a path it could lead to something else.
    secretName: isObjectName(secretName) ? secretName : '',
    names: { kind: 'valid', dnsNames },
  };
}
