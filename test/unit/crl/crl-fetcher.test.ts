import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { CrlFetcher, type CrlFetcherOptions } from '../../../src/crl/crl-fetcher.ts';
import { type CrlHandler, type CrlServer, startCrlServer } from '../../support/certificates/crl-server.ts';
import { IssuingCa } from '../../support/certificates/issuing-ca.ts';
import { LOOPBACK } from '../../support/network.ts';
import { expectAfter, timed } from '../../support/vitest/timed.ts';

const never = new AbortController().signal;

let ca: IssuingCa;
let server: CrlServer;
let der: Buffer;
const sources: CrlFetcher[] = [];

beforeAll(async () => {
  ca = await IssuingCa.create();
  der = await ca.crl({ serials: ['05'] });
  server = await startCrlServer();
});
afterEach(() => Promise.all(sources.splice(0).map((source) => source.close())));
afterAll(() => server.close());

function sourceOf(options: Partial<CrlFetcherOptions> = {}): CrlFetcher {
  const source = new CrlFetcher({ userAgent: 'certman/test', privateNetworks: [LOOPBACK], ...options });
  sources.push(source);
  return source;
}

const from = (path: string, options = {}) => sourceOf(options).fetch(server.url + path, never);

describe('a CRL', () => {
  test('is fetched and parsed, with its max-age', async () => {
    server.put('/1.crl', der, { 'cache-control': 'public, max-age=3600, s-maxage=7' });
    const { crl, maxAgeMs } = await from('/1.crl');
    expect([...crl.revokedAmong(['5', '6'])]).toEqual(['5']);
    expect(maxAgeMs).toBe(3_600_000);
  });

  test.each([undefined, 'no-store', 'max-age=soon'])('has no max-age with Cache-Control %s', async (value) => {
    server.put('/2.crl', der, value === undefined ? {} : { 'cache-control': value });
    expect(await from('/2.crl')).not.toHaveProperty('maxAgeMs');
  });

  test('of exactly the maximum size is accepted', async () => {
    server.put('/exact.crl', der);
    expect(await from('/exact.crl', { maxBytes: der.length })).toHaveProperty('crl');
  });
});

describe('an unusable answer', () => {
  const page: CrlHandler = (response) => response.writeHead(200).end('<html>secret of the inside</html>');
  test.each<[string, CrlHandler]>([
    ['that is a page', page],
    ['that is empty', (response) => response.writeHead(200).end()],
    ['of 404', (response) => response.writeHead(404).end()],
    ['of 304', (response) => response.writeHead(304).end()],
  ])('%s', async (_what, answer) => {
    server.put('/odd.crl', answer);
    await expect(from('/odd.crl')).rejects.toMatchObject({ code: 'crl/unusable' });
  });

  test('is not quoted, and no redirect is followed', async () => {
    server.put('/page.crl', page);
    server.put('/redirect.crl', (response) => response.writeHead(302, { location: `${server.url}/page.crl` }).end());
    await expect(from('/page.crl')).rejects.toThrow(/^(?!.*secret)/);
    const before = server.seen.length;
    await expect(from('/redirect.crl')).rejects.toThrow('HTTP 302');
    expect(server.seen.slice(before)).toEqual(['/redirect.crl']);
  });

  test.each([
    [
      'says its size',
      (bytes: Buffer): CrlHandler =>
        (response) =>
          response.writeHead(200).end(bytes),
    ],
    [
      'does not',
      (bytes: Buffer): CrlHandler =>
        (response) => {
          response.writeHead(200).write(bytes);
          response.end();
        },
    ],
  ])('is too large: it %s', async (_what, answer) => {
    server.put('/large.crl', answer(Buffer.alloc(1_100_000)));
    await expect(from('/large.crl', { maxBytes: 1024 * 1024 })).rejects.toMatchObject({
      code: 'crl/unusable',
      message: expect.stringContaining('larger than 1 MiB'),
    });
  });
});

describe('an unreachable server', () => {
  test.each([429, 503])('that answers %i, with its Retry-After', async (status) => {
    server.put('/busy.crl', (response) => response.writeHead(status, { 'retry-after': '120' }).end());
    const attempt = await timed(() => from('/busy.crl').catch((error: unknown) => error));
    const failure = attempt.value;
    expect(failure).toMatchObject({ code: 'crl/unreachable', info: { retry: 'transient' } });
    const { notBefore } = (failure as { info: { notBefore: string } }).info;
    expectAfter(attempt, notBefore, 120_000);
  });

  test('that closes the connection within a CRL', async () => {
    server.put('/cut.crl', (response) => {
      response.writeHead(200, { 'content-length': String(der.length) }).write(der.subarray(0, 20));
      setTimeout(() => response.destroy(), 50);
    });
    await expect(from('/cut.crl')).rejects.toMatchObject({ code: 'crl/unreachable' });
  });

  test('that never finishes a CRL', async () => {
    server.put('/slow.crl', (response) => {
      response.writeHead(200).write(der.subarray(0, 20));
      const drip = setInterval(() => response.write(Buffer.alloc(1)), 20);
      response.on('close', () => clearInterval(drip));
    });
    await expect(from('/slow.crl', { timeoutMs: 300 })).rejects.toThrow('no whole answer within 0.3 s');
  });

  test('that does not listen', async () => {
    const gone = await startCrlServer();
    await gone.close();
    await expect(sourceOf().fetch(`${gone.url}/1.crl`, never)).rejects.toThrow(/cannot be fetched: ECONNREFUSED/);
  });
});

test('a cancelled fetch throws the reason of the cancellation', async () => {
  server.put('/hanging.crl', (response) => response.writeHead(200).write('x'));
  const abort = new AbortController();
  const fetching = sourceOf().fetch(`${server.url}/hanging.crl`, abort.signal);
  setTimeout(() => abort.abort(new Error('the watch ends')), 50);
  await expect(fetching).rejects.toThrow('the watch ends');
});

describe('an address that is not public', () => {
  const port = (): string => new URL(server.url).port;
  const addressOf: Record<string, string> = { 'inside.example': '127.0.0.1', 'mapped.example': '::ffff:127.0.0.1' };
  const resolve = (host: string) => {
    const address = addressOf[host] ?? '192.168.0.1';
    return Promise.resolve([{ address, family: address.includes(':') ? 6 : 4 }]);
  };

  test.each(['127.0.0.1', '2130706433', '0x7f.1', '[::ffff:127.0.0.1]', '[::1]', 'inside.example', 'mapped.example'])(
    '%s is not connected to',
    async (host) => {
      server.put('/inside.crl', der);
      const before = server.seen.length;
      const fetching = sourceOf({ privateNetworks: [], resolve }).fetch(`http://${host}:${port()}/inside.crl`, never);
      await expect(fetching).rejects.toMatchObject({
        code: 'crl/refused',
        message: expect.stringContaining('has no public address'),
        info: { remedy: expect.stringContaining('CERTMAN_PRIVATE_NETWORKS') },
      });
      expect(server.seen).toHaveLength(before);
    },
  );

  test('is not connected to when a name has it only from the second DNS answer on', async () => {
    // Nothing listens at the allowed one.
    const answers = ['127.0.0.2'];
    const privateNetworks = [{ address: '127.0.0.2', family: 'ipv4', prefix: 32 } as const];
    const asked: string[] = [];
    const rebinding = (host: string) => {
      asked.push(host);
      return Promise.resolve([{ address: answers.shift() ?? '127.0.0.1', family: 4 }]);
    };
    server.put('/rebound.crl', der);
    const before = server.seen.length;
    const source = sourceOf({ privateNetworks, resolve: rebinding });
    await expect(source.fetch(`http://rebinding.example:${port()}/rebound.crl`, never)).rejects.toMatchObject({
      code: 'crl/unreachable',
    });
    expect(asked).toEqual(['rebinding.example']);
    await expect(source.fetch(`http://rebinding.example:${port()}/rebound.crl`, never)).rejects.toMatchObject({
      code: 'crl/refused',
    });
    expect(server.seen).toHaveLength(before);
  });

  test('is connected to in a network of the setting, and beside a refused one', async () => {
    server.put('/private-ca.crl', der);
    const both = () =>
      Promise.resolve([
        { address: '10.0.0.1', family: 4 },
        { address: '127.0.0.1', family: 4 },
      ]);
    const url = `http://crl.private-ca.example:${port()}/private-ca.crl`;
    expect(await sourceOf({ resolve: both }).fetch(url, never)).toHaveProperty('crl');
  });
});
