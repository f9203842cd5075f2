/** The search of the secrecy test must find what is hidden, or its silence says nothing. */
import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { findSecrets, privateKeyPatterns, secretPattern, textOf } from '../../support/e2e/find-secrets.ts';

describe('the search', () => {
  const pem = generateKeyPairSync('rsa', { modulusLength: 2048 })
    .privateKey.export({ type: 'pkcs8', format: 'pem' })
    .toString();
  const needles = privateKeyPatterns('key', pem);
  const der = Buffer.from(pem.replaceAll(/-----.*-----|\s/g, ''), 'base64');
  const line = pem.split('\n')[9] ?? '';

  const hidden: readonly (readonly [string, string])[] = [
    ['as it is', pem],
    ['in JSON', JSON.stringify({ key: pem })],
    ['twice in JSON', JSON.stringify(JSON.stringify({ key: pem }))],
    ['by one line', `… ${line} …`],
    ['without line ends', pem.replaceAll('\n', '')],
    ['as base64', Buffer.from(pem).toString('base64')],
    ['as base64 after another byte', Buffer.from(`x${pem}`).toString('base64')],
    ['as base64 after two other bytes', Buffer.from(`xy${pem}`).toString('base64')],
    ['as base64url of DER after another byte', Buffer.concat([Buffer.from('x'), der]).toString('base64url')],
    ['as hexadecimal', der.toString('hex')],
    ['as a JSON Web Key', JSON.stringify(createPrivateKey(pem).export({ format: 'jwk' }))],
    ['as a Buffer in JSON', JSON.stringify(der)],
  ];
  it.each(hidden)('finds a key %s', (_how, text) => {
    expect(findSecrets([{ where: 'there', text }], needles).length).toBeGreaterThan(0);
  });

  it('finds an EC key by its private number', () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const wanted = privateKeyPatterns('key', privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
    const { d = '' } = privateKey.export({ format: 'jwk' });
    expect(findSecrets([{ where: 'there', text: Buffer.from(d, 'base64url').toString('hex') }], wanted)).toEqual([
      'key, d in there',
    ]);
  });

  it('finds a token in a nested payload', () => {
    const token = 'eyJhbGciOiJSUzI1NiIsImtpZCI6Ing';
    const text = textOf({ events: [{ payloads: [{ data: Buffer.from(JSON.stringify({ token })) }] }] });
    expect(findSecrets([{ where: 'there', text }], [secretPattern('token', token)])).toEqual(['token in there']);
  });

  it('finds nothing in text without secrets', () => {
    expect(findSecrets([{ where: 'there', text: newText() }], needles)).toEqual([]);
  });
});

function newText(): string {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}
