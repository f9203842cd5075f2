/** How long a report of Temporal waits for what the API server adds to it. */
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { askApiServer } from '../../../../src/cli/status/ask-api-server.ts';
import { WAIT_TIMEOUT_MS } from '../../../support/vitest/timeouts.ts';

let folder: string;
let kubeconfig: string;
let server: Server;
let ask: (limits: Parameters<typeof askApiServer>[2]) => Promise<unknown>;

beforeEach(async () => {
  server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  folder = mkdtempSync(join(tmpdir(), 'certman-api-server-'));
  kubeconfig = join(folder, 'kubeconfig');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const config = {
    'current-context': 'one',
    contexts: [{ name: 'one', context: { cluster: 'c', user: 'u' } }],
    clusters: [{ name: 'c', cluster: { server: url, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'u', user: { token: 'token' } }],
  };
  writeFileSync(kubeconfig, JSON.stringify(config));
  // As in a command of its own.
  vi.resetModules();
  const module = await import('../../../../src/cli/status/ask-api-server.ts');
  ask = (limits) =>
    module.askApiServer((kubernetes, signal) => kubernetes.getJson('/version', { signal }), { kubeconfig }, limits);
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true });
});

/** The next request, to be answered. */
async function request(): Promise<ServerResponse> {
  const [, response] = (await once(server, 'request', {
    signal: AbortSignal.timeout(WAIT_TIMEOUT_MS),
  })) as [unknown, ServerResponse];
  return response;
}

test('one that is slow is waited for', async () => {
  const answer = ask({ slowMs: WAIT_TIMEOUT_MS, againMs: 1 });
  (await request()).end('{"major":"1"}');
  expect(await answer).toEqual({ major: '1' });
});

test('one that did not answer in time is waited for less when the command asks again', async () => {
  expect(await ask({ slowMs: 1, againMs: WAIT_TIMEOUT_MS })).toBeUndefined();
  const again = ask({ slowMs: 1, againMs: WAIT_TIMEOUT_MS });
  (await request()).end('{"major":"1"}');
  expect(await again).toEqual({ major: '1' });
});

test('one that has answered is waited for as before, however long ago that was', async () => {
  const first = ask({ slowMs: WAIT_TIMEOUT_MS, againMs: 1 });
  (await request()).end('{}');
  await first;
  const second = ask({ slowMs: WAIT_TIMEOUT_MS, againMs: 1 });
  (await request()).end('{"major":"1"}');
  expect(await second).toEqual({ major: '1' });
});

test('one that refuses adds nothing', async () => {
  const answer = ask({ slowMs: WAIT_TIMEOUT_MS, againMs: 1 });
  (await request()).writeHead(403).end('{}');
  expect(await answer).toBeUndefined();
});
