import { createHash } from 'node:crypto';
import { z } from 'zod';
import { counted } from '../failures/counted.ts';
import { CertmanError, type FailureCode, type FailureParts } from '../failures/failure.ts';
import { oneLine } from '../failures/printable.ts';
import type { AcmeClient } from './client.ts';
import { describeProblem, identifierSchema, problemCode, problemSchema } from './problems.ts';
import { acmeUrlSchema } from './url.ts';

const challengeSchema = z.object({
  type: z.string().max(64),
  url: acmeUrlSchema,
  status: z.enum(['pending', 'processing', 'valid', 'invalid']),
  token: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,512}$/)
    .optional(),
  error: problemSchema.optional().catch(undefined),
  /** Of `dns-persist-01`. */
  accounturi: z.string().max(512).optional().catch(undefined),
  'issuer-domain-names': z.array(z.string().max(253)).min(1).max(10).optional().catch(undefined),
});
/** A challenge (RFC 8555 §8), as the CA sends it. */
export type Challenge = z.infer<typeof challengeSchema>;

const authorizationSchema = z.object({
  identifier: identifierSchema,
  status: z.enum(['pending', 'valid', 'invalid', 'deactivated', 'expired', 'revoked']),
  wildcard: z.boolean().optional(),
  challenges: z.array(challengeSchema).max(100),
});

/** An authorization (RFC 8555 §7.1.4), with its URL. */
export interface Authorization extends z.infer<typeof authorizationSchema> {
  readonly url: string;
}

/** Fetches an authorization. @throws CertmanError of any `acme/` code. */
export async function fetchAuthorization(ca: AcmeClient, url: string): Promise<Authorization> {
  const answer = await ca.post({ resource: 'authorization', url, payload: null, schema: authorizationSchema });
  return { ...answer.body, url };
}

/** Gives up an authorization (RFC 8555 §7.5.2): the next order validates its name anew. @throws CertmanError of any `acme/` code. */
export async function deactivateAuthorization(ca: AcmeClient, url: string): Promise<void> {
  const payload = { status: 'deactivated' };
  await ca.post({ resource: 'authorization', url, payload, schema: authorizationSchema });
}

/** Whether an authorization can no longer become valid. */
export function isFailed({ status }: Authorization): boolean {
  return status !== 'pending' && status !== 'valid';
}

/**
 * Asks the CA to validate a challenge (RFC 8555 §7.5.1).
 * @param thumbprint of the account key that the TXT record was made with: with another one, the validation would fail.
 * @throws CertmanError of any `acme/` code, `acme/accountKeyChanged` before anything is sent.
 */
export async function answerChallenge(ca: AcmeClient, url: string, thumbprint?: string): Promise<void> {
  await ca.post({ resource: 'challenge', url, payload: {}, schema: challengeSchema, onlyUnderKey: thumbprint });
}

/** The name as ordered: `*.x` for a wildcard, whose identifier is `x`. */
export function authorizedName({ identifier, wildcard }: Authorization): string {
  return `${wildcard === true ? '*.' : ''}${identifier.value}`;
}

function shownName(authorization: Authorization): string {
  return oneLine(authorizedName(authorization), 255);
}

/** The DNS-01 challenge of an authorization. @throws CertmanError `acme/unexpected` when the CA offers none. */
export function dns01Challenge(authorization: Authorization, ca: AcmeClient): Challenge & { readonly token: string } {
  const challenge = authorization.challenges.find((candidate) => candidate.type === 'dns-01');
  if (challenge?.token !== undefined) return { ...challenge, token: challenge.token };
  const offered = authorization.challenges.map((candidate) => candidate.type).join(', ') || 'none';
  const message = `The CA ${ca.host} offers no dns-01 challenge for ${shownName(authorization)} (offered: ${oneLine(offered, 200)}).`;
  throw new CertmanError({ code: 'acme/unexpected', message });
}

/** Value of that record: base64url(SHA-256(token "." thumbprint)) (RFC 8555 §8.1, §8.4). */
export function dns01RecordValue(token: string, thumbprint: string): string {
  return createHash('sha256').update(`${token}.${thumbprint}`).digest('base64url');
}

const MAX_NAMES_SHOWN = 5;

/** More specific than `acme/challengeFailed`. */
const SPECIFIC_CODES = new Set<FailureCode>(['acme/rejectedIdentifier', 'acme/rateLimited', 'acme/serverError']);

/** The CA could not authorize names. */
export class FailedAuthorizationsError extends CertmanError {
  /** Without `*.`. */
  readonly names: readonly string[];

  constructor(parts: FailureParts, names: readonly string[]) {
    super(parts);
    this.names = names;
  }
}

/** The error for {@link isFailed} authorizations: each name with the CA's problem. */
export function failedAuthorizationsError(failed: readonly Authorization[], ca: AcmeClient): FailedAuthorizationsError {
  const problems = failed.map((authorization) => authorization.challenges.find((challenge) => challenge.error)?.error);
  const code = problems.map(problemCode).find((candidate) => candidate !== undefined && SPECIFIC_CODES.has(candidate));
  const named = failed.map((authorization, index) => {
    const words = describeProblem(problems[index]) || `its authorization is ${authorization.status}`;
    return `${shownName(authorization)}: ${words}`;
  });
  const shown = named.slice(0, MAX_NAMES_SHOWN);
  if (named.length > shown.length) shown.push(`and ${counted(named.length - shown.length, 'more name')}`);
  const parts: FailureParts = {
    code: code ?? 'acme/challengeFailed',
    message: `The CA ${ca.host} could not validate ${shown.join('; ')}`,
    remedy: 'A failed challenge cannot be retried: the next attempt places a new order.',
  };
  return new FailedAuthorizationsError(
    parts,
    failed.map(({ identifier }) => identifier.value.slice(0, 255)),
  );
}
