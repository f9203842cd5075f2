import { generateKeyPairSync } from 'node:crypto';
import type { StoredAccount } from '../../../src/acme/account.ts';
import type { AcmeClient } from '../../../src/acme/client.ts';
import { AcmeClientSource, type AcmeClientSourceOptions } from '../../../src/acme/client-source.ts';
import { registerAccount } from '../../../src/acme/register-account.ts';
import { AcmeTransport } from '../../../src/acme/transport.ts';

export function newAccountKey(): string {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' })
    .privateKey.export({ type: 'pkcs8', format: 'pem' })
    .toString();
}

/** Registers a new account at a CA. */
export async function newAccount(server: { directoryUrl: string; caPem: string }): Promise<StoredAccount> {
  const transport = new AcmeTransport({ caBundlePem: server.caPem, userAgent: 'certman/test' });
  const privateKeyPem = newAccountKey();
  try {
    const accountUrl = await registerAccount(transport, { ...server, privateKeyPem, termsAgreed: true });
    return { privateKeyPem, accountUrl };
  } finally {
    await transport.close();
  }
}

/** A client source as a worker creates it, with an account that a test may replace. */
export function caSource(
  server: { directoryUrl: string; caPem: string },
  account: { stored: StoredAccount },
  options: Partial<AcmeClientSourceOptions> = {},
): AcmeClientSource {
  return new AcmeClientSource({
    accounts: { account: () => Promise.resolve(account.stored), invalidate: () => undefined },
    directoryUrl: server.directoryUrl,
    caBundlePem: server.caPem,
    userAgent: 'certman/test',
    ...options,
  });
}

/** A client of the source. */
export function clientOf(source: AcmeClientSource): Promise<AcmeClient> {
  return source.withClient((ca) => Promise.resolve(ca));
}
