import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import type { DnsProviderOptions } from '../../../../src/dns/provider.ts';
import { Route53Api } from '../../../../src/dns/route53/api.ts';
import { RequestRateLimiter } from '../../../../src/dns/zone-changes/rate-limiter.ts';

let code: string;

const server = createServer((_request, response) =>
  response
    .writeHead(400, { 'content-type': 'text/xml' })
    .end(`<ErrorResponse><Error><Code>${code}</Code><Message>Later.</Message></Error></ErrorResponse>`),
);

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  vi.stubEnv('AWS_ENDPOINT_URL', `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
afterAll(() => {
  vi.unstubAllEnvs();
  server.closeAllConnections();
  server.close();
});

it.each([
  ['Throttling', 'the account', 1],
  ['PriorRequestNotComplete', 'a zone, of which others need not wait', 0],
])('%s is about %s', async (answered, _what, pauses) => {
  code = answered;
  const limiter = new RequestRateLimiter(1_000);
  const backOff = vi.spyOn(limiter, 'backOff');
  const credentials = { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'secret' };
  const resolved = { id: 'id', account: 'account', region: 'us-east-1', credentials };
  const api = new Route53Api(resolved, limiter, {} as DnsProviderOptions);
  const set = { name: 'x.example.com', ttlSeconds: 60, values: ['"v"'] };
  const changed = api.change('Z1', [{ action: 'CREATE', set }], 'change');
  await expect(changed).rejects.toMatchObject({ code: 'dns/throttled' });
  expect(backOff).toHaveBeenCalledTimes(pauses);
});
