/** Azure credentials for a cluster's DNS: a service principal, in a Secret as Hive wants it. */
import { z } from 'zod';
import type { KubernetesApi, ObjectKey } from '../api/kubernetes-api.ts';
import { readJsonCredentials } from './json-credentials.ts';

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
  return await readJsonCredentials(kubernetes, secret, {
    entry: AZURE_CREDENTIALS_ENTRY,
    schema: servicePrincipalSchema,
    service: 'Azure',
    notA: 'no service principal',
    remedy: `Put subscriptionId, tenantId, clientId and clientSecret of a service principal that may change the cluster's DNS zone into ${AZURE_CREDENTIALS_ENTRY}.`,
  });
}
