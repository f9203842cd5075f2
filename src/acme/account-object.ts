import { z } from 'zod';
import type { AcmeClient } from './client.ts';

/** What certman reads of an account (RFC 8555 §7.1.2). */
export const accountSchema = z.object({
  status: z.string().max(64),
  /** Absent where the CA keeps none, as Let's Encrypt does. */
  contact: z.array(z.string().max(1_000)).max(100).nullish().catch(undefined),
});

/** An account as its CA has it. */
export interface AccountObject {
  /** `valid`, `deactivated` or `revoked`. */
  readonly status: string;
  /** URLs, such as `mailto:ops@example.com`. */
  readonly contact: readonly string[];
}

/** Fetches the account (RFC 8555 §7.3.2). @throws CertmanError of any `acme/` code. */
export async function fetchAccount(ca: AcmeClient): Promise<AccountObject> {
  return await postAccount(ca, null);
}

/** Replaces the contacts of the account (RFC 8555 §7.3.2). @throws CertmanError of any `acme/` code. */
export async function updateContact(ca: AcmeClient, contact: readonly string[]): Promise<AccountObject> {
  return await postAccount(ca, { contact });
}

async function postAccount(ca: AcmeClient, payload: object | null): Promise<AccountObject> {
  const { url } = ca.session.account;
  const { body } = await ca.post({ resource: 'account', url, payload, schema: accountSchema });
  return { status: body.status, contact: body.contact ?? [] };
}
