import { createPublicKey } from 'node:crypto';
import { fetchAccount } from '../../acme/account-object.ts';
import { formatOutput, type OutputOptions, print } from '../output.ts';
import { accountCommand } from './account-command.ts';
import { type AccountOptions, withAccount } from './connect.ts';
import { rolloverProgress } from './roll-over.ts';

/** What `certman account show` shows. */
interface ShownAccount {
  /** Name of the Secret. */
  readonly secret: string;
  readonly url: string;
  /** Name of the CA (`caNameOf`). */
  readonly ca: string;
  readonly directoryUrl: string;
  /** `valid`, `deactivated` or `revoked`. */
  readonly status: string;
  readonly contact: readonly string[];
  /** Of the key that the CA accepts. */
  readonly key: { readonly type: string; readonly thumbprint: string };
  readonly rolloverUnfinished: boolean;
}

/** Options of `certman account show`. */
export interface ShowOptions extends AccountOptions, OutputOptions {}

/** Prints the account as its CA has it. @throws CertmanError */
export async function showAccount(options: ShowOptions): Promise<void> {
  const shown = await withAccount(options, async (account): Promise<ShownAccount> => {
    const { session, host } = account.ca;
    const { status, contact } = await fetchAccount(account.ca);
    const { jwk, thumbprint } = session.signer;
    const { url, directoryUrl } = session.account;
    const key = { type: keyTypeOf(jwk), thumbprint };
    const rolloverUnfinished = (await rolloverProgress(account)) !== 'none';
    const ofCa = { ca: host, directoryUrl, status, contact };
    return { secret: account.secretName, url, ...ofCa, key, rolloverUnfinished };
  });
  print(await formatOutput(options, shown, formatAccount));
}

function keyTypeOf(jwk: Readonly<Record<string, string>>): string {
  if (jwk['crv'] !== undefined) return jwk['crv'].toLowerCase();
  return `rsa-${createPublicKey({ key: jwk, format: 'jwk' }).asymmetricKeyDetails?.modulusLength ?? '?'}`;
}

function formatAccount(shown: ShownAccount): string {
  const { secret, url, ca, directoryUrl, status, contact, key, rolloverUnfinished } = shown;
  const lines = [
    `Secret     ${secret}`,
    `account    ${url}`,
    `CA         ${ca} (${directoryUrl})`,
    `status     ${status}`,
    `contact    ${contact.length === 0 ? 'none, or the CA does not show it' : contact.join(', ')}`,
    `key        ${key.type}, thumbprint ${key.thumbprint}`,
  ];
  if (rolloverUnfinished)
    lines.push(`rollover   unfinished: complete it with "${accountCommand('rollover --yes', secret)}"`);
  return lines.join('\n');
}
