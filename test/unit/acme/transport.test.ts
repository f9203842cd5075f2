import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { AcmeTransport } from '../../../src/acme/transport.ts';
import { selfSigned } from '../../support/certificates/self-signed.ts';

it('sends further requests on the connection of a request for a nonce', async () => {
  const { chainPem, keyPem } = selfSigned({
    dnsNames: ['localhost'],
    issuerCommonName: 'localhost',
    notAfter: new Date('2049-01-01T00:00:00Z'),
  });
  const ports = new Set<number | undefined>();
  const server = createServer({ cert: chainPem, key: keyPem }, (request, response) => {
    ports.add(request.socket.remotePort);
    response.setHeader('replay-nonce', 'nonce');
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, resolve));
  const { port } = server.address() as AddressInfo;
  const transport = new AcmeTransport({ userAgent: 'test', caBundlePem: chainPem });
  transport.trust(`https://localhost:${port}/directory`);
  try {
    const requests = 6;
    for (let count = 0; count < requests; count += 1) {
      const answer = await transport.send('HEAD', `https://localhost:${port}/nonce`, undefined);
      expect(answer.headers['replay-nonce']).toBe('nonce');
    }
    expect(ports.size).toBeLessThan(requests);
  } finally {
    await transport.close();
    server.close();
  }
});
