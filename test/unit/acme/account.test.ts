import { createPublicKey, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import HttpClient from 'acme-client/src/http.js';
import { describe, expect, it } from 'vitest';
import { parseAccount, parseAccountKey } from '../../../src/acme/account.ts';
import { CertmanError } from '../../../src/failures/failure.ts';

const ACCOUNT_URL = 'https://acme-v02.api.letsencrypt.org/acme/acct/123';
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
const pem = (key: KeyObject, type: 'pkcs1' | 'sec1' | 'pkcs8'): string =>
  key.export({ type, format: 'pem' }).toString();

/** The public key as signed requests and thumbprints have it. */
const publicJwk = (key: KeyObject) => new HttpClient('', key).getJwk();

function refusal(work: () => unknown): CertmanError {
  try {
    work();
  } catch (error) {
    if (error instanceof CertmanError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('the account key', () => {
  it.each([
    ['PKCS#1 RSA', pem(rsa, 'pkcs1'), rsa],
    ['PKCS#8 RSA', pem(rsa, 'pkcs8'), rsa],
    ['SEC1 EC', pem(ec, 'sec1'), ec],
    ['PKCS#8 EC', pem(ec, 'pkcs8'), ec],
    [
      'SEC1 EC after its parameters',
      `-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n${pem(ec, 'sec1')}`,
      ec,
    ],
    ['a key with white space around it', `\n  ${pem(ec, 'pkcs8')}\n\n`, ec],
  ])('may be %s', (_form, text, key) => {
    expect(publicJwk(parseAccountKey(text))).toEqual(publicJwk(key));
  });

  const small = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey;
  const p521 = generateKeyPairSync('ec', { namedCurve: 'P-521' }).privateKey;
  const ed25519 = generateKeyPairSync('ed25519').privateKey;
  const encrypted = ec.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' }).toString();
  const oldEncrypted = rsa.export({ type: 'pkcs1', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' }).toString();
  it.each([
    ['', 'empty'],
    ['MHcCAQEEIHbase64withoutarmour', 'not PEM'],
    [createPublicKey(ec).export({ type: 'spki', format: 'pem' }).toString(), 'PUBLIC KEY'],
    [encrypted, 'ENCRYPTED PRIVATE KEY'],
    [oldEncrypted, 'passphrase'],
    [pem(ec, 'pkcs8').slice(0, 80), 'no end line'],
    ['-----BEGIN PRIVATE KEY-----\nbm90IGEga2V5\n-----END PRIVATE KEY-----', 'cannot be decoded'],
    [pem(small, 'pkcs8'), '1024 bits'],
    [pem(p521, 'pkcs8'), 'secp521r1'],
    [pem(ed25519, 'pkcs8'), 'RSA or EC'],
  ])('is rejected with what was found instead (%#)', (text, found) => {
    const error = refusal(() => parseAccountKey(text));
    expect(error.code).toBe('acme/accountInvalid');
    expect(error.message).toContain(found);
  });

  it('is never quoted in an error', () => {
    const broken = pem(rsa, 'pkcs8').replace('MII', 'AAA');
    const error = refusal(() => parseAccountKey(broken));
    for (const line of broken.split('\n').slice(1, -2)) {
      expect(`${error.message}${error.stack}${String(error.cause)}`).not.toContain(line);
    }
  });

  it('is exported as a JWK with the required members in the order of RFC 7638', () => {
    expect(Object.keys(publicJwk(rsa))).toEqual(['e', 'kty', 'n']);
    expect(Object.keys(publicJwk(ec))).toEqual(['crv', 'kty', 'x', 'y']);
  });
});

describe('the key of the seals', () => {
  const stored = { privateKeyPem: pem(ec, 'pkcs8'), accountUrl: ACCOUNT_URL };

  it('is that of the Secret, where a rollover has kept one', () => {
    const key = randomBytes(32);
    expect(parseAccount({ ...stored, sealKey: `${key.toString('base64url')}\n` }).sealKey).toEqual(key);
    expect(parseAccount(stored).sealKey).toBeUndefined();
  });

  it.each(['', 'AAAA', '!'.repeat(43)])('that cannot be read is an error that does not quote it: %j', (sealKey) => {
    const error = refusal(() => parseAccount({ ...stored, sealKey }));
    expect(error.message).toBe(
      'The ACME account Secret cannot be used: its seal key is not readable; expected 32 bytes in base64url.',
    );
  });
});

it('a next key that cannot be read does not matter while the present one is accepted', () => {
  const stored = { privateKeyPem: pem(ec, 'pkcs8'), accountUrl: ACCOUNT_URL };
  expect(parseAccount({ ...stored, nextPrivateKeyPem: 'broken' }).url).toBe(ACCOUNT_URL);
});

describe('the account URL', () => {
  const privateKeyPem = pem(ec, 'pkcs8');

  it.each([
    ['https://acme-v02.api.letsencrypt.org/acme/acct/123\n', 'https://acme-v02.api.letsencrypt.org/directory'],
    [
      ' https://acme-staging-v02.api.letsencrypt.org/acme/acct/5',
      'https://acme-staging-v02.api.letsencrypt.org/directory',
    ],
  ])('determines the directory by its host: %j', (accountUrl, directoryUrl) => {
    expect(parseAccount({ privateKeyPem, accountUrl }).directoryUrl).toBe(directoryUrl);
  });

  it('is trimmed', () => {
    expect(parseAccount({ privateKeyPem, accountUrl: `${ACCOUNT_URL}\n\n` }).url).toBe(ACCOUNT_URL);
  });

  it('does not determine the directory when one is configured', () => {
    const account = parseAccount({ privateKeyPem, accountUrl: 'https://ca.example/acct/1' }, 'https://ca.example/dir');
    expect(account.directoryUrl).toBe('https://ca.example/dir');
  });

  it.each([
    ['', 'empty'],
    ['123456', '"123456"'],
    ['https://acme-v02.api.letsencrypt.org', 'letsencrypt.org"'],
    ['mailto:ops@example.com', 'mailto'],
    ['https://ca.example/acct/1', 'whose ACME directory is not known'],
  ])('is rejected with what was found: %j', (accountUrl, found) => {
    const error = refusal(() => parseAccount({ privateKeyPem, accountUrl }));
    expect(error.code).toBe('acme/accountInvalid');
    expect(error.message).toContain(found);
  });
});
