import { describe, expect, test } from 'vitest';
import { endpointsOf, servedEndpointsOf } from '../../../src/clusters/served-endpoints.ts';
import { clusterView } from '../../support/workflows/cluster-views.ts';

const NAMES = ['api.c1.example.com', 'rh-api.c1.example.com', '*.apps.c1.example.com'];
const CANARY = 'canary-openshift-ingress-canary.apps.c1.example.com';

describe('where a certificate is served', () => {
  test('names are served by the API server, and a wildcard by the router, at the canary route', () => {
    expect(endpointsOf(NAMES)).toEqual([
      { host: 'api.c1.example.com', port: 6443 },
      { host: 'rh-api.c1.example.com', port: 6443 },
      { host: CANARY, port: 443 },
    ]);
  });

  test('the ports are those of the URLs that Hive found', () => {
    const view = clusterView({
      apiURL: 'https://api.c1.example.com:443',
      webConsoleURL: 'https://console.apps.c1.example.com:8443',
    });
    const ports = endpointsOf(NAMES, servedEndpointsOf(view)).map(({ port }) => port);
    expect(ports).toEqual([443, 443, 8443]);
  });

  test.each(['', 'no URL', 'http://api.c1.example.com:80', 'https://api.c1.example.com:6443/'])(
    'nothing is kept of an API URL %j',
    (apiURL) => {
      expect(servedEndpointsOf(clusterView({ apiURL }))).toBeUndefined();
    },
  );

  test('a certificate with many names is probed at ten of them', () => {
    expect(endpointsOf(Array.from({ length: 100 }, (_, at) => `n${at}.example.com`))).toHaveLength(10);
  });

  test.each([
    [{ privateLink: true }, 'PrivateLink'],
    [{ hibernating: true }, 'Hibernating'],
    [{ hibernating: true, privateLink: true }, 'PrivateLink'],
  ] as const)('a cluster with %j is not probed: %s', (change, reason) => {
    expect(servedEndpointsOf(clusterView(change))).toMatchObject({ notProbed: reason });
  });
});
