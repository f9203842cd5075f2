import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ExternalRequest, ExternalResponse, Interceptor, Relay } from '../../chaos/relays/exchange.ts';
import { startHttpRelay } from '../../chaos/relays/http-relay.ts';
import { processOfConnection } from '../../chaos/relays/socket-owner.ts';
import { eventually } from '../../support/vitest/eventually.ts';

let server: Server;
let relay: Relay | undefined;
let received: string[];

beforeEach(async () => {
  received = [];
  server = createServer((request, response) => {
    request.setEncoding('utf8');
    let body = '';
    request.on('data', (chunk: string) => {
      body += chunk;
    });
    request.on('end', () => {
      received.push(`${request.method} ${request.url} ${body}`);
      response.writeHead(201, { 'content-type': 'text/plain', location: '/made' });
      response.end(`made by ${request.headers.host}`);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});

afterEach(async () => {
  await relay?.close();
  relay = undefined;
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

interface Seen {
  readonly request: ExternalRequest;
  readonly answer: ExternalResponse;
  readonly delivered: boolean;
}

async function relayed(fates: Partial<Interceptor> = {}): Promise<{ readonly url: string; readonly seen: Seen[] }> {
  const seen: Seen[] = [];
  await relay?.close();
  relay = await startHttpRelay({
    system: 'ca',
    target: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    interceptor: {
      beforeRequest: () => Promise.resolve('pass'),
      afterResponse: () => Promise.resolve('pass'),
      ...fates,
    },
    ownerOf: ({ remotePort = 0, localPort = 0 }) =>
      processOfConnection(remotePort, localPort, [1, process.pid]) === process.pid ? 'this process' : undefined,
    onExchange: (request, answer, delivered) => seen.push({ request, answer, delivered }),
  });
  return { url: `http://127.0.0.1:${relay.port}`, seen };
}

const post = (url: string): Promise<Response> => fetch(`${url}/order-plz?x=1`, { method: 'POST', body: 'please' });

describe('a relay', () => {
  test('forwards complete requests and responses, and identifies the client process', async () => {
    const { url, seen } = await relayed();
    const response = await post(url);
    expect(response.status).toBe(201);
    expect(response.headers.get('location')).toBe('/made');
    // As the client called it: ACME servers build URLs from it.
    await expect(response.text()).resolves.toBe(`made by ${new URL(url).host}`);
    expect(received).toEqual(['POST /order-plz?x=1 please']);
    expect(seen).toMatchObject([{ delivered: true, request: { worker: 'this process', path: '/order-plz?x=1' } }]);
  });

  test('cuts before the server: the server receives no request', async () => {
    const { url, seen } = await relayed({ beforeRequest: () => Promise.resolve('cut') });
    await expect(post(url)).rejects.toThrow();
    expect(received).toEqual([]);
    expect(seen).toEqual([]);
  });

  test('cuts after the server: the server has processed the request, and the client has no response', async () => {
    const { url, seen } = await relayed({ afterResponse: () => Promise.resolve('cut') });
    await expect(post(url)).rejects.toThrow();
    expect(received).toHaveLength(1);
    expect(seen).toMatchObject([{ delivered: false, answer: { status: 201 } }]);
  });

  test('reports that the answer was not delivered when the client has gone', async () => {
    let pauseMs = 25;
    const exchange = async (): Promise<boolean | undefined> => {
      const leaving = new AbortController();
      // The relay's end of the connection closes some time after the client's: later on a busy machine.
      pauseMs *= 2;
      const { url, seen } = await relayed({
        afterResponse: async () => {
          leaving.abort();
          await sleep(pauseMs);
          return 'pass';
        },
      });
      await expect(fetch(url, { signal: leaving.signal })).rejects.toThrow();
      await expect.poll(() => seen.length).toBe(1);
      return seen[0]?.delivered;
    };
    expect(await eventually('the answer is not delivered', exchange, (delivered) => delivered === false)).toBe(false);
  });
});
