import { z } from 'zod';
import type { PlatformView } from '../../clusters/cluster-view.ts';
import { isCrlUrl } from '../../x509/certificate-extensions.ts';
import { observedState } from './observed-state.ts';
import { observedPostponement } from './postponed-condition.ts';
import { observedServed } from './served-condition.ts';
import { parseTimestamp } from './timestamp.ts';

/** The spec of a CertificateRequest. */
export type RequestSpec = Readonly<z.infer<typeof specSchema>>;
/** What certman reads of the status of a CertificateRequest. `notBefore`, `notAfter`, `installedAt` and `renewalAt` are epoch milliseconds. */
export type RequestStatus = Readonly<z.infer<typeof statusSchema>>;

/** One malformed field must not end the watch of all objects. */
const optional = <Type extends z.ZodType>(type: Type) => type.optional().catch(undefined);

const text = z.string().max(4096);
const optionalText = optional(text.min(1));
const shortText = optional(z.string().min(1).max(256));
const secretRef = z
  .object({ name: optionalText })
  .catch({})
  .transform(({ name }) => name);

const platformSchema = z
  .looseObject({
    aws: optional(z.object({ credentials: secretRef, region: text.catch('') })),
    gcp: optional(z.object({ credentials: secretRef })),
    azure: optional(z.object({ credentials: secretRef, resourceGroupName: text.catch('') })),
  })
  .catch({})
  .transform((platform): PlatformView => {
    const { aws, gcp, azure } = platform;
    if (aws) return { kind: 'aws', region: aws.region, sts: false, credentialsSecret: aws.credentials };
    if (gcp) return { kind: 'gcp', credentialsSecret: gcp.credentials ?? '' };
    if (azure) {
      return { kind: 'azure', credentialsSecret: azure.credentials ?? '', resourceGroupName: azure.resourceGroupName };
    }
    return { kind: 'unsupported', found: (Object.keys(platform)[0] ?? 'none').slice(0, 64) };
  });

const specSchema = z
  .object({
    acmeDNSDomain: text.catch(''),
    certificateSecret: z.object({ name: text }).catch({ name: '' }),
    dnsNames: z.array(text).max(1000).catch([]),
    renewBeforeDays: optional(z.number().int()),
    platform: platformSchema,
  })
  .transform(({ acmeDNSDomain: zoneName, certificateSecret: { name: secretName }, ...spec }) => {
    return { ...spec, zoneName, secretName };
  });

const statusSchema = z
  .object({
    issued: optional(z.boolean()),
    notBefore: shortText,
    notAfter: shortText,
    issuerName: optional(z.string().min(1).max(512)),
    /** Of at most 20 octets (RFC 5280 §4.1.2.2), in decimal. */
    serialNumber: optional(z.string().regex(/^\d{1,49}$/)),
    /** Host of the directory of the CA that issued the certificate. */
    acmeServer: optional(z.string().min(1).max(320)),
    certID: optional(
      z
        .string()
        .max(256)
        .regex(/^[\w-]+\.[\w-]+$/),
    ),
    crlURL: optional(z.string().refine(isCrlUrl)),
    /** ARI window, where it has changed the renewal. */
    suggestedWindow: optional(
      z.object({ start: z.string().max(64), end: z.string().max(64), explanationURL: optional(z.string().max(2048)) }),
    ),
    renewalTime: shortText,
    nextAttempt: shortText,
    state: shortText,
    installedTime: shortText,
    replacedSerialNumber: optional(z.string().regex(/^\d{1,49}$/)),
    conditions: z.array(z.unknown()).catch([]),
  })
  .transform(
    ({
      issued,
      certID: certId,
      crlURL: crlUrl,
      suggestedWindow,
      state,
      installedTime,
      renewalTime,
      conditions,
      ...reported
    }) => {
      const { notBefore, notAfter, serialNumber } = reported;
      const { start = '', end = '', explanationURL: explanationUrl } = suggestedWindow ?? {};
      const isComplete = issued === false || (issued === true && notBefore && notAfter && serialNumber);
      return {
        ...reported,
        issued: issued === true,
        notBefore: parseTimestamp(notBefore ?? '')?.getTime(),
        notAfter: parseTimestamp(notAfter ?? '')?.getTime(),
        installedAt: parseTimestamp(installedTime ?? '')?.getTime(),
        renewalAt: parseTimestamp(renewalTime ?? '')?.getTime(),
        served: observedServed(conditions),
        postponed: observedPostponement(conditions),
        state: observedState(state, conditions),
        certId,
        crlUrl,
        suggestedWindow: certId && suggestedWindow ? { certId, start, end, explanationUrl } : undefined,
        /** Whether every field that certman always writes is there. */
        statusComplete: state !== undefined && conditions.length > 0 && Boolean(isComplete),
      };
    },
  );

const anySpecSchema = specSchema.catch(specSchema.parse({}));
const anyStatusSchema = statusSchema.catch(statusSchema.parse({}));

/** Never fails: an invalid field counts as absent. */
export function parseRequestSpec(spec: unknown): RequestSpec {
  return anySpecSchema.parse(spec);
}

/** Never fails: an invalid field counts as absent. */
export function parseRequestStatus(status: unknown): RequestStatus {
  return anyStatusSchema.parse(status);
}
