import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import type { DnsProviderOptions } from '../../../../src/dns/provider.ts';
import { Route53Api } from '../../../../src/dns/route53/api.ts';
import { assumeRole } from '../../../../src/dns/route53/assume-role.ts';
import { RequestRateLimiter } from '../../../../src/dns/zone-changes/rate-limiter.ts';

const credentials = { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'secret' };
let answer: string;

const server = createServer((_request, response) => response.setHeader('content-type', 'text/xml').end(answer));

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  vi.stubEnv('AWS_ENDPOINT_URL', `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
afterAll(() => {
  vi.unstubAllEnvs();
  server.closeAllConnections();
  server.close();
});

it('fails a change that AWS accepts without an id', async () => {
  answer =
    '<ChangeResourceRecordSetsResponse><ChangeInfo><Status>INSYNC</Status></ChangeInfo></ChangeResourceRecordSetsResponse>';
  const resolved = { id: 'id', account: 'account', region: 'us-east-1', credentials };
  const api = new Route53Api(resolved, new RequestRateLimiter(1_000), {} as DnsProviderOptions);
  const set = { name: 'x.example.com', ttlSeconds: 60, values: ['"v"'] };
  await expect(api.change('Z1', [{ action: 'CREATE', set }], 'change')).rejects.toMatchObject({
    code: 'dns/unexpected',
  });
});

it('fails a role that AWS lets be assumed without credentials', async () => {
  answer =
    '<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIA</AccessKeyId></Credentials></AssumeRoleResult></AssumeRoleResponse>';
  const arn = 'arn:aws:iam::123456789012:role/customer';
  await expect(assumeRole(credentials, { arn, region: 'us-east-1', sessionName: 'certman' })).rejects.toMatchObject({
    code: 'dns/unexpected',
    message: `AWS let role ${arn} be assumed without giving credentials.`,
  });
});
