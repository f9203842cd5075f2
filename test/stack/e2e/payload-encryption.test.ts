/** Encrypted payloads on a real Temporal server: what it stores, the CLI, the codec server, rotation, missing keys, refusal. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { Client } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { executable } from '../../../local/stack/build/executables.ts';
import { startWorker, type WorkerProcess } from '../../../local/stack/worker-process.ts';
import { dependencyChanged, renew } from '../../../src/contract/cluster-certificates.ts';
import { clusterWorkflowId } from '../../../src/contract/ids.ts';
import { createDataConverter } from '../../../src/payloads/data-converter.ts';
import { PayloadKeyStore } from '../../../src/payloads/payload-key-store.ts';
import { findBrowser, startBrowser } from '../../support/e2e/browser.ts';
import { waitForCertificate } from '../../support/e2e/checks.ts';
import { createCluster, type E2eCluster } from '../../support/e2e/clusters.ts';
import { findSecrets, type SearchableText, secretPattern, textOf } from '../../support/e2e/find-secrets.ts';
import { useE2eHarness } from '../../support/e2e/harness.ts';
import { BAD_KEYS, rejectBadKeys } from '../../support/faults/rejected-aws-keys.ts';
import { newPayloadKey, payloadKeyFolder } from '../../support/payloads/payload-key-folder.ts';
import { endProcesses, expectExit, runCertman, startCertman } from '../../support/process/certman-process.ts';
import { workflowBundle } from '../../support/temporal/workflow-bundle.ts';
import { eventually } from '../../support/vitest/eventually.ts';
import { WAIT_TIMEOUT_MS } from '../../support/vitest/timeouts.ts';

const lab = useE2eHarness({ worker: false });
const KEYS = { k1: newPayloadKey(), k2: newPayloadKey(), k3: newPayloadKey() };
const folder = payloadKeyFolder({ active: 'k1', k1: KEYS.k1 });
const ENCRYPTED = { CERTMAN_PAYLOAD_KEYS: folder.path, CERTMAN_REQUIRE_ENCRYPTED_PAYLOADS: 'true' };

let cluster: E2eCluster;
let worker: WorkerProcess;
const nameOf = ({ namespace, name }: E2eCluster): string => `${namespace}/${name}`;
const handleOf = (client: Client) => client.workflow.getHandle(clusterWorkflowId(cluster.identity));

/** As an operator with the keys. */
function keyedClient(): Client {
  const { connection, options } = lab().client;
  const keys = new PayloadKeyStore(folder.path);
  return new Client({
    connection,
    namespace: options.namespace,
    dataConverter: createDataConverter({ keys, required: true }),
  });
}

async function certman(args: readonly string[], environment: Readonly<Record<string, string>> = ENCRYPTED) {
  return await expectExit(runCertman(args, { ...lab().commandEnvironment(), ...environment }));
}

/** Everything that Temporal stores of every run, without the search attributes. */
async function storedTexts(): Promise<readonly SearchableText[]> {
  const texts: SearchableText[] = [];
  const withoutSearchAttributes = (value: unknown) =>
    structuredCloneWithout(value, new Set(['searchAttributes', 'upsertWorkflowSearchAttributesEventAttributes']));
  for await (const { workflowId, runId } of keyedClient().workflow.list()) {
    const handle = lab().client.workflow.getHandle(workflowId, runId);
    const { events } = await handle.fetchHistory();
    texts.push({ where: `history of ${workflowId}`, text: textOf(withoutSearchAttributes(events)) });
    const { workflowService } = lab().client;
    const described = await workflowService.describeWorkflowExecution({
      namespace: lab().client.options.namespace,
      execution: { workflowId, runId },
    });
    texts.push({ where: `description of ${workflowId}`, text: textOf(withoutSearchAttributes(described)) });
  }
  return texts;
}

function structuredCloneWithout(value: unknown, names: ReadonlySet<string>): unknown {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  if (Array.isArray(value)) return value.map((item) => structuredCloneWithout(item, names));
  const kept = Object.entries(value).filter(([name]) => !names.has(name));
  return Object.fromEntries(kept.map(([name, item]) => [name, structuredCloneWithout(item, names)]));
}

async function keyIdsIn(workflowId: string): Promise<ReadonlySet<string>> {
  const text = textOf((await lab().client.workflow.getHandle(workflowId).fetchHistory()).events);
  return new Set([...text.matchAll(/encryption-key-id\n(\S+)/g)].map(([, id = '']) => id));
}

/** The reasons of failed workflow tasks of the cluster's workflow. */
async function failedTasks(): Promise<readonly string[]> {
  const { events = [] } = await handleOf(lab().client).fetchHistory();
  return events?.flatMap((event) => event.workflowTaskFailedEventAttributes?.failure?.message ?? []) ?? [];
}

async function serialAfter(previous: string | undefined): Promise<string> {
  return (await waitForCertificate(lab().kubernetes, cluster, previous)).serialNumber;
}

let serial: string;

beforeAll(async () => {
  rejectBadKeys(lab());
  worker = await lab().startWorker({ environment: ENCRYPTED });
  cluster = await createCluster(lab(), 'encrypted');
  const denied = await createCluster(lab(), 'denied', { installed: false });
  const patch = (kind: string, name: string, change: object) =>
    lab().stack.kubectl(['-n', denied.namespace, 'patch', kind, name, '--type=merge', '-p', JSON.stringify(change)]);
  await patch('secret', 'aws', { stringData: { aws_access_key_id: BAD_KEYS.AccessDenied } });
  await patch('clusterdeployment', denied.name, { spec: { installed: true } });
  serial = await serialAfter(undefined);
  await eventually(
    'the other cluster fails',
    () => lab().stack.kubectl(['-n', denied.namespace, 'get', 'certificaterequests', '-o', 'yaml']),
    (text) => text.includes('DnsAccessDenied'),
  );
});

afterAll(async () => {
  await endProcesses();
  folder.remove();
});

describe('with encryption', () => {
  test('Temporal stores no name, message or status in the clear', async () => {
    const texts = await storedTexts();
    expect(texts.filter(({ where }) => where.startsWith('history of')).length).toBeGreaterThan(4);
    const found = findSecrets(texts, [
      ...cluster.dnsNames.map((name) => secretPattern(name, name)),
      secretPattern('the zone', lab().zone.name),
      secretPattern('the serial number', serial),
      secretPattern('a failure', 'not authorized to perform'),
      secretPattern('the URL of an order', lab().ca.url),
    ]);
    expect(found).toEqual([]);
    // The same search finds what is there: types, and that failures are encoded.
    expect(findSecrets(texts, [secretPattern('a type', 'certificateIssuance')])).not.toEqual([]);
    expect(texts.some(({ text }) => text.includes('Encoded failure'))).toBe(true);
  });

  test('the status is that of the workflow with the keys, and of the resources without', async () => {
    // The Secret has the certificate before the workflow records it.
    const withKeys = async () => JSON.parse((await certman(['status', nameOf(cluster), '--json'])).stdout) as object;
    await expect
      .poll(withKeys)
      .toMatchObject({ source: 'temporal', certificates: [{ state: 'Ready', serialNumber: serial }] });
    const without = await certman(['status', nameOf(cluster)], {});
    expect(without.output).toContain('encrypted with the key k1');
    expect(without.output).toContain(cluster.dnsNames[0]);
    const fleet = await certman(['status', '--json'], {});
    expect(JSON.parse(fleet.stdout)).toMatchObject({ source: 'temporal', clusters: [{}, {}] });
  });

  test('the temporal CLI reads a history through the codec server', async () => {
    const server = await startCertman(['codec-server', '--listen', '127.0.0.1:0'], ENCRYPTED);
    const [, url = ''] = await server.waitForOutput(/listens on (http:\S+)/);
    const show = async (...more: readonly string[]) => {
      const id = clusterWorkflowId(cluster.identity);
      const args = ['workflow', 'show', '--address', lab().stack.temporal.address, '--workflow-id', id, '-o', 'json'];
      const { stdout } = await promisify(execFile)(await executable('temporal'), [...args, ...more]);
      const [, name = ''] = cluster.dnsNames;
      return findSecrets([{ where: 'the history', text: stdout }], [secretPattern('a name', name)]);
    };
    expect(await show('--codec-endpoint', url)).toEqual(['a name in the history']);
    expect(await show('--codec-endpoint', `${url}/{namespace}`)).toEqual(['a name in the history']);
    server.signal('SIGTERM');
    await expectExit(server.result());
  });

  const browserPath = findBrowser();
  test.skipIf(browserPath === undefined)('the Web UI shows a workflow through the codec server', async () => {
    const { uiUrl, namespace } = lab().stack.temporal;
    const listen = ['--listen', '127.0.0.1:0', '--origin', new URL(uiUrl).origin];
    const server = await startCertman(['codec-server', ...listen], ENCRYPTED);
    const [, url = ''] = await server.waitForOutput(/listens on (http:\S+)/);
    const browser = await startBrowser(browserPath ?? '');
    try {
      const page = await browser.newPage({ viewport: { width: 1600, height: 1000 } });
      page.setDefaultTimeout(WAIT_TIMEOUT_MS);
      // As its dialog "Codec Server" stores it.
      await page.addInitScript(`localStorage.setItem('endpoint', '${JSON.stringify(url)}')`);
      const id = encodeURIComponent(clusterWorkflowId(cluster.identity));
      await page.goto(new URL(`/namespaces/${namespace}/workflows/${id}`, uiUrl).href);
      await page.getByText(`Issue ${cluster.dnsNames[0]} and 2 more`).filter({ visible: true }).first().waitFor();
    } finally {
      await browser.close();
    }
    server.signal('SIGTERM');
    await server.result();
  });

  test('a new active key encrypts in a workflow that runs', async () => {
    folder.write({ active: 'k2', k1: KEYS.k1, k2: KEYS.k2 });
    const renewed = await certman(['renew', nameOf(cluster)]);
    expect(renewed.stdout).toContain('renewed');
    serial = await serialAfter(serial);
    // The run after the renewal has only what was encrypted since.
    await eventually(
      'the next run is encrypted with the new key',
      () => keyIdsIn(clusterWorkflowId(cluster.identity)),
      (ids) => [...ids].join() === 'k2',
    );
    expect(await readFile(worker.logFile, 'utf8')).toContain('the payload keys have changed');
  });

  test('a worker without the key says so and does nothing, until it has it', async () => {
    await lab().stopWorkers();
    const theirs = payloadKeyFolder({ active: 'k3', k3: KEYS.k3 });
    const logFile = `${lab().stack.stateDir}/logs/without-key.log`;
    const { stack, managementCluster } = lab();
    const starting = startWorker({
      stack,
      managementCluster,
      logFile,
      environment: {
        CERTMAN_ACME_DIRECTORY_URL: `${lab().ca.url}/dir`,
        CERTMAN_KEY_TYPE: 'p-256',
        CERTMAN_WORKFLOW_BUNDLE: workflowBundle().codePath,
        CERTMAN_PAYLOAD_KEYS: theirs.path,
      },
    });
    await eventually(
      'the log says which key is missing',
      () => readFile(logFile, 'utf8'),
      (log) => /encrypted with the key k1, and CERTMAN_PAYLOAD_KEYS does not have it/.test(log),
    );
    theirs.write({ active: 'k3', ...KEYS });
    const late = await starting;
    folder.write({ active: 'k3', ...KEYS });
    await handleOf(keyedClient()).executeUpdate(renew, { args: [{}] });
    serial = await serialAfter(serial);
    await late.stop();
    theirs.remove();
  });

  test('a message that is not encrypted is refused where encryption is required, and else processed', async () => {
    const strict = await lab().startWorker({ environment: ENCRYPTED });
    await handleOf(lab().client).signal(dependencyChanged, { what: 'something' });
    await eventually('the task fails', failedTasks, (reasons) =>
      reasons.some((reason) => /not encrypted.*json\/plain.*CERTMAN_REQUIRE_ENCRYPTED_PAYLOADS/.test(reason)),
    );
    await eventually(
      'the log has the code',
      () => readFile(strict.logFile, 'utf8'),
      (log) => log.includes('"code":"temporal/payloadRefused"'),
    );
    await strict.stop();
    await lab().startWorker({ environment: { ...ENCRYPTED, CERTMAN_REQUIRE_ENCRYPTED_PAYLOADS: 'false' } });
    // The server refuses updates while the last workflow task failed.
    await eventually(
      'the task is processed',
      () => handleOf(keyedClient()).describe(),
      ({ raw }) => !raw.pendingWorkflowTask,
    );
    await handleOf(keyedClient()).executeUpdate(renew, { args: [{}] });
    serial = await serialAfter(serial);
  });
});
