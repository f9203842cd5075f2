import { z } from 'zod';
import { CertmanError, type FailureCode } from '../failures/failure.ts';
import { type Challenge, challengeSchema } from './challenge.ts';
import type { AcmeClient } from './client.ts';
import { describeProblem, problemCode } from './problems.ts';

/** An authorization as the CA shows it (RFC 8555 §7.1.4). */
const authorizationSchema = z.object({
  identifier: z.object({ type: z.string().max(64), value: z.string().max(512) }),
  status: z.enum(['pending', 'valid', 'invalid', 'deactivated', 'expired', 'revoked']),
  wildcard: z.boolean().optional(),
  challenges: z.array(challengeSchema).max(100),
});

export interface Authorization extends z.infer<typeof authorizationSchema> {
  readonly url: string;
}

export async function fetchAuthorization(ca: AcmeClient, url: string, signal?: AbortSignal): Promise<Authorization> {
  const answer = await ca.post({ resource: 'authorization', url, payload: null, schema: authorizationSchema, signal });
  return { ...answer.body, url };
}

/** The name as it was ordered: `*.x` for a wildcard, whose identifier is `x`. */
export function authorizedName(authorization: Authorization): string {
  return `${authorization.wildcard === true ? '*.' : ''}${authorization.identifier.value}`;
}

/** Its DNS-01 challenge. @throws CertmanError `acme/unexpected` when the CA offers none for this name. */
export function dns01Challenge(authorization: Authorization, ca: AcmeClient): Challenge & { readonly token: string } {
  const challenge = authorization.challenges.find((candidate) => candidate.type === 'dns-01');
  if (challenge?.token !== undefined) return { ...challenge, token: challenge.token };
  const offered = authorization.challenges.map((candidate) => candidate.type).join(', ') || 'none';
  throw new CertmanError({
    code: 'acme/unexpected',
    message: `The CA ${ca.host} offers no dns-01 challenge for ${authorizedName(authorization)} (offered: ${offered}).`,
  });
}

/** Names whose problems are told in one message. */
const MAX_NAMES_SHOWN = 5;

/** Codes of a challenge's own problem that say more than that the challenge failed. */
const SPECIFIC_CODES = new Set<FailureCode>(['acme/rejectedIdentifier', 'acme/rateLimited', 'acme/serverError']);

/** The failure that authorizations which can no longer become valid stand for: each name with the CA's words. */
export function failedAuthorizationsError(failed: readonly Authorization[], ca: AcmeClient): CertmanError {
  const problems = failed.map((authorization) => authorization.challenges.find((challenge) => challenge.error)?.error);
  const code = problems.map(problemCode).find((candidate) => candidate !== undefined && SPECIFIC_CODES.has(candidate));
  const named = failed.map((authorization, index) => {
    const words = describeProblem(problems[index]) || `its authorization is ${authorization.status}`;
    return `${authorizedName(authorization)}: ${words}`;
  });
  const shown = named.slice(0, MAX_NAMES_SHOWN);
  if (named.length > shown.length) shown.push(`and ${named.length - shown.length} more names`);
  return new CertmanError({
    code: code ?? 'acme/challengeFailed',
    message: `The CA ${ca.host} could not validate ${shown.join('; ')}`,
    remedy: 'A failed challenge is not repeated: a new order is placed at the next attempt.',
  });
}
