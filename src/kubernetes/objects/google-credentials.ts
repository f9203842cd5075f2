/** Google credentials for a cluster's DNS: the key of a service account, in a Secret as Hive wants it. */
import { createPrivateKey } from 'node:crypto';
import { z } from 'zod';
import { CertmanError } from '../../failures/failure.ts';
import type { KubernetesApi, ObjectKey } from '../api/kubernetes-api.ts';
import { describeObject, isObjectName } from '../api/resource-path.ts';
import { SECRETS } from './resources.ts';
import { readSecretText } from './secret-data.ts';

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
  const where = describeObject(SECRETS, secret);
  const found = isObjectName(secret.name) ? await kubernetes.get(SECRETS, secret) : undefined;
  if (found === undefined) {
    throw new CertmanError({
      code: 'dns/credentialsMissing',
      message: `${where}, which should hold the Google credentials for the cluster's DNS, does not exist.`,
      remedy: `Create it with ${GOOGLE_CREDENTIALS_ENTRY}; issuance then continues by itself.`,
    });
  }
  const entry = readSecretText(found['data'], GOOGLE_CREDENTIALS_ENTRY);
  if (entry.kind !== 'text') throw malformed(where, entry.why);
  const { data, error } = keyFileSchema.safeParse(parseJson(entry.text));
  if (data === undefined) throw malformed(where, `${GOOGLE_CREDENTIALS_ENTRY} ${describeIssue(error)}`);
  return { projectId: data.project_id, clientEmail: data.client_email, privateKey: data.private_key };
}

function isRsaKey(pem: string): boolean {
  try {
    const { asymmetricKeyType, asymmetricKeyDetails } = createPrivateKey(pem);
    return asymmetricKeyType === 'rsa' && (asymmetricKeyDetails?.modulusLength ?? Infinity) <= MAX_KEY_BITS;
  } catch {
    return false;
  }
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
  return `is not the key of a service account (${issue.path.map(String).join('.')}: ${issue.message})`;
}

function malformed(where: string, why: string): CertmanError {
  return new CertmanError({
    code: 'dns/credentialsMalformed',
    message: `${where} has no usable Google credentials: ${why}.`,
    remedy: `Put the JSON key of a service account that may change the cluster's managed zone into ${GOOGLE_CREDENTIALS_ENTRY}.`,
  });
}
