import { CertmanError } from '../failures/failure.ts';
import { oneLine } from '../failures/printable.ts';
import { parseAccountKey } from './account.ts';
import { accountSchema } from './account-object.ts';
import { AcmeClient } from './client.ts';
import { type AcmeDirectory, cachedDirectory, caNameOf } from './directory.ts';
import { createSession } from './session.ts';
import type { ExternalAccount } from './signer.ts';
import type { AcmeTransport } from './transport.ts';

/** A new account at a CA (RFC 8555 §7.3). */
export interface AccountRegistration {
  readonly directoryUrl: string;
  readonly privateKeyPem: string;
  /** Whether the operator agrees to the CA's terms of service. */
  readonly termsAgreed: boolean;
  /** E-mail addresses; Let's Encrypt no longer stores any. */
  readonly contacts?: readonly string[];
  readonly externalAccount?: ExternalAccount | undefined;
}

/**
 * Whether the CA would open an account on these conditions, as its directory states them. Nothing is registered.
 * @throws CertmanError `configuration/invalid` for terms that were not agreed to and for a missing external account; any `acme/` code.
 */
export async function checkConditions(
  transport: AcmeTransport,
  registration: Pick<AccountRegistration, 'directoryUrl' | 'termsAgreed' | 'externalAccount'>,
): Promise<void> {
  const { directoryUrl } = registration;
  transport.trust(directoryUrl);
  requireConditions(caNameOf(directoryUrl), await cachedDirectory(transport, directoryUrl)(), registration);
}

/** Creates or finds the key's account (RFC 8555 §7.3). @returns its URL. @throws as {@link checkConditions}. */
export async function registerAccount(
  transport: AcmeTransport,
  { directoryUrl, privateKeyPem, termsAgreed, contacts = [], externalAccount }: AccountRegistration,
): Promise<string> {
  const account = { key: parseAccountKey(privateKeyPem), url: '', directoryUrl };
  const ca = new AcmeClient(createSession(account, transport));
  const directory = await ca.directory();
  requireConditions(ca.host, directory, { termsAgreed, externalAccount });
  const { newAccount: url } = directory;
  const payload = {
    // Of a CA without terms, there is nothing to agree to.
    ...(termsAgreed && { termsOfServiceAgreed: true }),
    ...(contacts.length > 0 && { contact: contacts.map((address) => `mailto:${address}`) }),
    ...(externalAccount && { externalAccountBinding: ca.session.signer.bindTo(externalAccount, url) }),
  };
  const { location } = await ca.post({ resource: 'newAccount', url, payload, kid: null, schema: accountSchema });
  if (location !== undefined) return location;
  throw new CertmanError({ code: 'acme/unexpected', message: `The CA ${ca.host} did not return the account's URL.` });
}

function requireConditions(
  host: string,
  { meta: { termsOfService, externalAccountRequired } = {} }: AcmeDirectory,
  { termsAgreed, externalAccount }: Pick<AccountRegistration, 'termsAgreed' | 'externalAccount'>,
): void {
  if (termsOfService !== undefined && !termsAgreed) {
    throw new CertmanError({
      code: 'configuration/invalid',
      message: `An account at ${host} requires agreement to its terms of service: ${oneLine(termsOfService, 500)}`,
      remedy: 'Read them; to agree, add --agree-tos.',
    });
  }
  if (externalAccountRequired === true && externalAccount === undefined) {
    throw new CertmanError({
      code: 'configuration/invalid',
      message: `${host} opens accounts for its customers only (external account binding).`,
      remedy: 'Put the key id and the HMAC key that it gave you into a Secret, and add --eab-secret with its name.',
    });
  }
}
