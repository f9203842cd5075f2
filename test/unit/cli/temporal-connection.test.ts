/** How long a command waits for a server that refuses connections, is slow, or does not answer. */
import { once } from 'node:events';
import { createServer as createHttp2Server } from 'node:http2';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { isGrpcServiceError } from '@temporalio/client';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { freePort } from '../../../local/stack/process/ports.ts';
import { connectToTemporal } from '../../../src/cli/temporal-connection.ts';
import { WAIT_TIMEOUT_MS } from '../../support/vitest/timeouts.ts';

const UNIMPLEMENTED = 12;
const DEADLINE_EXCEEDED = 4;
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
    const status = { 'content-type': 'application/grpc', 'grpc-status': String(UNIMPLEMENTED) };
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
  await expect(connectToTemporal({ address: `127.0.0.1:${await freePort()}` }, LIMITS)).rejects.toThrow();
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

test('ends a request that is not answered', async () => {
  serve();
  const connection = await connectToTemporal({ address: address() }, LIMITS);
  const answer = connection.workflowService.describeNamespace({ namespace: 'default' });
  const error = await answer.catch((failure: unknown) => failure);
  expect(isGrpcServiceError(error) && Number(error.code)).toBe(DEADLINE_EXCEEDED);
  await connection.close();
});
