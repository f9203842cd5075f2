/** How long a command waits for a server that refuses connections, is slow, or does not answer. */
import { once } from 'node:events';
import { createServer as createHttp2Server } from 'node:http2';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { Client } from '@temporalio/client';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { freePort } from '../../../local/stack/process/ports.ts';
import { isDeadlineExceeded, isSlow, isUnavailable } from '../../../src/cli/temporal-client.ts';
import { connectToTemporal } from '../../../src/cli/temporal-connection.ts';
import { GRPC_STATUS } from '../../../src/temporal/grpc-status.ts';
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
