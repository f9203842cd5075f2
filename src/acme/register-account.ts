import { z } from 'zod';
import { CertmanError } from '../failures/failure.ts';
import { parseAccountKey } from './account.ts';
import { AcmeClient } from './client.ts';
import type { AcmeTransport } from './transport.ts';

const accountSchema = z.object({ status: z.string().max(64) });

export interface AccountRegistration {
  readonly directoryUrl: string;
  /** PEM of the key that the account is to have. */
  readonly privateKeyPem: string;
  /** E-mail addresses; Let's Encrypt keeps none any more. */
  readonly contacts?: readonly string[];
}

/**
 * Makes an account, agreeing to the CA's terms of service, or finds the one that the key has already (RFC 8555 §7.3).
 * @returns the account URL.
 */
export async function registerAccount(
  transport: AcmeTransport,
  registration: AccountRegistration,
  signal?: AbortSignal,
): Promise<string> {
  const key = parseAccountKey(registration.privateKeyPem);
  const ca = new AcmeClient({ key, url: '', directoryUrl: registration.directoryUrl }, transport);
  const { newAccount } = await ca.directory();
  const contact = (registration.contacts ?? []).map((address) => `mailto:${address}`);
  const answer = await ca.postWithKey({
    resource: 'newAccount',
    url: newAccount,
    payload: { termsOfServiceAgreed: true, ...(contact.length === 0 ? {} : { contact }) },
    schema: accountSchema,
    signal,
  });
  if (answer.location !== undefined) return answer.location;
  throw new CertmanError({ code: 'acme/unexpected', message: `The CA ${ca.host} did not say the account's URL.` });
}
