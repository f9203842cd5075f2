/** `--timeout` bounds every wait of the command, and the person sees what was waited for. */
import { once } from 'node:events';
import { createServer, type Http2Server } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { freePort } from '../../../../local/stack/process/ports.ts';
import { revokeOne } from '../../../../src/cli/revoke/revoke.ts';
import { TimeBound } from '../../../../src/cli/time-bound.ts';
import { GRPC_STATUS } from '../../../../src/temporal/grpc-status.ts';

const OPTIONS = { reason: 'superseded', wait: true, timeout: '1s', yes: true } as const;
const cluster = { namespace: 'ns', name: 'c1' };

/** It answers GetSystemInfo alone, as a server that has none. */
let server: Http2Server;
beforeEach(async () => {
  server = createServer();
  server.on('stream', (stream, headers) => {
    stream.on('error', () => undefined);
    if (headers[':path']?.endsWith('/GetSystemInfo') !== true) return;
    const status = { 'content-type': 'application/grpc', 'grpc-status': String(GRPC_STATUS.UNIMPLEMENTED) };
    stream.respond({ ':status': 200, ...status }, { endStream: true });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(() => {
  vi.unstubAllEnvs();
  server.close();
});

const addressOfServer = (): string => `127.0.0.1:${(server.address() as AddressInfo).port}`;

test.each([
  ['that accepts requests and never answers', () => Promise.resolve(addressOfServer())],
  ['that refuses connections', async () => `127.0.0.1:${await freePort()}`],
])('at a Temporal %s, --timeout ends the command', async (_what, addressOf) => {
  vi.stubEnv('TEMPORAL_ADDRESS', await addressOf());
  await expect(revokeOne(cluster, OPTIONS)).rejects.toMatchObject({
    code: 'temporal/unreachable',
    message: expect.stringMatching(
      /^Temporal( at 127\.0\.0\.1:\d+)? does not respond(: connect ECONNREFUSED [\d.:]+)?\. Nothing was requested: the time of --timeout \(1s\) is over\.$/,
    ),
    info: { remedy: expect.stringContaining('doctor') },
  });
});

test('the time of a command does not pass while the person is asked', async () => {
  const bound = new TimeBound(60_000);
  const { until } = bound;
  vi.useFakeTimers({ toFake: ['Date'] });
  try {
    await bound.excluding(async () => void vi.setSystemTime(Date.now() + 3_600_000));
  } finally {
    vi.useRealTimers();
  }
  expect(bound.until - until).toBeGreaterThanOrEqual(3_600_000);
});
