import { createSecureServer, type ServerHttp2Stream } from 'node:http2';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import packet from 'dns-packet';
import { afterEach, expect, it } from 'vitest';
import { createDohConnections, dohResolver } from '../../../src/dns/doh-resolver.ts';
import type { TxtSource } from '../../../src/dns/txt-source.ts';
import { selfSigned } from '../../support/certificates/self-signed.ts';

const TIMEOUT_MS = 1_000;
const ends: (() => unknown)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, resolve));
  ends.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

async function answer(stream: ServerHttp2Stream): Promise<void> {
  const { questions } = packet.decode(Buffer.concat(await stream.toArray()));
  const answers = [{ type: 'TXT' as const, name: 'x.example.com', ttl: 5, data: 'value' }];
  stream.respond({ 'content-type': 'application/dns-message' });
  stream.end(packet.encode({ type: 'response', questions, answers }));
}

/** Over a relay, whose connections `cut` makes silent. @param streams that the first connection may have open. */
async function startResolver(streams: number): Promise<{ readonly resolver: TxtSource; readonly cut: () => void }> {
  const { chainPem, keyPem } = selfSigned({
    dnsNames: ['localhost'],
    issuerCommonName: 'localhost',
    notAfter: new Date('2049-01-01T00:00:00Z'),
  });
  const settings = { maxConcurrentStreams: streams };
  const server = createSecureServer({ cert: chainPem, key: keyPem, settings });
  let sessions = 0;
  server.on('session', (session) => {
    ends.push(() => session.destroy());
    if (++sessions > 1) session.settings({ maxConcurrentStreams: 100 });
  });
  server.on('stream', (stream) => void answer(stream));
  const port = await listen(server);
  const cuts: (() => void)[] = [];
  const relay = createServer((client) => {
    const upstream = connect(port);
    client.pipe(upstream).pipe(client);
    for (const socket of [client, upstream]) socket.on('error', () => undefined);
    ends.push(() => [client, upstream].map((socket) => socket.destroy()));
    cuts.push(() => client.unpipe(upstream).pause());
  });
  const url = `https://localhost:${await listen(relay)}`;
  const connections = createDohConnections({ ca: chainPem, timeoutMs: TIMEOUT_MS });
  ends.push(() => connections.destroy());
  return {
    resolver: dohResolver(url, connections, TIMEOUT_MS),
    cut: () => {
      for (const cut of cuts) cut();
    },
  };
}

const VALUE = { values: ['value'] };

it('replaces a connection on which the resolver accepts no query', async () => {
  const { resolver } = await startResolver(0);
  await expect.poll(() => resolver.queryTxt('x.example.com')).toMatchObject(VALUE);
});

it('replaces a connection that has fallen silent', async () => {
  const { resolver, cut } = await startResolver(100);
  await expect.poll(() => resolver.queryTxt('x.example.com')).toMatchObject(VALUE);
  cut();
  expect(await resolver.queryTxt('x.example.com')).toMatchObject({ kind: 'inconclusive' });
  await expect.poll(() => resolver.queryTxt('x.example.com')).toMatchObject(VALUE);
});
