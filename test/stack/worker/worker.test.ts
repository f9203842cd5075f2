/** `certman worker` as a process, with a real API server, and a real Temporal server that is stopped and started. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { freePort } from '../../../local/stack/process/ports.ts';
import { watchWorkflowId } from '../../../src/contract/ids.ts';
import { CLUSTER_UID_MEMO } from '../../../src/contract/management-cluster-watch.ts';
import { SEARCH_ATTRIBUTES } from '../../../src/contract/search-attributes.ts';
import { GRPC_STATUS } from '../../../src/temporal/grpc-status.ts';
import { startTemporalFrontend } from '../../support/faults/temporal-frontend.ts';
import { type CommandProcess, endProcesses, expectExit, startCertman } from '../../support/process/certman-process.ts';
import { startTemporalServer, type TemporalServer } from '../../support/temporal/temporal-server.ts';
import { workflowBundle } from '../../support/temporal/workflow-bundle.ts';
import { eventually } from '../../support/vitest/eventually.ts';
import { useStack } from '../../support/vitest/use-stack.ts';

const folder = mkdtempSync(join(tmpdir(), 'certman-worker-'));
let temporal: TemporalServer;

function unreachableKubeconfig(port: number): string {
  const path = join(folder, 'kubeconfig');
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'management-cluster', cluster: { server: `https://127.0.0.1:${port}` } }],
    users: [{ name: 'certman', user: { token: 'none' } }],
    contexts: [{ name: 'management-cluster', context: { cluster: 'management-cluster', user: 'certman' } }],
    'current-context': 'management-cluster',
  };
  writeFileSync(path, JSON.stringify(config));
  return path;
}

interface WorkerSettings extends Readonly<Record<string, string>> {
  readonly CERTMAN_METRICS_ADDRESS: string;
  readonly CERTMAN_PROBE_ADDRESS: string;
  readonly CERTMAN_SDK_METRICS_ADDRESS: string;
}

/** For one worker, on free ports. */
async function settings(): Promise<WorkerSettings> {
  return {
    TEMPORAL_ADDRESS: temporal.address,
    KUBECONFIG: useStack().kubernetes.adminKubeconfig,
    CERTMAN_MANAGEMENT_CLUSTER: 'hive-1',
    CERTMAN_METRICS_ADDRESS: `127.0.0.1:${await freePort()}`,
    CERTMAN_PROBE_ADDRESS: `127.0.0.1:${await freePort()}`,
    CERTMAN_SDK_METRICS_ADDRESS: `127.0.0.1:${await freePort()}`,
    CERTMAN_SHUTDOWN_GRACE: '5s',
    CERTMAN_WORKFLOW_BUNDLE: workflowBundle().codePath,
  };
}

interface Answer {
  readonly status: number;
  readonly body: string;
}

const answersOf =
  ({ CERTMAN_METRICS_ADDRESS, CERTMAN_PROBE_ADDRESS }: WorkerSettings) =>
  async (path: string): Promise<Answer> => {
    const response = await fetch(
      `http://${path === '/metrics' ? CERTMAN_METRICS_ADDRESS : CERTMAN_PROBE_ADDRESS}${path}`,
    );
    return { status: response.status, body: await response.text() };
  };

const status = (expected: number) => (seen: Answer) => seen.status === expected;

beforeAll(async () => {
  temporal = await startTemporalServer();
});
afterEach(endProcesses);
afterAll(async () => {
  await temporal?.remove();
  rmSync(folder, { recursive: true, force: true });
});

describe('a worker', () => {
  it('registers the search attributes, starts the watch workflow, warns of a short retention, serves its metrics and those of the SDK', async () => {
    const environment = await settings();
    const worker = await startCertman(['worker'], environment);
    const get = answersOf(environment);
    await eventually('ready', () => get('/readyz'), status(200));
    await worker.waitForOutput(/retention 30d/);
    const { client, close } = await temporal.connect();
    try {
      const { customAttributes } = await client.connection.operatorService.listSearchAttributes({
        namespace: 'default',
      });
      for (const { name } of SEARCH_ATTRIBUTES) expect(Object.keys(customAttributes ?? {})).toContain(name);
      const described = await eventually(
        'the watch workflow runs',
        () => client.workflow.getHandle(watchWorkflowId('hive-1')).describe(),
        ({ status: state }) => state.name === 'RUNNING',
      );
      expect(described.type).toBe('managementClusterWatch');
    } finally {
      await close();
    }
    expect((await get('/metrics')).body).toContain('certman_operator_issued_certificates_count{action="create"} 0');
    const sdk = await fetch(`http://${environment.CERTMAN_SDK_METRICS_ADDRESS}/metrics`);
    expect(await sdk.text()).toContain('temporal_');
  });

  it('is alive, polls nothing and says why while it cannot identify its management cluster', async () => {
    const port = await freePort();
    const environment = { ...(await settings()), KUBECONFIG: unreachableKubeconfig(port) };
    const worker = await startCertman(['worker'], environment);
    await worker.waitForOutput(/waiting to identify the management cluster/);
    const get = answersOf(environment);
    expect(await get('/healthz')).toEqual({ status: 200, body: 'ok\n' });
    const waiting = await get('/readyz');
    expect(waiting.status).toBe(503);
    expect(waiting.body).toContain(`The management cluster cannot be identified yet: `);
    expect(worker.output()).not.toContain('the worker is running');
    worker.signal('SIGTERM');
    await expectExit(worker.result());
  });

  it.each(['terminated', 'running'])(
    'fails under the name of another management cluster, whose watch is %s',
    async (state) => {
      const { client, close } = await temporal.connect();
      const name = `taken-${state}`;
      try {
        const watch = await client.workflow.start('managementClusterWatch', {
          workflowId: watchWorkflowId(name),
          taskQueue: 'unpolled',
          memo: { [CLUSTER_UID_MEMO]: 'another-uid' },
        });
        if (state === 'terminated') await watch.terminate();
        const environment = { ...(await settings()), CERTMAN_MANAGEMENT_CLUSTER: name };
        const refused = await startCertman(['worker'], environment);
        await expectExit(refused.result(), 2);
        expect(refused.output()).toContain(`The name ${name} (CERTMAN_MANAGEMENT_CLUSTER) belongs to another`);
        expect(refused.output()).toContain('Set CERTMAN_MANAGEMENT_CLUSTER to a name that no other cluster');
        expect(refused.output()).not.toContain('the worker is running');
      } finally {
        await close();
      }
    },
  );

  it('fails to start twice on the same address, and names the setting', async () => {
    const environment = await settings();
    const first = await startCertman(['worker'], environment);
    await first.waitForOutput(/serving \/metrics/);
    const second = await startCertman(['worker'], environment);
    await expectExit(second.result(), 2);
    expect(second.output()).toContain('CERTMAN_METRICS_ADDRESS');
  });

  it('fails when the Temporal namespace is missing, with the command that creates it', async () => {
    const lost = await startCertman(['worker'], { ...(await settings()), TEMPORAL_NAMESPACE: 'nowhere' });
    await expectExit(lost.result(), 2);
    expect(lost.output()).toContain('temporal operator namespace create --namespace nowhere');
  });

  it('reports every problem with its settings before it does anything else', async () => {
    const wrong = await startCertman(['worker'], {
      ...(await settings()),
      CERTMAN_KEY_TYPE: 'md5',
      CERTMAN_MANAGEMENT_CLUSTER: 'No!',
    });
    await expectExit(wrong.result(), 2);
    expect(wrong.output()).toMatch(/CERTMAN_MANAGEMENT_CLUSTER is "No!".*CERTMAN_KEY_TYPE is "md5"/s);
  });

  it('waits while Temporal cannot read its namespace, says so, and starts when it can', async () => {
    const frontend = await startTemporalFrontend(temporal.address);
    onTestFinished(() => frontend.close());
    // As of a server whose store does not answer in time.
    frontend.refuse(GRPC_STATUS.NOT_FOUND, ({ path }) => path.endsWith('/ListSearchAttributes'));
    const environment = { ...(await settings()), TEMPORAL_ADDRESS: frontend.address };
    const worker = await startCertman(['worker'], environment);
    await worker.waitForOutput(/waiting for the Temporal namespace/);
    const get = answersOf(environment);
    expect(await get('/healthz')).toEqual({ status: 200, body: 'ok\n' });
    const waiting = await get('/readyz');
    expect(waiting.status).toBe(503);
    expect(waiting.body).toContain('of the Temporal namespace default cannot be read or registered yet: ');
    frontend.serve();
    await eventually('ready', () => get('/readyz'), status(200));
  });

  it('ends at once where Temporal denies the permission, with what to do', async () => {
    const frontend = await startTemporalFrontend(temporal.address);
    onTestFinished(() => frontend.close());
    frontend.refuse(GRPC_STATUS.PERMISSION_DENIED, () => true);
    const denied = await startCertman(['worker'], { ...(await settings()), TEMPORAL_ADDRESS: frontend.address });
    await expectExit(denied.result(), 2);
    expect(denied.output()).toContain(`Temporal at ${frontend.address} denies the permission`);
    expect(denied.output()).toContain('Have the rights of a worker in the namespace given');
  });

  it('ends after CERTMAN_START_TIMEOUT with what it waited for, why, and what to check', async () => {
    const address = `127.0.0.1:${await freePort()}`;
    const environment = { ...(await settings()), TEMPORAL_ADDRESS: address, CERTMAN_START_TIMEOUT: '1s' };
    const ended = await startCertman(['worker'], environment);
    await expectExit(ended.result(), 1);
    expect(ended.output()).toContain(
      `Temporal at ${address} is not reachable, 1 second after it began to wait (CERTMAN_START_TIMEOUT): Connection refused`,
    );
    expect(ended.output()).toContain('In a pod, the worker starts again by itself.');
  });

  it('exits on SIGTERM while it waits for Temporal', async () => {
    const waiting = await startCertman(['worker'], {
      ...(await settings()),
      TEMPORAL_ADDRESS: `127.0.0.1:${await freePort()}`,
    });
    await waiting.waitForOutput(/waiting for Temporal/);
    waiting.signal('SIGTERM');
    await expectExit(waiting.result());
  });
});

describe('while Temporal starts, stops and starts again', () => {
  let own: TemporalServer;
  let worker: CommandProcess;
  let get: ReturnType<typeof answersOf>;
  beforeEach(async () => {
    own = await startTemporalServer();
    await own.kill();
    const environment = { ...(await settings()), TEMPORAL_ADDRESS: own.address };
    get = answersOf(environment);
    worker = await startCertman(['worker'], environment);
    await worker.waitForOutput(/serving \/metrics/);
  });
  afterEach(() => own?.remove());

  it('a worker is always healthy, ready when Temporal is available, and exits gracefully on SIGTERM', async () => {
    await worker.waitForOutput(/waiting for Temporal/);
    expect(await get('/healthz')).toEqual({ status: 200, body: 'ok\n' });
    const waiting = await get('/readyz');
    expect(waiting.status).toBe(503);
    expect(waiting.body).toContain(own.address);

    await own.start();
    await eventually('ready', () => get('/readyz'), status(200));

    await own.kill();
    const unavailable = await eventually('not ready', () => get('/readyz'), status(503));
    expect(unavailable.body).toContain('Temporal does not respond');
    expect((await get('/healthz')).status).toBe(200);

    await own.start();
    await eventually('ready again', () => get('/readyz'), status(200));
    expect((await get('/healthz')).status).toBe(200);

    worker.signal('SIGTERM');
    await expectExit(worker.result());
    expect(worker.output()).toContain('the worker has ended');
  });
});
