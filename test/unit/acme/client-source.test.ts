import { generateKeyPairSync } from 'node:crypto';
import { expect, test } from 'vitest';
import type { StoredAccount } from '../../../src/acme/account.ts';
import { AcmeClientSource } from '../../../src/acme/client-source.ts';

const accountUrl = 'https://ca.test/acct/1';

test('an account that cannot be used is read again by the next caller, of whatever kind', async () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const privateKeyPem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  let inSecret: StoredAccount = { privateKeyPem: 'not PEM', accountUrl };
  let cached: StoredAccount | undefined;
  const accounts = {
    account: () => Promise.resolve((cached ??= inSecret)),
    invalidate: () => {
      cached = undefined;
    },
  };
  const source = new AcmeClientSource({ accounts, directoryUrl: 'https://ca.test/directory', userAgent: 'test' });
  try {
    for (const look of [() => source.caHost(), () => source.sealsIfUsable()]) {
      inSecret = { privateKeyPem: 'not PEM', accountUrl };
      cached = undefined;
      expect(await look()).toBeUndefined();
      inSecret = { privateKeyPem, accountUrl };
      expect(await look()).toBeDefined();
    }
  } finally {
    await source.close();
  }
});
