import { getEventListeners } from 'node:events';
import { createSecureServer, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { KubeConfig } from '@kubernetes/client-node';
import { afterEach, expect, it } from 'vitest';
import { Transport } from '../../../../src/kubernetes/api/transport.ts';
import { selfSigned } from '../../../support/certificates/self-signed.ts';

const ends: (() => unknown)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

/** A server of HTTP/2 and HTTP/1.1, as an API server is. */
async function startServer(
  answer: (request: Http2ServerRequest, response: Http2ServerResponse) => void,
): Promise<Transport> {
  const { chainPem, keyPem } = selfSigned({
    dnsNames: ['localhost'],
    issuerCommonName: 'localhost',
    notAfter: new Date('2049-01-01T00:00:00Z'),
  });
  const server = createSecureServer({ cert: chainPem, key: keyPem, allowHTTP1: true }, answer);
  await new Promise<void>((resolve) => server.listen(0, resolve));
  ends.push(() => server.close());
  const kubeConfig = new KubeConfig();
  const url = `https://localhost:${(server.address() as AddressInfo).port}`;
  kubeConfig.loadFromClusterAndUser(
    { name: 'server', server: url, caData: Buffer.from(chainPem).toString('base64'), skipTLSVerify: false },
    { name: 'user', token: 'token' },
  );
  const transport = new Transport(kubeConfig);
  ends.push(() => transport.close());
  return transport;
}

it('sends requests by HTTP/1.1 to a server that prefers HTTP/2', async () => {
  const transport = await startServer((request, response) => response.end(request.httpVersion));
  expect(await transport.send({ method: 'GET', path: '/' })).toMatchObject({ status: 200, text: '1.1' });
});

it('sends further requests on the connection of a deletion with preconditions', async () => {
  const ports = new Set<number | undefined>();
  const transport = await startServer((request, response) => {
    ports.add(request.socket.remotePort);
    request.resume();
    response.end('{}');
  });
  const body = JSON.stringify({ kind: 'DeleteOptions', preconditions: { uid: 'one' } });
  const deletions = 6;
  for (let count = 0; count < deletions; count += 1) {
    await transport.send({ method: 'DELETE', path: '/one', contentType: 'application/json', body });
  }
  expect(ports.size).toBeLessThan(deletions);
});

it('ends a request that has no answer in time, and says so', async () => {
  const transport = await startServer(() => undefined);
  await expect(transport.send({ method: 'GET', path: '/', timeoutMs: 20 })).rejects.toMatchObject({
    code: 'kubernetes/unreachable',
    message: expect.stringContaining('no answer within 0.02 s') as string,
  });
});

it('throws the reason of its signal, and leaves nothing at it', async () => {
  const abort = new AbortController();
  const reason = new Error('the activity is cancelled');
  const transport = await startServer(() => abort.abort(reason));
  await expect(transport.send({ method: 'GET', path: '/', signal: abort.signal })).rejects.toBe(reason);
  expect(getEventListeners(abort.signal, 'abort')).toHaveLength(0);
});
