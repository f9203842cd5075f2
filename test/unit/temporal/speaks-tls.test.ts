/** A Temporal with TLS where the settings have none: commands and the start of a worker say so, and wait no longer. */
import { once } from 'node:events';
import { createSecureServer, createServer } from 'node:http2';
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net';
import { NativeConnection } from '@temporalio/worker';
import { pino } from 'pino';
import { afterEach, expect, test, vi } from 'vitest';
import { freePort } from '../../../local/stack/process/ports.ts';
import { withTemporal } from '../../../src/cli/temporal-client.ts';
import { loadConfiguration, loadTemporal } from '../../../src/configuration/load-configuration.ts';
import { isPlaintext, speaksTls } from '../../../src/temporal/speaks-tls.ts';
import { StartWait } from '../../../src/worker/start-wait.ts';
import { connectToTemporal } from '../../../src/worker/temporal-connection.ts';
import { IssuingCa } from '../../support/certificates/issuing-ca.ts';
import { installQuietRuntime } from '../../support/temporal/quiet-runtime.ts';

installQuietRuntime();
const ca = await IssuingCa.create();
const { leafPem, keyPem } = await ca.issue({ serialHex: '05', dnsNames: ['temporal.example.com'] });
const identity = { cert: leafPem, key: keyPem };
const mutual = { ...identity, requestCert: true, rejectUnauthorized: true, ca: ca.certificatePem };

const servers: Server[] = [];
afterEach(() => {
  vi.unstubAllEnvs();
  for (const server of servers.splice(0)) server.close();
});

async function listening(server: object): Promise<string> {
  const one = server as Server;
  for (const event of ['sessionError', 'tlsClientError', 'error']) one.on(event, () => undefined);
  servers.push(one.listen(0, '127.0.0.1'));
  await once(one, 'listening');
  return `127.0.0.1:${(one.address() as AddressInfo).port}`;
}

const WITH_TLS: readonly (readonly [string, () => object])[] = [
  ['with TLS', () => createSecureServer(identity)],
  ['that wants a client certificate', () => createSecureServer(mutual)],
  ['that wants one by TLS 1.2', () => createSecureServer({ ...mutual, maxVersion: 'TLSv1.2' })],
];

test.each(WITH_TLS)('a frontend %s speaks TLS', async (_what, server) => {
  expect(await speaksTls(await listening(server()))).toBe(true);
});

test.each([
  ['without TLS', () => listening(createServer())],
  ['that ends each connection', () => listening(createTcpServer((socket) => socket.destroy()))],
  ['that is not there', async () => `127.0.0.1:${await freePort()}`],
  ['whose address is none', () => Promise.resolve('not an address')],
])('a frontend %s does not', async (_what, address) => {
  expect(await speaksTls(await address())).toBe(false);
});

test('one that never answers does not, after a while', async () => {
  expect(await speaksTls(await listening(createTcpServer((socket) => socket.on('error', () => undefined))), 20)).toBe(
    false,
  );
});

test.each([
  [{}, true],
  [{ tls: false }, true],
  [{ tls: {} }, false],
  [{ tls: true }, false],
  [{ apiKey: 'key' }, false],
  [{ apiKey: 'key', tls: false }, true],
])('a connection with %j has no TLS: %s', (options, expected) => {
  expect(isPlaintext(options)).toBe(expected);
});

test.each(WITH_TLS)('a command says so of a frontend %s', async (_what, server) => {
  const address = await listening(server());
  vi.stubEnv('TEMPORAL_ADDRESS', address);
  await expect(withTemporal(() => Promise.resolve())).rejects.toMatchObject({
    code: 'temporal/unreachable',
    message: `Temporal at ${address} speaks TLS, and the settings of this process have none for it.`,
    info: { remedy: expect.stringContaining('TEMPORAL_TLS=true') as string },
  });
});

test.each(WITH_TLS)('a worker ends its start at once at a frontend %s', async (_what, server) => {
  const address = await listening(server());
  vi.stubEnv('TEMPORAL_ADDRESS', address);
  const waits: string[] = [];
  const { signal } = new AbortController();
  const start = new StartWait({
    limitMs: 30_000,
    signal,
    logger: pino({ level: 'silent' }),
    onWaiting: (reason) => waits.push(reason),
  });
  const load = () => loadTemporal(process.env);
  await expect(connectToTemporal(loadConfiguration(process.env), load, start, signal)).rejects.toMatchObject({
    code: 'configuration/invalid',
    message: expect.stringContaining('speaks TLS') as string,
  });
  expect(waits).toEqual([]);
});

test('what the worker would show without that', async () => {
  const address = await listening(createSecureServer(identity));
  await expect(NativeConnection.connect({ address })).rejects.toThrow(
    /BrokenPipe|ConnectionReset|stream closed|transport/i,
  );
});
