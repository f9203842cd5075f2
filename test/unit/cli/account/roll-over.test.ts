/** What happens to the Secret while the CA is asked, and a CA that refuses; key-rollover.test.ts has the rest on a real CA. */
import { generateKeyPairSync } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import { parseAccountKey } from '../../../../src/acme/account.ts';
import { AcmeClient } from '../../../../src/acme/client.ts';
import { deriveSealKey } from '../../../../src/acme/seals.ts';
import { createSession } from '../../../../src/acme/session.ts';
import { Signer } from '../../../../src/acme/signer.ts';
import type { AcmeTransport, TransportResponse } from '../../../../src/acme/transport.ts';
import { rollOver } from '../../../../src/cli/account/roll-over.ts';
import { CertmanError } from '../../../../src/failures/failure.ts';
import type { JsonPatchOperation, KubernetesApi } from '../../../../src/kubernetes/api/kubernetes-api.ts';

const CA = 'https://ca.example';
const ACCOUNT_URL = `${CA}/acct/1`;
const PROBLEM = 'urn:ietf:params:acme:error:';

function newKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString().trim();
}

const thumbprintOf = (pem: string): string => new Signer(parseAccountKey(pem)).thumbprint;

let oldKey: string;
let nextKey: string;
/** Of the account Secret, as texts. */
let secret: Record<string, string | undefined>;
let version: number;
/** The key that the CA accepts. */
let keyAtCa: string;
let offersKeyChange: boolean;
let refusal: TransportResponse | undefined;
/** What another client does to the Secret once the CA has the next key. */
let meanwhile: () => void;
beforeEach(() => {
  [oldKey, nextKey] = [newKey(), newKey()];
  secret = { 'private-key': oldKey, 'account-url': ACCOUNT_URL };
  version = 1;
  keyAtCa = thumbprintOf(oldKey);
  offersKeyChange = true;
  refusal = undefined;
  meanwhile = () => undefined;
});

function change(entries: Record<string, string | undefined>): void {
  Object.assign(secret, entries);
  version += 1;
}

/** Conflicts as the API server does. */
const kubernetes = {
  get: () => {
    const data = Object.entries(secret).flatMap(([entry, text]) =>
      text === undefined ? [] : [[entry, Buffer.from(text).toString('base64')]],
    );
    return Promise.resolve({ metadata: { resourceVersion: `${version}` }, data: Object.fromEntries(data) as unknown });
  },
  patch: (_resource: unknown, _key: unknown, [test, ...operations]: readonly JsonPatchOperation[]) => {
    if (test?.op !== 'test' || test.value !== `${version}`) {
      return Promise.reject(new CertmanError({ code: 'kubernetes/conflict', message: 'changed' }));
    }
    for (const operation of operations) {
      const text = operation.op === 'add' ? Buffer.from(String(operation.value), 'base64').toString() : undefined;
      change({ [operation.path.replace('/data/', '')]: text });
    }
    return Promise.resolve({ metadata: {} });
  },
} as unknown as KubernetesApi;

const decode = (text: string) => JSON.parse(Buffer.from(text, 'base64url').toString()) as Record<string, unknown>;

/** Knows one key, and looks at no signature. */
function answer(method: string, url: string, body: string | undefined): TransportResponse {
  const headers = { 'replay-nonce': 'nonce' };
  if (method === 'GET') {
    const keyChange = offersKeyChange ? { keyChange: `${CA}/key-change` } : {};
    const urls = { newNonce: `${CA}/nonce`, newAccount: `${CA}/new-acct`, newOrder: `${CA}/o`, revokeCert: `${CA}/r` };
    return { status: 200, headers, data: { ...urls, ...keyChange } };
  }
  if (method === 'HEAD') return { status: 200, headers, data: '' };
  const jws = JSON.parse(body ?? '') as { readonly protected: string; readonly payload: string };
  if (url === `${CA}/new-acct`) {
    const { jwk } = decode(jws.protected) as { readonly jwk: object };
    const key = [oldKey, nextKey].find(
      (pem) => JSON.stringify(new Signer(parseAccountKey(pem)).jwk) === JSON.stringify(jwk),
    );
    if (key !== undefined && thumbprintOf(key) === keyAtCa) {
      return { status: 200, headers: { ...headers, location: ACCOUNT_URL }, data: { status: 'valid' } };
    }
    return { status: 400, headers, data: { type: `${PROBLEM}accountDoesNotExist`, detail: 'no such account' } };
  }
  if (refusal !== undefined) return { ...refusal, headers };
  keyAtCa = thumbprintOf(nextKey);
  meanwhile();
  return { status: 200, headers, data: {} };
}

function run(): Promise<string> {
  const send = (method: string, url: string, body?: string) => Promise.resolve(answer(method, url, body));
  const transport = { send, trust: () => undefined } as unknown as AcmeTransport;
  const account = { key: parseAccountKey(oldKey), url: ACCOUNT_URL, directoryUrl: `${CA}/dir` };
  const ca = new AcmeClient(createSession(account, transport));
  return rollOver({
    kubernetes,
    namespace: 'certman',
    secretName: 'lets-encrypt-account',
    ca,
    makeKey: () => Promise.resolve(nextKey),
  });
}

const sealKey = () => deriveSealKey(parseAccountKey(oldKey)).toString('base64url');

/** The Secret has the key that the CA knows, and the key of the seals that were made before. */
function expectRolledOver(): void {
  expect(keyAtCa).toBe(thumbprintOf(nextKey));
  expect(secret['private-key']?.trim()).toBe(nextKey);
  expect(secret['seal-key']).toBe(sealKey());
  expect(secret['next-private-key']).toBeUndefined();
}

describe('the key that the CA has is stored', () => {
  it.each([
    ['another entry was added', () => change({ note: 'mine' })],
    [
      'the Secret was applied again as it was before',
      () => change({ 'next-private-key': undefined, 'seal-key': undefined }),
    ],
    ['another run has completed the rollover', () => change({ 'private-key': nextKey, 'next-private-key': undefined })],
  ])('when meanwhile %s', async (_what, done) => {
    meanwhile = done;
    expect(await run()).toBe(thumbprintOf(nextKey));
    expectRolledOver();
  });

  it('but does not replace another account', async () => {
    const other = newKey();
    meanwhile = () => change({ 'private-key': other, 'account-url': `${CA}/acct/2`, 'next-private-key': undefined });
    await expect(run()).rejects.toMatchObject({ code: 'kubernetes/conflict' });
    expect(secret).toMatchObject({ 'private-key': other, 'account-url': `${CA}/acct/2` });
  });
});

describe('a CA that refuses', () => {
  it('because it changes no keys leaves the Secret as it is', async () => {
    offersKeyChange = false;
    const before = { ...secret };
    await expect(run()).rejects.toMatchObject({ code: 'configuration/invalid' });
    expect(secret).toEqual(before);
  });

  it('the key leaves no rollover that can never be completed', async () => {
    refusal = { status: 400, headers: {}, data: { type: `${PROBLEM}badPublicKey`, detail: 'no such curve' } };
    await expect(run()).rejects.toMatchObject({ code: 'acme/badCsr' });
    expect(secret).toMatchObject({ 'private-key': oldKey, 'next-private-key': undefined });
  });

  it.each([
    ['for now', { status: 429, headers: {}, data: { type: `${PROBLEM}rateLimited` } }],
    ['by what stands between', { status: 403, headers: {}, data: '<html>Forbidden</html>' }],
  ])('%s leaves the key, with which the next run goes on', async (_how, answered) => {
    refusal = answered;
    await expect(run()).rejects.toThrow();
    expect(secret['next-private-key']?.trim()).toBe(nextKey);
    refusal = undefined;
    await run();
    expectRolledOver();
  });
});
