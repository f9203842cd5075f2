import { z } from 'zod';
import { CertmanError } from '../failures/failure.ts';
import { parseAccountKey } from './account.ts';
import { AcmeClient } from './client.ts';
import { createSession } from './session.ts';
import type { AcmeTransport } from './transport.ts';

const accountSchema = z.object({ status: z.string().max(64) });

/** A new account at a CA (RFC 8555 §7.3). */
export interface AccountRegistration {
  readonly directoryUrl: string;
  readonly privateKeyPem: string;
  /** E-mail addresses; Let's Encrypt no longer stores any. */
  readonly contacts?: readonly string[];
}

/** Creates or finds the key's account (RFC 8555 §7.3), accepting the terms. @returns its URL. @throws CertmanError. */
export async function registerAccount(
  transport: AcmeTransport,
  { directoryUrl, privateKeyPem, contacts = [] }: AccountRegistration,
): Promise<string> {
  const account = { key: parseAccountKey(privateKeyPem), url: '', directoryUrl };
  const ca = new AcmeClient(createSession(account, transport));
  const { newAccount: url } = await ca.directory();
  const contact = contacts.length === 0 ? undefined : contacts.map((address) => `mailto:${address}`);
  const payload = { termsOfServiceAgreed: true, contact };
  const { location } = await ca.post({ resource: 'newAccount', url, payload, kid: null, schema: accountSchema });
  if (location !== undefined) return location;
  throw new CertmanError({ code: 'acme/unexpected', message: `The CA ${ca.host} did not return the account's URL.` });
}
