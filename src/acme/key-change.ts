import type { KeyObject } from 'node:crypto';
import { z } from 'zod';
import { CertmanError } from '../failures/failure.ts';
import { accountSchema } from './account-object.ts';
import { AcmeClient } from './client.ts';
import { AcmeProblemError } from './problems.ts';
import { createSession } from './session.ts';
import { Signer } from './signer.ts';

/** The URL of the account of a key, and of no other CA's; undefined: the CA does not know the key (RFC 8555 §7.3.1). */
export async function accountOfKey({ session, signal }: AcmeClient, key: KeyObject): Promise<string | undefined> {
  const ca = new AcmeClient(createSession({ ...session.account, key }, session.transport), signal);
  const { newAccount: url } = await ca.directory();
  const payload = { onlyReturnExisting: true };
  try {
    return (await ca.post({ resource: 'newAccount', url, payload, kid: null, schema: accountSchema })).location;
  } catch (error) {
    if (error instanceof AcmeProblemError && error.type === 'accountDoesNotExist') return undefined;
    throw error;
  }
}

/** Where the CA changes keys. @throws CertmanError `configuration/invalid` for a CA that does not; as `AcmeClient.directory`. */
export async function requireKeyChange(ca: AcmeClient): Promise<string> {
  const { keyChange: url } = await ca.directory();
  if (url !== undefined) return url;
  throw new CertmanError({
    code: 'configuration/invalid',
    message: `The CA ${ca.host} cannot change the key of an account: its directory has no keyChange.`,
    remedy: 'Where the key must be replaced, register a new account.',
  });
}

/**
 * Has the CA replace the account's key (RFC 8555 §7.3.5). It knows the old key until then, and the new one from then on: when the
 * answer is lost, {@link accountOfKey} says which.
 * @throws CertmanError as {@link requireKeyChange}; any `acme/` code.
 */
export async function changeAccountKey(ca: AcmeClient, newKey: KeyObject): Promise<void> {
  const url = await requireKeyChange(ca);
  const { account, signer } = ca.session;
  const payload = new Signer(newKey).sign(url, { account: account.url, oldKey: signer.jwk }, { kid: null });
  await ca.post({ resource: 'keyChange', url, payload, schema: z.unknown() });
}
