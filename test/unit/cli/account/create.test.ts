import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { createAccount } from '../../../../src/cli/account/create.ts';
import { selfSigned } from '../../../support/certificates/self-signed.ts';

afterEach(() => {
  vi.unstubAllEnvs();
});

function listen(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

it.each([
  [undefined, 0],
  ['127.0.0.0/8', 1],
])(
  'with CERTMAN_PRIVATE_NETWORKS %s, a private host that the CA names gets %i connections',
  async (networks, count) => {
    let connections = 0;
    const nonces = createServer((socket) => {
      connections += 1;
      socket.destroy();
    });
    const newNonce = `https://127.0.0.1:${await listen(nonces)}/`;
    const now = Date.now();
    const tls = selfSigned({
      dnsNames: ['localhost'],
      issuerCommonName: 'localhost',
      notBefore: new Date(now - 60_000),
      notAfter: new Date(now + 3_600_000),
    });
    const ca = createHttpsServer({ cert: tls.chainPem, key: tls.keyPem }, (_request, response) => {
      const directory = { newNonce, newAccount: newNonce, newOrder: newNonce, revokeCert: newNonce };
      response.setHeader('content-type', 'application/json').end(JSON.stringify(directory));
    });
    const directory = `https://localhost:${await listen(ca)}/directory`;
    const folder = mkdtempSync(join(tmpdir(), 'certman-create-'));
    const caBundle = join(folder, 'ca.pem');
    writeFileSync(caBundle, tls.chainPem);
    vi.stubEnv('CERTMAN_PRIVATE_NETWORKS', networks);
    try {
      await expect(createAccount({ directory, keyType: 'p-256', caBundle })).rejects.toMatchObject({
        code: 'acme/unreachable',
      });
      expect(connections).toBe(count);
    } finally {
      nonces.close();
      ca.closeAllConnections();
      ca.close();
      rmSync(folder, { recursive: true });
    }
  },
);
