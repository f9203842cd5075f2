import type { KeyObject } from 'node:crypto';
import { CertmanError } from '../failures/failure.ts';
import { decodePrivateKey } from '../x509/private-key.ts';
import { SEAL_KEY_BYTES } from './seals.ts';

/** Hosts of Let's Encrypt's directories and account URLs (letsencrypt.org/docs/acme-protocol-updates). */
const LETS_ENCRYPT_HOSTS = ['acme-v02.api.letsencrypt.org', 'acme-staging-v02.api.letsencrypt.org'];

/** Content of the account Secret; white space around both values is allowed. */
export interface StoredAccount {
  readonly privateKeyPem: string;
  readonly accountUrl: string;
  /** PEM: the key of a rollover that is not complete (RFC 8555 §7.3.5); the CA knows one of the two. */
  readonly nextPrivateKeyPem?: string | undefined;
  /** base64url: the key of the seals, which the first rollover has kept. */
  readonly sealKey?: string | undefined;
}

/** An account at a CA (RFC 8555 §7.1.2), with its key. */
export interface AcmeAccount {
  readonly key: KeyObject;
  /** Of the seals, where a rollover has kept it. */
  readonly sealKey?: Buffer | undefined;
  /** `kid` of every signed request (RFC 8555 §6.2). */
  readonly url: string;
  readonly directoryUrl: string;
}

/** Parses the account Secret. @throws CertmanError `acme/accountInvalid`, which never quotes the key. */
export function parseAccount(stored: StoredAccount, configuredDirectoryUrl?: string): AcmeAccount {
  const url = parseAccountUrl(stored.accountUrl);
  return {
    key: parseAccountKey(stored.privateKeyPem),
    sealKey: stored.sealKey === undefined ? undefined : parseSealKey(stored.sealKey),
    url: url.href,
    directoryUrl: configuredDirectoryUrl ?? directoryUrlOf(url),
  };
}

function parseAccountUrl(text: string): URL {
  const trimmed = text.trim();
  const url = URL.canParse(trimmed) ? new URL(trimmed) : undefined;
  if (url?.protocol !== 'https:' || url.username !== '' || url.password !== '' || url.pathname === '/') {
    throw accountInvalidError(
      `its account URL is ${trimmed === '' ? 'empty' : `"${trimmed.slice(0, 200)}"`}`,
      'an https URL such as https://acme-v02.api.letsencrypt.org/acme/acct/123',
    );
  }
  return url;
}

function parseSealKey(text: string): Buffer {
  const key = Buffer.from(text.trim(), 'base64url');
  if (key.length === SEAL_KEY_BYTES) return key;
  throw accountInvalidError('its seal key is not readable', `${SEAL_KEY_BYTES} bytes in base64url`);
}

function directoryUrlOf({ host }: URL): string {
  if (LETS_ENCRYPT_HOSTS.includes(host)) return `https://${host}/directory`;
  throw accountInvalidError(
    `its account URL is at ${host}, whose ACME directory is not known`,
    `an account at ${LETS_ENCRYPT_HOSTS.join(' or ')}, or the CA's directory URL in the configuration`,
  );
}

const CURVES = new Set(['prime256v1', 'secp384r1']);

/** Parses an account key. @throws CertmanError as {@link parseAccount}. */
export function parseAccountKey(pem: string): KeyObject {
  const label = /-----BEGIN ((?:RSA |EC )?PRIVATE KEY)-----/.exec(pem)?.[1];
  if (label === undefined) {
    const other = /-----BEGIN ([A-Z0-9 ]{1,40})-----/.exec(pem)?.[1];
    if (other !== undefined) throw keyInvalidError(`is a PEM of type ${other}`);
    throw keyInvalidError(pem.trim() === '' ? 'is empty' : 'is not PEM');
  }
  const block = new RegExp(`-----BEGIN ${label}-----[\\s\\S]*?-----END ${label}-----`).exec(pem)?.[0];
  if (block === undefined) throw keyInvalidError(`has no end line (PEM of type ${label})`);
  if (/^Proc-Type:.*ENCRYPTED/m.test(block)) throw keyInvalidError('is encrypted with a passphrase');
  const key = decodeKey(block, label);
  const { modulusLength = 0, namedCurve = 'unknown' } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === 'rsa') {
    if (modulusLength >= 2048) return key;
    throw keyInvalidError(`is RSA of ${modulusLength} bits`);
  }
  if (CURVES.has(namedCurve)) return key;
  throw keyInvalidError(`is EC on the curve ${namedCurve}`);
}

function decodeKey(block: string, label: string): KeyObject {
  const { key, why } = decodePrivateKey(block);
  if (key !== undefined) return key;
  throw keyInvalidError(`${why} (PEM of type ${label})`);
}

function accountInvalidError(found: string, expected: string): CertmanError {
  return new CertmanError({
    code: 'acme/accountInvalid',
    message: `The ACME account Secret cannot be used: ${found}; expected ${expected}.`,
    remedy: 'Correct the ACME account Secret; certman retries by itself.',
  });
}

function keyInvalidError(found: string): CertmanError {
  return accountInvalidError(
    `its key ${found}`,
    'a PEM private key (PKCS#1 RSA, SEC1 EC or PKCS#8), RSA of at least 2048 bits or EC on P-256 or P-384',
  );
}
