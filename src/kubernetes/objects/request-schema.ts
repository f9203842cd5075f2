/** Whether the installed CRD of CertificateRequests has the fields that this version writes. */
import { z } from 'zod';
import type { WatchConnection } from '../api/kubernetes-api.ts';
import { apiVersionOf } from '../api/resource-path.ts';
import { CERTIFICATE_REQUESTS } from './resources.ts';

/** Those of deploy/base/certificaterequest-crd.yaml. An apply with an undeclared field is refused as a whole. */
export const REQUEST_FIELDS = {
  spec: [
    'acmeDNSDomain',
    'apiURL',
    'certificateSecret',
    'dnsNames',
    'email',
    'namesProblem',
    'platform',
    'renewBeforeDays',
    'webConsoleURL',
  ],
  status: [
    'acmeServer',
    'certID',
    'conditions',
    'crlURL',
    'failedAttempts',
    'installedTime',
    'issued',
    'issuerName',
    'nextAttempt',
    'notAfter',
    'notBefore',
    'renewalTime',
    'replacedSerialNumber',
    'serialNumber',
    'state',
    'status',
    'suggestedWindow',
    'workflowID',
  ],
} as const;

const objectSchema = z
  .looseObject({
    properties: z.record(z.string(), z.unknown()).default({}),
    'x-kubernetes-preserve-unknown-fields': z.boolean().default(false),
  })
  .catch({ properties: {}, 'x-kubernetes-preserve-unknown-fields': false });
const documentSchema = z.looseObject({
  components: z.looseObject({ schemas: z.record(z.string(), z.unknown()) }),
});
const kindSchema = z.looseObject({
  'x-kubernetes-group-version-kind': z.array(z.looseObject({ kind: z.string() })),
});

/**
 * The fields that the API server's schema lacks, such as `status.state`. To read it takes no right of its own
 * (ClusterRole system:discovery). Source: https://kubernetes.io/docs/concepts/overview/kubernetes-api/#openapi-v3
 * @returns undefined when the API server serves no schema of the kind. @throws CertmanError as `getJson`.
 */
export async function missingRequestFields(
  connection: Pick<WatchConnection, 'getJson'>,
  signal?: AbortSignal,
): Promise<readonly string[] | undefined> {
  const path = `/openapi/v3/apis/${apiVersionOf(CERTIFICATE_REQUESTS)}`;
  const document = documentSchema.safeParse(await connection.getJson(path, { signal })).data;
  const schema = Object.values(document?.components.schemas ?? {}).find((one) =>
    kindSchema
      .safeParse(one)
      .data?.['x-kubernetes-group-version-kind'].some(({ kind }) => kind === CERTIFICATE_REQUESTS.kind),
  );
  if (schema === undefined) return undefined;
  const { properties: parts } = objectSchema.parse(schema);
  return Object.entries(REQUEST_FIELDS).flatMap(([part, fields]) => {
    const { properties, 'x-kubernetes-preserve-unknown-fields': takesAll } = objectSchema.parse(parts[part]);
    return takesAll
      ? []
      : fields.filter((field) => !Object.hasOwn(properties, field)).map((field) => `${part}.${field}`);
  });
}

/** What an older CRD prevents, and the command that mends it. @param missing fields, at least one. */
export function outdatedCrdMessage(missing: readonly string[]): string {
  return `The installed CRD of CertificateRequests is older than this version of certman: it lacks ${missing.join(', ')}. Certificates are issued and renewed, but their status cannot be written. Install the CRD of this version: kubectl apply -f deploy/base/certificaterequest-crd.yaml. The status then follows by itself.`;
}
