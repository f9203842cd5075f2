/** `docker compose` as README and docker-compose.yml describe it, from `up` to `down --volumes`. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { Resolver } from 'node:dns/promises';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest';
import { FILES, PORTS, STEPS, ZONE } from '../../local/compose/endpoints.ts';
import { sendRequest } from '../../local/stack/http.ts';
import { sampleCluster } from '../../local/stack/management-cluster/sample-cluster.ts';
import { type AcmeManagement, certificateStatus } from '../../local/stack/parts/pebble.ts';
import { readComposeFile } from '../support/compose/compose-file.ts';
import { eventually } from '../support/vitest/eventually.ts';
import { dockerCli, PROJECT } from './engine/docker-cli.ts';

const BUILD_TIMEOUT_MS = 30 * 60_000;
const SAMPLE = sampleCluster('sample', ZONE);
const AT = `${SAMPLE.namespace}/${SAMPLE.name}`;

const engine = inject('engine');
const { compose, docker } = dockerCli(engine);
const { services } = readComposeFile();

/** The command in the documentation. */
const kubectl = (...args: readonly string[]) => compose(['run', '--rm', 'kubectl', ...args]);
const certman = (...args: readonly string[]) => compose(['exec', 'worker', 'node', 'bin/certman.js', ...args]);

interface Container {
  readonly Service: string;
  readonly State: string;
  readonly ExitCode: number;
}

/** One JSON object per line. */
async function containers(): Promise<readonly Container[]> {
  const listed = await compose(['ps', '--all', '--format', 'json']);
  return listed
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Container);
}

interface Request {
  readonly status?: {
    readonly serialNumber?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

/** Serial number of the sample's certificate; empty while it is not Ready. */
async function readySerialNumber(): Promise<string> {
  const listed = JSON.parse(await kubectl('get', 'certificaterequests', '-A', '-o', 'json')) as {
    readonly items: readonly Request[];
  };
  const status = listed.items[0]?.status;
  const ready = status?.conditions?.some(({ type, status: holds }) => type === 'Ready' && holds === 'True') === true;
  return ready ? (status.serialNumber ?? '') : '';
}

async function issued(): Promise<string> {
  return await eventually('the certificate is Ready', readySerialNumber, (serial) => serial !== '');
}

async function up(): Promise<void> {
  await compose(['up', '--detach']);
}

describe.skipIf('reason' in engine)('docker compose', () => {
  let folder: string;
  let first = '';
  let second = '';
  const acme = (): AcmeManagement => ({
    managementUrl: `https://127.0.0.1:${PORTS.acmeManagement}`,
    caFile: join(folder, 'ca.crt'),
  });

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'certman-compose-test-'));
    await compose(['build'], { timeoutMs: BUILD_TIMEOUT_MS });
  }, BUILD_TIMEOUT_MS);

  afterEach(async ({ task }) => {
    if (task.result?.state !== 'fail') return;
    process.stderr.write(await compose(['ps', '--all']));
    process.stderr.write(await compose(['logs', '--no-color', '--tail', '30']));
  });

  afterAll(async () => {
    await compose(['down', '--volumes']);
    await rm(folder, { recursive: true, force: true });
  });

  test('`up` issues a certificate for the sample cluster', async () => {
    const start = performance.now();
    await up();
    first = await issued();
    const seconds = (performance.now() - start) / 1000;
    process.stdout.write(`a certificate ${seconds.toFixed(1)} s after docker compose up\n`);
    await compose(['cp', `worker:${FILES.caFile}`, acme().caFile]);
  });

  test('every service runs, and every one-shot service has exited with code 0', async () => {
    const seen = await eventually(
      'the steps have ended',
      containers,
      (all) => all.filter(({ State }) => State === 'exited').length >= STEPS.length,
    );
    const wanted = Object.entries(services)
      .filter(([, { profiles }]) => profiles === undefined)
      .map(([name]) => [name, (STEPS as readonly string[]).includes(name) ? 'exited 0' : 'running 0']);
    const found = seen.map(({ Service, State, ExitCode }) => [Service, `${State} ${ExitCode}`]);
    expect(Object.fromEntries(found)).toEqual(Object.fromEntries(wanted));
  });

  test('the Secret holds key and certificate with every name and the serial number in the status', async () => {
    const secret = JSON.parse(
      await kubectl('get', 'secret', SAMPLE.secretName, '-n', SAMPLE.namespace, '-o', 'json'),
    ) as { readonly data: Readonly<Record<string, string>> };
    const pem = (key: string): string => Buffer.from(secret.data[key] ?? '', 'base64').toString();
    const certificate = new X509Certificate(pem('tls.crt'));
    expect(certificate.checkPrivateKey(createPrivateKey(pem('tls.key')))).toBe(true);
    expect(BigInt(`0x${certificate.serialNumber}`)).toBe(BigInt(first));
    for (const name of SAMPLE.dnsNames) expect(certificate.subjectAltName).toContain(`DNS:${name}`);
    expect(await certificateStatus(acme(), first)).toMatchObject({ Status: 'Valid' });
  });

  test('`kubectl get certificaterequests` shows the certificate', async () => {
    const table = await kubectl('get', 'certificaterequests', '-A');
    expect(table).toMatch(new RegExp(`^${SAMPLE.namespace} +${SAMPLE.requestName} +True `, 'm'));
  });

  test('`certman status` shows the certificate', async () => {
    await eventually(
      'status',
      () => certman('status'),
      (text) => new RegExp(`^${AT} +Ready `, 'm').test(text),
    );
  });

  test('the Web UI shows the workflow of the cluster', async () => {
    const page = await sendRequest(`http://127.0.0.1:${PORTS.temporalUi}/`);
    expect(page.status).toBe(200);
    expect(page.body).toContain('<html');
    const listed = await sendRequest(`http://127.0.0.1:${PORTS.temporalUi}/api/v1/namespaces/default/workflows`);
    const { executions } = JSON.parse(listed.body) as {
      readonly executions: readonly { readonly type: { readonly name: string }; readonly status: string }[];
    };
    const found = executions.find(({ type }) => type.name === 'clusterCertificates');
    expect(found?.status).toBe('WORKFLOW_EXECUTION_STATUS_RUNNING');
  });

  test('the namespace has the retention that the worker requires', async () => {
    expect(await compose(['logs', 'worker'])).not.toContain('Temporal keeps closed executions for less');
  });

  test('the worker serves its metrics', async () => {
    const metrics = await sendRequest(`http://127.0.0.1:${PORTS.metrics}/metrics`);
    expect(metrics.status).toBe(200);
    expect(metrics.body).toMatch(/^certman_/m);
    expect((await sendRequest(`http://127.0.0.1:${PORTS.probes}/readyz`)).status).toBe(200);
  });

  test('every published port accepts connections', async () => {
    const published = Object.values(services).flatMap(({ ports = [] }) => ports);
    for (const port of published.filter((one) => !one.endsWith('/udp'))) {
      const connection = connect(Number(port.split(':')[1]), '127.0.0.1');
      await once(connection, 'connect');
      connection.destroy();
    }
  });

  test('DNS returns no challenge TXT record over UDP', async () => {
    const resolver = new Resolver({ timeout: 10_000, tries: 4 });
    resolver.setServers([`127.0.0.1:${PORTS.dns}`]);
    const record = `_acme-challenge.${SAMPLE.dnsNames[0] ?? ''}`;
    await eventually(
      'the TXT record is withdrawn',
      () => resolver.resolveTxt(record).then(JSON.stringify, ({ code }: NodeJS.ErrnoException) => code ?? ''),
      (answer) => ['ENOTFOUND', 'ENODATA'].includes(answer),
    );
  });

  test('`certman renew` issues another certificate', async () => {
    expect(await certman('renew', AT)).toContain('renewed by');
    second = await eventually('another serial number', readySerialNumber, (serial) => !['', first].includes(serial));
    expect(await certificateStatus(acme(), second)).toMatchObject({ Status: 'Valid' });
  });

  test('`kubectl delete clusterdeployment` revokes the certificates and leaves no objects', async () => {
    await kubectl('delete', 'clusterdeployment', SAMPLE.name, '-n', SAMPLE.namespace);
    const kinds = 'clusterdeployments,certificaterequests,secrets';
    await eventually(
      'only the credentials of the cloud are left',
      () => kubectl('get', kinds, '-n', SAMPLE.namespace, '-o', 'name'),
      (names) => names.trim() === 'secret/aws',
    );
    for (const serial of [first, second]) {
      expect(await certificateStatus(acme(), serial)).toMatchObject({ Status: 'Revoked' });
    }
  });

  test('`down` and `up` create a new sample on the existing volume', async () => {
    await compose(['down']);
    await up();
    const third = await issued();
    expect([first, second]).not.toContain(third);
  });

  test('the worker exits on its own when it is stopped', async () => {
    await compose(['stop', 'worker']);
    const worker = (await containers()).find(({ Service }) => Service === 'worker');
    expect(worker).toMatchObject({ State: 'exited', ExitCode: 0 });
  });

  test('`down --volumes` leaves no container, network or volume', async () => {
    await compose(['down', '--volumes']);
    const filter = ['--quiet', '--filter', `label=com.docker.compose.project=${PROJECT}`];
    expect(await docker(['ps', '--all', ...filter])).toBe('');
    expect(await docker(['network', 'ls', ...filter])).toBe('');
    expect(await docker(['volume', 'ls', ...filter])).toBe('');
  });
});
