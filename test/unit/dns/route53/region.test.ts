import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import type { PlatformView } from '../../../../src/clusters/cluster-view.ts';
import type { DnsProviderOptions } from '../../../../src/dns/provider.ts';
import { Route53Api } from '../../../../src/dns/route53/api.ts';
import { type CredentialSettings, CredentialSource } from '../../../../src/dns/route53/credentials.ts';
import { RequestRateLimiter } from '../../../../src/dns/zone-changes/rate-limiter.ts';
import { FakeKubernetesApi, zoneTarget } from '../../../support/dns/route53-proxy.ts';

const OPERATOR = 'certman-operator';
const AMBIENT: CredentialSettings = { ambientCredentials: 'all' };
const FEDRAMP: CredentialSettings = {
  ambientCredentials: 'labelled',
  fedramp: { hostedZoneId: 'Z1', standaloneRequests: false },
};

const signedFor: (string | undefined)[] = [];
const server = createServer((request, response) => {
  signedFor.push(/Credential=[^/]+\/\d+\/([^/]+)\//.exec(request.headers.authorization ?? '')?.[1]);
  response
    .setHeader('content-type', 'text/xml')
    .end('<ListHostedZonesResponse><HostedZones/><IsTruncated>false</IsTruncated></ListHostedZonesResponse>');
});

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
beforeEach(() => {
  signedFor.length = 0;
  vi.stubEnv('AWS_ENDPOINT_URL', `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
afterEach(() => {
  vi.unstubAllEnvs();
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const kubernetes = new FakeKubernetesApi();
kubernetes.putCredentials('ns', 'aws', 'AKIACLUSTER');
kubernetes.putCredentials(OPERATOR, 'certman-operator-aws-credentials', 'AKIAOWN');
const options = { kubernetes: kubernetes.asApi(), operatorNamespace: OPERATOR } as DnsProviderOptions;

const inRegion = (region: string): PlatformView => ({ kind: 'aws', region, credentialsSecret: 'aws', sts: false });

it.each([
  ['eu-central-1', 'us-east-1'],
  ['us-gov-east-1', 'us-gov-west-1'],
  ['us-gov-west-1', 'us-gov-west-1'],
  ['cn-north-1', 'cn-northwest-1'],
  ['', 'us-east-1'],
])('with the Secret of a cluster in %s, Route 53 is that of %s', async (region, expected) => {
  const source = new CredentialSource(options, AMBIENT);
  const credentials = await source.resolve(zoneTarget({ platform: inRegion(region) }));
  await new Route53Api(credentials, new RequestRateLimiter(1_000), options).listZones();
  expect(signedFor).toEqual([expected]);
});

it('clusters of two partitions that name one Secret are kept apart', async () => {
  const source = new CredentialSource(options, AMBIENT);
  const resolved = await Promise.all(
    ['us-east-2', 'us-gov-west-1', 'us-east-1'].map((region) =>
      source.resolve(zoneTarget({ platform: inRegion(region) })),
    ),
  );
  expect(resolved.map(({ region }) => region)).toEqual(['us-east-1', 'us-gov-west-1', 'us-east-1']);
  expect(new Set(resolved.map(({ id }) => id)).size).toBe(2);
});

it.each([
  ['us-gov-west-1', 'us-gov-west-1'],
  ['us-east-2', 'us-east-1'],
  [undefined, 'us-east-1'],
])(
  'with certman’s own credentials and AWS_REGION=%s, Route 53 is that of %s, wherever the cluster is',
  async (own, at) => {
    vi.stubEnv('AWS_REGION', own);
    const fedramp = new CredentialSource(options, FEDRAMP);
    const target = zoneTarget({ platform: inRegion('us-gov-east-1') });
    expect(await fedramp.resolve(target)).toMatchObject({ region: at });
    const ambient = new CredentialSource(options, AMBIENT);
    const platform: PlatformView = { kind: 'aws', region: 'us-gov-east-1', sts: false };
    expect(await ambient.resolve(zoneTarget({ platform }))).toMatchObject({ id: 'default', region: at });
  },
);
