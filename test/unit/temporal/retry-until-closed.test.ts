/** What becomes of a request when its connection is closed. An exception thrown out of a timer fails the run by itself. */
import { once } from 'node:events';
import { createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import { type AddressInfo, createServer as createSilentServer } from 'node:net';
import { Client, Connection, isGrpcServiceError } from '@temporalio/client';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { askWorker } from '../../../src/cli/ask-worker.ts';
import { isSlow, isUnavailable } from '../../../src/cli/temporal-client.ts';
import { GRPC_STATUS } from '../../../src/temporal/grpc-status.ts';
import { retryUntilClosed } from '../../../src/temporal/retry-until-closed.ts';

/** A message without fields: not compressed, 0 bytes long. */
const EMPTY_MESSAGE = Buffer.alloc(5);
const CLOSED = 'The connection to Temporal is closed.';

/** It answers requests in turn with these gRPC statuses; the last one repeats. */
let statuses: number[];
let server: Http2Server;
let connection: Connection;

beforeEach(async () => {
  server = createServer();
  server.on('stream', (stream: ServerHttp2Stream) => {
    stream.on('error', () => undefined);
    answer(stream, (statuses.length > 1 ? statuses.shift() : statuses[0]) ?? 0);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  connection = connectionTo((server.address() as AddressInfo).port);
});
afterEach(async () => {
  await connection.close();
  server.close();
});

function connectionTo(port: number): Connection {
  return Connection.lazy({
    address: `127.0.0.1:${port}`,
    metadata: { authorization: 'Bearer secret' },
    interceptors: retryUntilClosed(),
  });
}

function answer(stream: ServerHttp2Stream, status: number): void {
  const headers = { ':status': 200, 'content-type': 'application/grpc' };
  const trailers = { 'grpc-status': String(status) };
  if (status !== 0) return stream.respond({ ...headers, ...trailers }, { endStream: true });
  stream.on('wantTrailers', () => stream.sendTrailers(trailers));
  stream.respond(headers, { waitForTrailers: true });
  stream.end(EMPTY_MESSAGE);
}

const describeNamespace = () => connection.workflowService.describeNamespace({ namespace: 'default' });
const failureOf = (request: Promise<unknown>) => request.catch((error: unknown) => error);

function expectClosed(error: unknown): void {
  expect(error).toMatchObject({ code: GRPC_STATUS.CANCELLED, details: CLOSED });
  expect(isGrpcServiceError(error) && error.metadata.getMap()).toEqual({});
}

test('a request is retried while the connection is open', async () => {
  statuses = [GRPC_STATUS.UNAVAILABLE, GRPC_STATUS.UNAVAILABLE, 0];
  expect(await describeNamespace()).toBeDefined();
  expect(statuses).toEqual([0]);
});

test('a request that waits for its retry fails when the connection is closed', async () => {
  statuses = [GRPC_STATUS.UNAVAILABLE];
  const failure = failureOf(describeNamespace());
  await once(server, 'stream');
  await connection.close();
  expectClosed(await failure);
});

test('a request that waits for a connection fails when it is closed', async () => {
  await connection.close();
  const silent = createSilentServer((socket) => socket.on('error', () => undefined).resume());
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  connection = connectionTo((silent.address() as AddressInfo).port);
  const failure = failureOf(describeNamespace());
  await once(silent, 'connection');
  await connection.close();
  expectClosed(await failure);
  silent.close();
});

test('a request that is sent after the connection was closed fails', async () => {
  await connection.close();
  expectClosed(await failureOf(describeNamespace()));
});

test('a command does not repeat a request on a connection that it has closed', async () => {
  await connection.close();
  const client = new Client({ connection });
  const error = await failureOf(askWorker(client, () => client.workflow.getHandle('w').query('q')));
  expect(error).toMatchObject({ name: 'ServiceError', cause: { details: CLOSED } });
  expect([isSlow(error), isUnavailable(error)]).toEqual([false, false]);
});
