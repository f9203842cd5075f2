import type { ExternalAccount } from '../../acme/signer.ts';
import { CertmanError } from '../../failures/failure.ts';
import { SECRETS } from '../../kubernetes/objects/resources.ts';
import { readSecretText } from '../../kubernetes/objects/secret-data.ts';
import type { KubeConnection } from '../kubectl-options.ts';
import { withKubernetes } from '../kubernetes-client.ts';

const KEY_ID_ENTRY = 'key-id';
const HMAC_KEY_ENTRY = 'hmac-key';

/** Reads what binds a new account (RFC 8555 §7.3.4) from a Secret. @throws CertmanError that never quotes the key. */
export async function readExternalAccount(
  key: { readonly namespace: string; readonly name: string },
  connection: KubeConnection = {},
): Promise<ExternalAccount> {
  const where = `Secret ${key.namespace}/${key.name}`;
  const unusable = (why: string): CertmanError =>
    new CertmanError({
      code: 'configuration/invalid',
      message: `The external account cannot be used: ${where} ${why}.`,
      remedy: `Create it: kubectl create secret generic ${key.name} -n ${key.namespace} --from-literal=${KEY_ID_ENTRY}=<key id> --from-file=${HMAC_KEY_ENTRY}=<file>`,
    });
  const secret = await withKubernetes((kubernetes) => kubernetes.get(SECRETS, key), connection);
  if (secret === undefined) throw unusable('does not exist');
  const read = (entry: string): string => {
    const value = readSecretText(secret['data'], entry);
    const text = value.text?.trim() ?? '';
    if (text === '')
      throw unusable(value.kind === 'text' ? `has an empty ${entry}` : `has no usable entry: ${value.why}`);
    return text;
  };
  const [keyId, hmacKey] = [read(KEY_ID_ENTRY), read(HMAC_KEY_ENTRY)];
  if (keyId.length > 1_000) throw unusable(`has a ${KEY_ID_ENTRY} that is too long`);
  // base64 too: some CAs state it so.
  if (!/^[A-Za-z0-9_+/-]{16,}={0,2}$/.test(hmacKey)) throw unusable(`has an ${HMAC_KEY_ENTRY} that is not base64url`);
  return { keyId, hmacKey };
}
