/** Azure credentials for a cluster's DNS: a service principal, in a Secret as Hive wants it. */
import { z } from 'zod';
import { CertmanError } from '../../failures/failure.ts';
import type { KubernetesApi, ObjectKey } from '../api/kubernetes-api.ts';
import { describeObject, isObjectName } from '../api/resource-path.ts';
import { SECRETS } from './resources.ts';
import { readSecretText } from './secret-data.ts';

/** Entry of the Secret (Hive, `AzureDNSZoneSpec.credentialsSecretRef`). */
export const AZURE_CREDENTIALS_ENTRY = 'osServicePrincipal.json';

/** A service principal, and the subscription of its zones. */
export interface AzureCredentials {
  readonly subscriptionId: string;
  readonly tenantId: string;
  readonly clientId: string;
  readonly clientSecret: string;
}

const uuid = z.string().regex(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i, 'it is no UUID');
const servicePrincipalSchema = z.object({
  subscriptionId: uuid,
  tenantId: uuid,
  clientId: uuid,
  clientSecret: z
    .string()
    .max(1_024)
    .regex(/^[\x21-\x7e]+$/, 'it is no client secret'),
});

/** From a Secret. @throws CertmanError `dns/credentialsMissing` (no Secret), `dns/credentialsMalformed` (bad entry). */
export async function readAzureCredentials(kubernetes: KubernetesApi, secret: ObjectKey): Promise<AzureCredentials> {
  const where = describeObject(SECRETS, secret);
  const found = isObjectName(secret.name) ? await kubernetes.get(SECRETS, secret) : undefined;
  if (found === undefined) {
    throw new CertmanError({
      code: 'dns/credentialsMissing',
      message: `${where}, which should hold the Azure credentials for the cluster's DNS, does not exist.`,
      remedy: `Create it with ${AZURE_CREDENTIALS_ENTRY}; issuance then continues by itself.`,
    });
  }
  const entry = readSecretText(found['data'], AZURE_CREDENTIALS_ENTRY);
  if (entry.kind !== 'text') throw malformed(where, entry.why);
  const { data, error } = servicePrincipalSchema.safeParse(parseJson(entry.text));
  if (data === undefined) throw malformed(where, `${AZURE_CREDENTIALS_ENTRY} ${describeIssue(error)}`);
  return data;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The field and zod's own words, never values. */
function describeIssue({ issues: [issue] }: z.ZodError): string {
  if (issue === undefined || issue.path.length === 0) return 'is no JSON object';
  return `is no service principal (${issue.path.map(String).join('.')}: ${issue.message})`;
}

function malformed(where: string, why: string): CertmanError {
  return new CertmanError({
    code: 'dns/credentialsMalformed',
    message: `${where} has no usable Azure credentials: ${why}.`,
    remedy: `Put subscriptionId, tenantId, clientId and clientSecret of a service principal that may change the cluster's DNS zone into ${AZURE_CREDENTIALS_ENTRY}.`,
  });
}
