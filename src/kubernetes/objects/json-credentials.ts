/** Credentials for a cluster's DNS that a Secret has as one JSON document. */
import type { z } from 'zod';
import { CertmanError } from '../../failures/failure.ts';
import type { KubernetesApi, ObjectKey } from '../api/kubernetes-api.ts';
import { describeObject, isObjectName } from '../api/resource-path.ts';
import { SECRETS } from './resources.ts';
import { readSecretText } from './secret-data.ts';

/** What a document is, and what a failure says of it. */
export interface JsonCredentials<Content> {
  /** Of the Secret. */
  readonly entry: string;
  readonly schema: z.ZodType<Content>;
  /** Whose credentials they are, such as `Google`. */
  readonly service: string;
  /** What a document of another form is not, such as `no service principal`. */
  readonly notA: string;
  /** What to put into the entry. */
  readonly remedy: string;
}

/** From a Secret. @throws CertmanError `dns/credentialsMissing` (no Secret), `dns/credentialsMalformed` (bad entry). */
export async function readJsonCredentials<Content>(
  kubernetes: KubernetesApi,
  secret: ObjectKey,
  { entry, schema, service, notA, remedy }: JsonCredentials<Content>,
): Promise<Content> {
  const where = describeObject(SECRETS, secret);
  const found = isObjectName(secret.name) ? await kubernetes.get(SECRETS, secret) : undefined;
  if (found === undefined) {
    throw new CertmanError({
      code: 'dns/credentialsMissing',
      message: `${where}, which should hold the ${service} credentials for the cluster's DNS, does not exist.`,
      remedy: `Create it with ${entry}; issuance then continues by itself.`,
    });
  }
  const malformed = (why: string): CertmanError =>
    new CertmanError({
      code: 'dns/credentialsMalformed',
      message: `${where} has no usable ${service} credentials: ${why}.`,
      remedy,
    });
  const read = readSecretText(found['data'], entry);
  if (read.kind !== 'text') throw malformed(read.why);
  const parsed = schema.safeParse(parseJson(read.text));
  if (!parsed.success) throw malformed(`${entry} ${describeIssue(parsed.error, notA)}`);
  return parsed.data;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The field and zod's own words, never values. */
function describeIssue({ issues: [issue] }: z.ZodError, notA: string): string {
  if (issue === undefined || issue.path.length === 0) return 'is no JSON object';
  return `is ${notA} (${issue.path.map(String).join('.')}: ${issue.message})`;
}
