/** Google credentials for a cluster's DNS: the key of a service account, in a Secret as Hive wants it. */
import { createPrivateKey } from 'node:crypto';
import { z } from 'zod';
import type { KubernetesApi, ObjectKey } from '../api/kubernetes-api.ts';
import { readJsonCredentials } from './json-credentials.ts';

/** Entry of the Secret (Hive, `GCPDNSZoneSpec.credentialsSecretRef`). */
export const GOOGLE_CREDENTIALS_ENTRY = 'osServiceAccount.json';

/** Google makes keys of 2,048 bits. To sign with one of 40,000, a worker does nothing else for a minute and a half. */
const MAX_KEY_BITS = 4_096;

/** The key of a service account, and the project of its zones. */
export interface GoogleCredentials {
  readonly projectId: string;
  readonly clientEmail: string;
  /** PEM, PKCS#8 or PKCS#1. */
  readonly privateKey: string;
}

/**
 * A key file of a service account. Its URLs are not read: who writes the Secret must not choose where certman connects to.
 * Other types of credentials have URLs or files that matter.
 */
const keyFileSchema = z.object({
  type: z.literal('service_account'),
  project_id: z
    .string()
    .max(128)
    .regex(/^[a-z0-9][a-z0-9.:-]*$/),
  client_email: z
    .string()
    .max(320)
    .regex(/^[\w.+-]+@[\w.-]+$/),
  private_key: z.string().max(8_192).refine(isRsaKey, `it is no RSA private key of at most ${MAX_KEY_BITS} bits`),
  universe_domain: z.literal('googleapis.com').optional(),
});

/** From a Secret. @throws CertmanError `dns/credentialsMissing` (no Secret), `dns/credentialsMalformed` (bad entry). */
export async function readGoogleCredentials(kubernetes: KubernetesApi, secret: ObjectKey): Promise<GoogleCredentials> {
  const keyFile = await readJsonCredentials(kubernetes, secret, {
    entry: GOOGLE_CREDENTIALS_ENTRY,
    schema: keyFileSchema,
    service: 'Google',
    notA: 'not the key of a service account',
    remedy: `Put the JSON key of a service account that may change the cluster's managed zone into ${GOOGLE_CREDENTIALS_ENTRY}.`,
  });
  return { projectId: keyFile.project_id, clientEmail: keyFile.client_email, privateKey: keyFile.private_key };
}

function isRsaKey(pem: string): boolean {
  try {
    const { asymmetricKeyType, asymmetricKeyDetails } = createPrivateKey(pem);
    return asymmetricKeyType === 'rsa' && (asymmetricKeyDetails?.modulusLength ?? Infinity) <= MAX_KEY_BITS;
  } catch {
    return false;
  }
}
