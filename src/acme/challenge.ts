import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { AcmeClient } from './client.ts';
import { problemSchema } from './problems.ts';

/** A challenge as the CA shows it (RFC 8555 §8); types that certman does not answer are let through. */
export const challengeSchema = z.object({
  type: z.string().max(64),
  url: z.url().max(2048),
  status: z.enum(['pending', 'processing', 'valid', 'invalid']),
  token: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,512}$/)
    .optional(),
  error: problemSchema.optional(),
});
export type Challenge = z.infer<typeof challengeSchema>;

/** Name of the TXT record that proves an identifier, without trailing dot (RFC 8555 §8.4). */
export function dns01RecordName(identifier: string): string {
  return `_acme-challenge.${identifier}`;
}

/** Value of that record: base64url(SHA-256(token "." thumbprint)) (RFC 8555 §8.1, §8.4). */
export function dns01RecordValue(token: string, thumbprint: string): string {
  return createHash('sha256').update(`${token}.${thumbprint}`).digest('base64url');
}

/**
 * Records by which whoever ordered shows that the names are his, whatever the CA holds for proved: one for each identifier,
 * beside that of a challenge. Another's order has other values, so what is published for it shows nothing for this one.
 */
export function ownershipRecords(
  dnsNames: readonly string[],
  orderUrl: string,
  standaloneRequestUid: string,
): readonly { readonly name: string; readonly value: string }[] {
  const identifiers = new Set(dnsNames.map((name) => name.replace(/^\*\./, '')));
  const value = createHash('sha256')
    .update(JSON.stringify(['ownership', standaloneRequestUid, orderUrl]))
    .digest('base64url');
  return [...identifiers].map((identifier) => ({ name: dns01RecordName(identifier), value }));
}

/** Tells the CA to look now (RFC 8555 §7.5.1). */
export async function answerChallenge(ca: AcmeClient, url: string, signal?: AbortSignal): Promise<Challenge> {
  const answer = await ca.post({ resource: 'challenge', url, payload: {}, schema: challengeSchema, signal });
  return answer.body;
}
