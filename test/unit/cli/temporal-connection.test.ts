/** How long a command waits for a server that refuses connections, is slow, or does not answer. */
import { once } from 'node:events';
import { createServer as createHttp2Server } from 'node:http2';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { Client } from '@temporalio/client';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { freePort } from '../../../local/stack/process/ports.ts';
import { isDeadlineExceeded, isSlow, isUnavailable } from '../../../src/cli/temporal-client.ts';
import { connectToTemporal } from '../../../src/cli/temporal-connection.ts';
import { TimeBound } from '../../../src/cli/time-bound.ts';
import { GRPC_STATUS } from '../../../src/temporal/grpc-status.ts';
import { IssuingCa } from '../../support/certificates/issuing-ca.ts';
import { WAIT_TIMEOUT_MS } from '../../support/vitest/timeouts.ts';

const LIMITS = { refusedMs: 200, connectMs: WAIT_TIMEOUT_MS, requestMs: 200 };

/** It accepts connections, and speaks HTTP/2 on them once it serves. It answers GetSystemInfo alone, as a server that has none. */
let server: Server;
let serve: () => void;
const sockets: Socket[] = [];

beforeEach(async () => {
  const http2 = createHttp2Server();
  http2.on('stream', (stream, headers) => {
    stream.on('error', () => undefined);
    if (headers[':path']?.endsWith('/GetSystemInfo') !== true) return;
    const status = { 'content-type': 'application/grpc', 'grpc-status': String(GRPC_STATUS.UNIMPLEMENTED) };
    stream.respond({ ':status': 200, ...status }, { endStream: true });
  });
  let isServing = false;
  server = createServer((socket) => {
    socket.on('error', () => undefined);
    sockets.push(socket);
    if (isServing) http2.emit('connection', socket);
  });
  serve = () => {
    isServing = true;
    for (const socket of sockets) http2.emit('connection', socket);
  };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  server.close();
});

const address = (): string => `127.0.0.1:${(server.address() as AddressInfo).port}`;

test('gives up early where connections are refused', async () => {
  const began = performance.now();
  await expect(connectToTemporal({ address: `127.0.0.1:${await freePort()}` }, LIMITS)).rejects.toThrow();
  expect(performance.now() - began).toBeLessThan(LIMITS.connectMs);
});

test('waits for a server that is slow', async () => {
  let isConnected = false;
  const connecting = connectToTemporal({ address: address() }, LIMITS).then((connection) => {
    isConnected = true;
    return connection;
  });
  await once(server, 'connection');
  await new Promise((resolve) => setTimeout(resolve, 3 * LIMITS.refusedMs));
  expect(isConnected).toBe(false);
  serve();
  await (await connecting).close();
});

test('gives up a server that accepts connections and never answers', async () => {
  const limits = { ...LIMITS, connectMs: 2 * LIMITS.refusedMs };
  await expect(connectToTemporal({ address: address() }, limits)).rejects.toThrow();
});

const OTHER = await IssuingCa.create('Other');

test.each([
  ['that is not trusted', {}, 'unable to verify the first certificate'],
  ['of another name', { serverNameOverride: 'other.example.com' }, "does not match certificate's altnames"],
])('says why there is no connection: a certificate %s', async (_what, tls, why) => {
  const ca = await IssuingCa.create();
  const { leafPem, keyPem } = await ca.issue({ serialHex: '05', dnsNames: ['temporal.example.com'] });
  const secured = createTlsServer({ cert: leafPem, key: keyPem }).on('tlsClientError', () => undefined);
  secured.listen(0, '127.0.0.1');
  await once(secured, 'listening');
  const { port } = secured.address() as AddressInfo;
  const trusted = Buffer.from('serverNameOverride' in tls ? ca.certificatePem : OTHER.certificatePem);
  const options = { address: `127.0.0.1:${port}`, tls: { ...tls, serverRootCACertificate: trusted } };
  await expect(connectToTemporal(options, LIMITS)).rejects.toMatchObject({ why: expect.stringContaining(why) });
  secured.close();
});

test('says why there is no connection: refused, and where a host is not known', async () => {
  const refused = connectToTemporal({ address: `127.0.0.1:${await freePort()}` }, LIMITS);
  await expect(refused).rejects.toMatchObject({ why: expect.stringContaining('connect ECONNREFUSED 127.0.0.1') });
  const unknown = connectToTemporal({ address: 'temporal.invalid:7233' }, LIMITS);
  await expect(unknown).rejects.toMatchObject({ why: expect.stringContaining('temporal.invalid') });
});

test('all requests of a command end with its time, whatever their own deadlines', async () => {
  serve();
  const bound = new TimeBound(LIMITS.connectMs);
  const connection = await connectToTemporal({ address: address() }, { ...LIMITS, requestMs: LIMITS.connectMs, bound });
  const client = new Client({ connection });
  const request = (deadline: number) => client.withDeadline(deadline, () => client.workflow.getHandle('w').query('q'));
  const late = vi.spyOn(bound, 'until', 'get').mockReturnValue(Date.now());
  const errors = [Date.now() + LIMITS.connectMs, Date.now() + 2 * LIMITS.connectMs].map((deadline) =>
    request(deadline).catch((failure: unknown) => failure),
  );
  for (const error of errors) expect(isDeadlineExceeded(await error)).toBe(true);
  late.mockRestore();
  await connection.close();
});

const REQUESTS: Readonly<Record<string, (client: Client) => Promise<unknown>>> = {
  'of the service': (client) => client.connection.workflowService.describeNamespace({ namespace: 'default' }),
  'for a query': (client) => client.workflow.getHandle('w').query('q'),
  'for an update': (client) => client.workflow.getHandle('w').startUpdate('u', { waitForStage: 'ACCEPTED' }),
  'for the result of an update': (client) => client.workflow.getHandle('w').getUpdateHandle('id').result(),
};

test.each(Object.keys(REQUESTS))('a request %s that is not answered ends, as of a slow server', async (name) => {
  serve();
  const connection = await connectToTemporal({ address: address() }, LIMITS);
  const error = await REQUESTS[name]?.(new Client({ connection })).catch((failure: unknown) => failure);
  expect([isDeadlineExceeded, isSlow, isUnavailable].map((is) => is(error))).toEqual([true, true, true]);
  await connection.close();
});
