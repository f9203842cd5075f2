import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { afterAll, describe, expect, it } from 'vitest';
import { ConfigurationError, type Environment } from '../../../src/configuration/configuration-error.ts';
import { loadConfiguration, loadSettings, loadTemporal } from '../../../src/configuration/load-configuration.ts';
import { SETTINGS } from '../../../src/configuration/settings.ts';

const folder = mkdtempSync(join(tmpdir(), 'certman-configuration-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const caBundle = file('ca.pem', (rootCertificates[0] ?? '') + '\n' + (rootCertificates[1] ?? ''));

/** The problems that loading these settings throws, by setting. */
function problemsOf(environment: Environment): Readonly<Record<string, string>> {
  try {
    loadConfiguration(environment);
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return Object.fromEntries(error.problems.map(({ setting, expected }) => [setting, expected]));
  }
  throw new Error('the configuration is valid');
}

describe('a configuration', () => {
  it('is complete when nothing is set', () => {
    const configuration = loadConfiguration({});
    expect(configuration).toMatchObject({
      managementCluster: 'hive',
      namespace: 'certman-operator',
      keyType: 'rsa-2048',
      dohQuorum: 2,
      authoritativeServers: { kind: 'auto' },
      route53RequestsPerSecond: 5,
      dnsBatchWindowMs: 4_000,
      fedramp: false,
      fedrampStandaloneRequests: false,
      resyncIntervalMs: 600_000,
      metricsAddress: { host: '0.0.0.0', port: 8080 },
      probeAddress: { host: '0.0.0.0', port: 8081 },
      sdkMetricsAddress: { host: '0.0.0.0', port: 9464 },
      temporal: { address: 'localhost:7233', namespace: 'default', loopback: true },
    });
    expect(configuration.extraRecord).toBeUndefined();
    expect(configuration.acmeDirectoryUrl).toBeUndefined();
  });

  it('has the fallback accounts in their order, and refuses those that cannot serve', () => {
    const [one, other] = ['https://ca.example/directory', 'https://other.example/dir'];
    const load = (text: string) => loadConfiguration({ CERTMAN_FALLBACK_ACCOUNTS: text }).fallbackAccounts;
    expect(load(`one = ${one}, other=${other}`)).toEqual([
      { secretName: 'one', directoryUrl: one },
      { secretName: 'other', directoryUrl: other },
    ]);
    const problem = (text: string, more: Environment = {}) =>
      problemsOf({ CERTMAN_FALLBACK_ACCOUNTS: text, ...more })['CERTMAN_FALLBACK_ACCOUNTS'];
    expect(problem('one')).toContain('pairs of <Secret>=<https URL of the directory>');
    expect(problem('one=http://ca.example/directory')).toContain('pairs of');
    expect(problem(`One=${one}`)).toContain('pairs of');
    expect(problem(`one=${one},two=${one}`)).toContain('each Secret and each CA once');
    expect(problem(`lets-encrypt-account=${one}`)).toContain('which is the first account anyway');
    expect(problem('one=https://acme-staging-v02.api.letsencrypt.org/directory')).toContain('staging');
    expect(problem(`one=${one}`, { CERTMAN_ACME_DIRECTORY_URL: one })).toContain('other CAs than that of');
  });

  it('is frozen', () => {
    const configuration = loadConfiguration({});
    expect(Object.isFrozen(configuration)).toBe(true);
    expect(Object.isFrozen(configuration.dohResolvers)).toBe(true);
    expect(Object.isFrozen(configuration.temporal.connectionOptions)).toBe(true);
  });

  it('treats an empty value as not set, and ignores blanks around a value', () => {
    const configuration = loadConfiguration({ CERTMAN_EXTRA_RECORD: '', CERTMAN_MANAGEMENT_CLUSTER: ' hive-1\n' });
    expect(configuration.extraRecord).toBeUndefined();
    expect(configuration.managementCluster).toBe('hive-1');
  });

  it('has a valid example for every setting, except for files', () => {
    const files = new Set([
      'CERTMAN_ACME_CA_BUNDLE',
      'CERTMAN_TRUST_BUNDLE',
      'CERTMAN_DOH_CA_BUNDLE',
      'CERTMAN_WORKFLOW_BUNDLE',
      'CERTMAN_PAYLOAD_KEYS',
      'CERTMAN_TEMPORAL_API_KEY_FILE',
    ]);
    for (const { name, example, format } of Object.values(SETTINGS)) {
      if (!files.has(name)) expect([name, format.parse(example) !== undefined]).toEqual([name, true]);
    }
  });

  it('reads every form of a value', () => {
    const bundle = file('bundle.js', '');
    const configuration = loadConfiguration({
      CERTMAN_ACME_CA_BUNDLE: caBundle,
      CERTMAN_WORKFLOW_BUNDLE: bundle,
      CERTMAN_AUTHORITATIVE_SERVERS: '10.0.0.1:5353, [::1]:53,ns.example.com',
      CERTMAN_DOH_RESOLVERS: 'https://a.example/dns-query,https://b.example/dns-query,https://c.example/dns-query',
      CERTMAN_DNS_BATCH_WINDOW: '100',
      CERTMAN_RESYNC_INTERVAL: '1.5m',
      CERTMAN_METRICS_ADDRESS: '[::]:9000',
      CERTMAN_SDK_METRICS_ADDRESS: 'off',
      FEDRAMP: 'TRUE',
      CERTMAN_FEDRAMP_STANDALONE_REQUESTS: 'true',
      HOSTED_ZONE_ID: 'Z123',
    });
    expect(configuration.acmeCaBundle).toBe(readFileSync(caBundle, 'utf8'));
    expect(configuration.workflowBundle).toBe(bundle);
    expect(configuration.authoritativeServers).toEqual({
      kind: 'servers',
      servers: [
        { host: '10.0.0.1', port: 5353 },
        { host: '::1', port: 53 },
        { host: 'ns.example.com', port: 53 },
      ],
    });
    expect(configuration.dohQuorum).toBe(2);
    expect(configuration.dnsBatchWindowMs).toBe(100);
    expect(configuration.resyncIntervalMs).toBe(90_000);
    expect(configuration.metricsAddress).toEqual({ host: '::', port: 9000 });
    expect(configuration.sdkMetricsAddress).toBe('off');
    expect(configuration.fedramp).toBe(true);
    expect(configuration.fedrampStandaloneRequests).toBe(true);
  });

  it('takes the connection to Temporal from the variables of the temporal CLI', () => {
    const { temporal } = loadConfiguration({
      TEMPORAL_ADDRESS: 'temporal.example.com:7233',
      TEMPORAL_NAMESPACE: 'certman',
      TEMPORAL_API_KEY: 'key',
    });
    expect(temporal).toMatchObject({ namespace: 'certman', loopback: false });
    expect(temporal.connectionOptions).toMatchObject({ apiKey: 'key', tls: true });
  });

  it('takes the API key from a file', () => {
    const { temporal } = loadConfiguration({
      TEMPORAL_ADDRESS: 'temporal.example.com:7233',
      CERTMAN_TEMPORAL_API_KEY_FILE: file('api-key', ' key-in-a-file\n'),
    });
    expect(temporal.connectionOptions).toMatchObject({ apiKey: 'key-in-a-file', tls: true });
  });

  it.each([
    { TEMPORAL_ADDRESS: '127.0.0.1:7233' },
    { TEMPORAL_ADDRESS: '[::1]:7233' },
    { TEMPORAL_ADDRESS: 'temporal.example.com:7233', TEMPORAL_TLS: 'true' },
    { TEMPORAL_ADDRESS: 'temporal.example.com:7233', TEMPORAL_TLS_SERVER_NAME: 'temporal' },
    { TEMPORAL_ADDRESS: 'temporal.example.com:7233', CERTMAN_ALLOW_PLAINTEXT_TEMPORAL: 'true' },
  ])('connects to Temporal with %o', (environment) => {
    expect(loadConfiguration(environment).temporal.address).toBe(environment.TEMPORAL_ADDRESS);
    expect(loadTemporal(environment).address).toBe(environment.TEMPORAL_ADDRESS);
  });
});

describe('an invalid configuration', () => {
  it('is reported with every problem at once', () => {
    const problems = problemsOf({
      CERTMAN_MANAGEMENT_CLUSTER: 'Not A Label',
      CERTMAN_KEY_TYPE: 'rsa-1024',
      CERTMAN_METRICS_ADDRESS: 'nowhere',
      TEMPORAL_TLS_CLIENT_CERT_PATH: join(folder, 'missing.pem'),
    });
    expect(Object.keys(problems).sort()).toEqual(
      ['CERTMAN_MANAGEMENT_CLUSTER', 'CERTMAN_KEY_TYPE', 'CERTMAN_METRICS_ADDRESS', 'TEMPORAL_*'].sort(),
    );
  });

  it('is reported with the value, what is expected and where settings are documented', () => {
    expect(() => loadConfiguration({ CERTMAN_KEY_TYPE: 'rsa-1024' })).toThrow(
      /CERTMAN_KEY_TYPE is "rsa-1024"; expected one of rsa-2048, p-256, p-384/,
    );
    try {
      loadConfiguration({ CERTMAN_KEY_TYPE: 'rsa-1024' });
    } catch (error) {
      expect((error as ConfigurationError).info.remedy).toContain('docs/configuration.md');
      expect((error as ConfigurationError).code).toBe('configuration/invalid');
    }
  });

  const wrong: readonly (readonly [setting: string, text: string, expected: RegExp])[] = [
    ['CERTMAN_NAMESPACE', 'a/b', /name of a namespace/],
    ['CERTMAN_ACME_DIRECTORY_URL', 'http://ca.example/dir', /https URL/],
    ['CERTMAN_ACME_DIRECTORY_URL', 'https://user:pw@ca.example/dir', /https URL/],
    ['CERTMAN_ACME_CA_BUNDLE', '/no/such/file', /cannot be read \(ENOENT\)/],
    ['CERTMAN_ACME_CA_BUNDLE', file('empty.pem', 'nothing'), /holds no PEM certificate/],
    ['CERTMAN_TRUST_BUNDLE', file('empty.pem', 'nothing'), /holds no PEM certificate/],
    [
      'CERTMAN_DOH_CA_BUNDLE',
      file('broken.pem', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----'),
      /certificate 1 in it cannot be parsed/,
    ],
    ['CERTMAN_ACME_PROFILE', 'a b', /profile name/],
    ['CERTMAN_EXTRA_RECORD', 'rh_api', /DNS label/],
    ['CERTMAN_DOH_RESOLVERS', 'https://a.example/,ftp://b.example', /https URLs/],
    ['CERTMAN_DOH_RESOLVERS', ',', /https URLs/],
    ['CERTMAN_DOH_QUORUM', '0', /from 1 to 20/],
    ['CERTMAN_DOH_QUORUM', '3', /at most 2/],
    ['CERTMAN_AUTHORITATIVE_SERVERS', '10.0.0.1:99999', /host:port/],
    ['CERTMAN_ROUTE53_REQUESTS_PER_SECOND', '0', /number from 0\.1/],
    ['CERTMAN_ROUTE53_REQUESTS_PER_SECOND', 'NaN', /number from 0\.1/],
    ['CERTMAN_DNS_BATCH_WINDOW', '1 week', /duration/],
    ['CERTMAN_RESYNC_INTERVAL', '10ms', /from 1s to 1d/],
    ['FEDRAMP', 'maybe', /true or false/],
    ['HOSTED_ZONE_ID', 'z-lower', /hosted zone/],
    ['CERTMAN_MAX_CONCURRENT_ACTIVITIES', '1e3', /whole number/],
    ['CERTMAN_SDK_METRICS_ADDRESS', 'localhost:9464', /IP address/],
    ['CERTMAN_METRICS_ADDRESS', '[10.0.0.1]:80', /host:port/],
    ['CERTMAN_LOG_LEVEL', 'loud', /one of trace/],
    ['CERTMAN_WORKFLOW_BUNDLE', folder, /it is not a file/],
    ['CERTMAN_HELD_BACK_PATCHES', 'Whole Life', /lower-case words/],
    ['CERTMAN_TEMPORAL_API_KEY_FILE', file('no-key', '\n'), /it is empty/],
    ['CERTMAN_TEMPORAL_API_KEY_FILE', '/no/such/file', /cannot be read \(ENOENT\)/],
    ['CERTMAN_PAYLOAD_KEYS', file('no-folder', ''), /it is not a folder/],
    ['CERTMAN_PAYLOAD_KEYS', folder, /more than|not a small file|name of a key|base64/],
    ['TEMPORAL_DEPLOYMENT_NAME', 'a:b', /letters, digits/],
    ['TEMPORAL_ADDRESS', 'a b:7233', /host:port/],
  ];
  it.each(wrong)('is %s=%s', (setting, text, expected) => {
    expect(problemsOf({ [setting]: text })[setting]).toMatch(expected);
  });

  it.each([
    { TEMPORAL_ADDRESS: 'temporal.example.com:7233' },
    { TEMPORAL_ADDRESS: 'temporal-frontend.temporal.svc:7233', CERTMAN_ALLOW_PLAINTEXT_TEMPORAL: 'false' },
    { TEMPORAL_ADDRESS: '10.0.0.1:7233' },
    { TEMPORAL_ADDRESS: '127.example.com:7233' },
    { TEMPORAL_ADDRESS: 'temporal.example.com:7233', TEMPORAL_API_KEY: 'key', TEMPORAL_TLS: 'false' },
  ])('is a connection to Temporal on another host without TLS: %o', (environment) => {
    expect(problemsOf(environment)).toEqual({
      TEMPORAL_TLS: expect.stringContaining('CERTMAN_ALLOW_PLAINTEXT_TEMPORAL=true') as string,
    });
    expect(() => loadTemporal(environment)).toThrow(/TEMPORAL_TLS is not enabled, and Temporal at .* on another host/);
  });

  it('is an API key from two places', () => {
    expect(
      problemsOf({ TEMPORAL_API_KEY: 'key', CERTMAN_TEMPORAL_API_KEY_FILE: file('other-key', 'other') }),
    ).toHaveProperty('TEMPORAL_API_KEY');
  });

  it('is a required encryption without keys', () => {
    expect(problemsOf({ CERTMAN_REQUIRE_ENCRYPTED_PAYLOADS: 'true' })).toHaveProperty('CERTMAN_PAYLOAD_KEYS');
  });

  it('is a Node.js that verifies no server', () => {
    const environment = { NODE_TLS_REJECT_UNAUTHORIZED: '0' };
    expect(problemsOf(environment)).toHaveProperty('NODE_TLS_REJECT_UNAUTHORIZED');
    for (const load of [loadTemporal, (found: Environment) => loadSettings(found, ['namespace'])])
      expect(() => load(environment)).toThrow(/NODE_TLS_REJECT_UNAUTHORIZED is "0"/);
    expect(() => loadConfiguration({ NODE_TLS_REJECT_UNAUTHORIZED: '1' })).not.toThrow();
  });

  it('is FedRAMP mode without its zone', () => {
    expect(problemsOf({ FEDRAMP: 'true' })).toHaveProperty('HOSTED_ZONE_ID');
  });

  it('is half of Worker Versioning', () => {
    expect(problemsOf({ TEMPORAL_DEPLOYMENT_NAME: 'certman' })).toHaveProperty('TEMPORAL_WORKER_BUILD_ID');
    expect(problemsOf({ TEMPORAL_WORKER_BUILD_ID: '1' })).toHaveProperty('TEMPORAL_DEPLOYMENT_NAME');
  });

  it('is one port for two servers', () => {
    expect(problemsOf({ CERTMAN_METRICS_ADDRESS: ':9464' })).toHaveProperty('CERTMAN_SDK_METRICS_ADDRESS');
    expect(problemsOf({ CERTMAN_PROBE_ADDRESS: ':8080' })).toHaveProperty('CERTMAN_PROBE_ADDRESS');
  });

  it('is reported with the beginning of a long value only', () => {
    expect(() => loadConfiguration({ CERTMAN_MANAGEMENT_CLUSTER: 'X'.repeat(5_000) })).toThrow(/^.{0,400}$/s);
  });

  it('is reported without the API key', () => {
    expect(() => loadConfiguration({ TEMPORAL_API_KEY: 'very-secret', TEMPORAL_ADDRESS: '::' })).toThrow(
      expect.not.objectContaining({ message: expect.stringContaining('very-secret') as string }),
    );
  });
});

describe('some settings', () => {
  it('are read without checking the others', () => {
    expect(
      loadSettings({ CERTMAN_MANAGEMENT_CLUSTER: 'hive-1', CERTMAN_KEY_TYPE: 'nonsense' }, ['managementCluster']),
    ).toEqual({ managementCluster: 'hive-1' });
  });
});
