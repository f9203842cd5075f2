import { createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { AddressLookupError } from '../../../src/dns/public-addresses.ts';
import { TlsProbe, type TlsProbeOptions } from '../../../src/tls-probe/tls-probe.ts';
import { serialNumberOf } from '../../../src/x509/certificate.ts';
import { IssuingCa } from '../../support/certificates/issuing-ca.ts';
import { startTlsServer, type TlsServer } from '../../support/certificates/tls-server.ts';
import { LOOPBACK } from '../../support/network.ts';

const never = new AbortController().signal;
const HOST = 'api.c1.example.com';

let ca: IssuingCa;
let server: TlsServer;

beforeAll(async () => {
  ca = await IssuingCa.create();
  server = await startTlsServer(await ca.issue({ serialHex: '05' }));
});
afterAll(() => server.close());

const loopback = () => Promise.resolve([{ address: '127.0.0.1', family: 4 }]);
const read = (port: number, options: Partial<TlsProbeOptions> = {}) =>
  new TlsProbe({ privateNetworks: [LOOPBACK], resolve: loopback, ...options }).read(HOST, port, never);

async function serialsAt(port: number): Promise<readonly string[]> {
  const found = await read(port);
  if (found.kind !== 'chain') throw new Error(found.why);
  return found.chain.map(serialNumberOf);
}

describe('a probe', () => {
  test('reads the chain as it is presented, asks for its host by name, and sends nothing', async () => {
    expect(await serialsAt(server.port)).toEqual(['5', '1']);
    await expect.poll(() => server.seen).toContain(HOST);
    expect(server.received()).toBe(0);
  });

  test('reads a chain without its intermediate as what it is', async () => {
    const { leafPem, keyPem } = await ca.issue({ serialHex: '06' });
    const bare = await startTlsServer({ chainPem: leafPem, keyPem });
    onTestFinished(() => bare.close());
    expect(await serialsAt(bare.port)).toEqual(['6']);
  });

  test('reads anew each time: no session is resumed', async () => {
    const changing = await startTlsServer(await ca.issue({ serialHex: '07' }));
    onTestFinished(() => changing.close());
    const probe = new TlsProbe({ privateNetworks: [LOOPBACK], resolve: loopback });
    const serial = async () => {
      const found = await probe.read(HOST, changing.port, never);
      return found.kind === 'chain' ? found.chain.map(serialNumberOf)[0] : found.why;
    };
    expect(await serial()).toBe('7');
    changing.present(await ca.issue({ serialHex: '08' }));
    expect(await serial()).toBe('8');
  });

  test('connects to no address that is not public', async () => {
    expect(await read(server.port, { privateNetworks: [] })).toEqual({
      kind: 'notPublic',
      why: `${HOST} has no public address (127.0.0.1)`,
    });
  });

  test.each([
    ['ENOTFOUND', 'notPublic'],
    ['EAI_AGAIN', 'unreachable'],
  ] as const)('says why there is no address (%s)', async (code, kind) => {
    const resolve = () => Promise.reject(new AddressLookupError(code, 'there is none'));
    expect(await read(server.port, { resolve })).toEqual({ kind, why: 'there is none' });
  });

  test('names the error of a connection that is refused', async () => {
    const closed = await startTlsServer(await ca.issue({ serialHex: '09' }));
    await closed.close();
    expect(await read(closed.port)).toEqual({ kind: 'unreachable', why: 'ECONNREFUSED' });
  });

  test.each([
    ['never answers', () => undefined],
    ['is no TLS server', (socket: { end(text: string): void }) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')],
  ])('ends where the server %s', async (_what, onConnection) => {
    const plain = createServer(onConnection);
    await new Promise<void>((resolve) => {
      plain.listen(0, '127.0.0.1', resolve);
    });
    onTestFinished(() => void plain.close());
    const address = plain.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    expect(await read(port, { timeoutMs: 300 })).toMatchObject({ kind: 'unreachable' });
  });

  test('ends where no resolver ever answers, and with its signal', async () => {
    const resolve = () => new Promise<never>(() => undefined);
    expect(await read(server.port, { resolve, timeoutMs: 50 })).toMatchObject({ kind: 'unreachable' });
    const stop = new AbortController();
    const probing = new TlsProbe({ resolve }).read(HOST, server.port, stop.signal);
    stop.abort(new Error('stopped'));
    await expect(probing).rejects.toThrow('stopped');
  });
});
