import { generateKeyPairSync } from 'node:crypto';
import { expect, it } from 'vitest';
import { createSession } from '../../../src/acme/session.ts';
import { sendSigned } from '../../../src/acme/signed-request.ts';
import type { AcmeTransport, TransportResponse } from '../../../src/acme/transport.ts';

const BAD_NONCE = { status: 400, data: { type: 'urn:ietf:params:acme:error:badNonce' } };

/** Sends one request. @returns the nonces that it was signed with, of answers in turn. */
async function noncesOf(answers: readonly TransportResponse[], pooled: readonly string[]): Promise<string[]> {
  const nonces: string[] = [];
  const send = (_method: string, _url: string, body: string) => {
    const { protected: header } = JSON.parse(body) as { protected: string };
    nonces.push(JSON.parse(Buffer.from(header, 'base64url').toString()).nonce);
    return Promise.resolve(answers[nonces.length - 1]);
  };
  const { privateKey: key } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const account = { key, url: 'https://ca.example/account', directoryUrl: 'https://ca.example/dir' };
  const session = createSession(account, { send, trust: () => undefined } as unknown as AcmeTransport);
  for (const nonce of pooled) session.nonces.put(nonce);
  await sendSigned(session, { url: 'https://ca.example/order', payload: {}, kid: account.url }, undefined);
  return nonces;
}

it('uses the nonce of a badNonce answer, else an earlier one', async () => {
  const done = { status: 200, headers: {}, data: {} };
  const withNonce = { ...BAD_NONCE, headers: { 'replay-nonce': 'fresh' } };
  expect(await noncesOf([withNonce, done], ['earlier', 'newest'])).toEqual(['newest', 'fresh']);
  for (const headers of [{}, { 'replay-nonce': '' }]) {
    expect(await noncesOf([{ ...BAD_NONCE, headers }, done], ['earlier', 'newest'])).toEqual(['newest', 'earlier']);
  }
});
