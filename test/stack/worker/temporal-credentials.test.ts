/** API keys and client certificates in files that change while a worker runs, at a frontend that admits only some of them. */
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { freePort } from '../../../local/stack/process/ports.ts';
import { watchWorkflowId } from '../../../src/contract/ids.ts';
import { type SelfSigned, selfSigned } from '../../support/certificates/self-signed.ts';
import { type CommandProcess, endProcesses, startCertman } from '../../support/process/certman-process.ts';
import { type SecuredFrontend, startSecuredFrontend } from '../../support/temporal/secured-frontend.ts';
import { startTemporalServer, type TemporalServer } from '../../support/temporal/temporal-server.ts';
import { workflowBundle } from '../../support/temporal/workflow-bundle.ts';
import { eventually } from '../../support/vitest/eventually.ts';
import { useStack } from '../../support/vitest/use-stack.ts';

const stack = useStack();
const folder = mkdtempSync(join(tmpdir(), 'certman-credentials-'));
let temporal: TemporalServer;
let frontend: SecuredFrontend;
let name = 0;

beforeAll(async () => {
  temporal = await startTemporalServer();
});
beforeEach(async () => {
  name += 1;
  const read = (pem: string) => readFileSync(join(stack.stateDir, 'tls', pem), 'utf8');
  frontend = await startSecuredFrontend(temporal.address, { cert: read('tls.crt'), key: read('tls.key') });
});
afterEach(async () => {
  await endProcesses();
  await frontend.close();
});
afterAll(async () => {
  await temporal?.remove();
  rmSync(folder, { recursive: true, force: true });
});

function file(content: string, of = 'credential'): string {
  const path = join(folder, of);
  writeFileSync(path, content);
  return path;
}

interface StartedWorker {
  readonly process: CommandProcess;
  ready(): Promise<void>;
}

async function startWorker(credentials: Readonly<Record<string, string>>): Promise<StartedWorker> {
  const probes = `127.0.0.1:${await freePort()}`;
  const process = await startCertman(['worker'], {
    TEMPORAL_ADDRESS: frontend.address,
    TEMPORAL_TLS_SERVER_CA_CERT_PATH: join(stack.stateDir, 'tls', 'ca.crt'),
    KUBECONFIG: stack.kubernetes.adminKubeconfig,
    CERTMAN_MANAGEMENT_CLUSTER: `hive-${name}`,
    CERTMAN_METRICS_ADDRESS: '127.0.0.1:0',
    CERTMAN_PROBE_ADDRESS: probes,
    CERTMAN_SDK_METRICS_ADDRESS: 'off',
    CERTMAN_SHUTDOWN_GRACE: '5s',
    CERTMAN_WORKFLOW_BUNDLE: workflowBundle().codePath,
    ...credentials,
  });
  const ready = async (): Promise<void> => {
    const status = async () => (await fetch(`http://${probes}/readyz`)).status;
    await eventually('the worker is ready', status, (seen) => seen === 200);
  };
  return { process, ready };
}

/** Workflow tasks, activity heartbeats and the controller's own requests get through. */
async function works(): Promise<void> {
  const { client, close } = await temporal.connect();
  try {
    const watch = client.workflow.getHandle(watchWorkflowId(`hive-${name}`));
    // A worker is ready before it has started the watch.
    await eventually(
      'the watch answers',
      () => watch.query('__temporal_workflow_metadata'),
      () => true,
    );
    const heartbeat = async () => {
      const [activity] = (await watch.describe()).raw.pendingActivities ?? [];
      return Number(activity?.lastHeartbeatTime?.seconds ?? 0);
    };
    const before = await eventually('a heartbeat', heartbeat, (at) => at > 0);
    await eventually('a later heartbeat', heartbeat, (at) => at > before);
  } finally {
    await close();
  }
}

/** Waits until the worker uses only these; the others are not admitted any more. */
async function onlyUses(credential: string): Promise<void> {
  await eventually(
    'the new credential is used',
    () => Promise.resolve(frontend.takeSeen()),
    (seen) => seen.has(credential),
  );
  frontend.admit([credential]);
  frontend.takeSeen();
}

test('an API key: rejected at first, then replaced while the worker runs', async () => {
  frontend.admit(['key-a']);
  const path = file('key-wrong\n');
  const worker = await startWorker({ CERTMAN_TEMPORAL_API_KEY_FILE: path });
  await worker.process.waitForOutput(/waiting for Temporal/);
  file('key-a\n');
  await worker.ready();
  frontend.admit(['key-a', 'key-b']);
  file('key-b\n');
  await onlyUses('key-b');
  await worker.ready();
  await works();
  // What cannot be read changes nothing.
  file('');
  await worker.process.waitForOutput(/the new credentials of Temporal cannot be used/);
  await works();
  expect([...frontend.takeSeen()]).toEqual(['key-b']);
  expect(worker.process.output()).not.toMatch(/key-[ab]/);
});

test('a client certificate, replaced while the worker runs', async () => {
  const valid = { notBefore: new Date(Date.now() - 3_600_000), notAfter: new Date(Date.now() + 3_600_000) };
  const [one, other] = [selfSigned(valid), selfSigned(valid)];
  const fingerprint = ({ chainPem }: SelfSigned) => new X509Certificate(chainPem).fingerprint256;
  frontend.admit([fingerprint(one), fingerprint(other)]);
  const worker = await startWorker({
    TEMPORAL_TLS_CLIENT_CERT_PATH: file(one.chainPem, 'tls.crt'),
    TEMPORAL_TLS_CLIENT_KEY_PATH: file(one.keyPem, 'tls.key'),
  });
  await worker.ready();
  expect([...frontend.takeSeen()]).toEqual([fingerprint(one)]);
  // Between the two writes the pair does not match.
  file(other.chainPem, 'tls.crt');
  file(other.keyPem, 'tls.key');
  await onlyUses(fingerprint(other));
  await worker.ready();
  await works();
  expect([...frontend.takeSeen()]).toEqual([fingerprint(other)]);
});
