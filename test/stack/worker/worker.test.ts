/** `certman worker` as a process, beside a real Temporal server that comes, goes and comes back. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SEARCH_ATTRIBUTES, watchWorkflowId } from '../../../workflows/contract.ts';
import { freePort, TemporalProcess } from '../../support/temporal-process.ts';
import { type CommandProcess, endProcesses, startCertman } from '../../support/worker-process.ts';
import { eventually } from '../../support/workflow-lab.ts';

const folder = mkdtempSync(join(tmpdir(), 'certman-worker-'));
let temporal: TemporalProcess;
let environment: Readonly<Record<string, string>>;
let worker: CommandProcess;
let url: string;

/** A hub whose API server is away, for as long as this test runs: liveness must not care. */
function kubeconfigToNowhere(port: number): string {
  const path = join(folder, 'kubeconfig');
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'hub', cluster: { server: `https://127.0.0.1:${port}` } }],
    users: [{ name: 'certman', user: { token: 'none' } }],
    contexts: [{ name: 'hub', context: { cluster: 'hub', user: 'certman' } }],
    'current-context': 'hub',
  };
  writeFileSync(path, JSON.stringify(config));
  return path;
}

async function get(path: string): Promise<{ readonly status: number; readonly body: string }> {
  const response = await fetch(`${url}${path}`);
  return { status: response.status, body: await response.text() };
}

const status = (expected: number) => (seen: { readonly status: number }) => seen.status === expected;

beforeAll(async () => {
  temporal = await TemporalProcess.prepare();
  environment = {
    TEMPORAL_ADDRESS: temporal.address,
    KUBECONFIG: kubeconfigToNowhere(await freePort()),
    CERTMAN_HIVE: 'hub-1',
    CERTMAN_METRICS_ADDRESS: `127.0.0.1:${await freePort()}`,
    CERTMAN_SDK_METRICS_ADDRESS: `127.0.0.1:${await freePort()}`,
    CERTMAN_SHUTDOWN_GRACE: '5s',
  };
  worker = startCertman(['worker'], environment);
  url = `http://${environment['CERTMAN_METRICS_ADDRESS']}`;
  await worker.says(/serving \/metrics/);
}, 60_000);

afterAll(async () => {
  await endProcesses();
  await temporal.remove();
  rmSync(folder, { recursive: true, force: true });
});

describe('a worker', () => {
  it('is healthy and not ready while Temporal is not there yet, and says why', async () => {
    await worker.says(/waiting for Temporal/);
    expect(await get('/healthz')).toEqual({ status: 200, body: 'ok\n' });
    const ready = await get('/readyz');
    expect(ready.status).toBe(503);
    expect(ready.body).toContain(temporal.address);
  });

  it('goes on by itself once Temporal is there', async () => {
    await temporal.start();
    await eventually('ready', () => get('/readyz'), status(200), 30_000);
  }, 60_000);

  it('has registered the search attributes and started the watch', async () => {
    const { client, close } = await temporal.client();
    try {
      const { customAttributes } = await client.connection.operatorService.listSearchAttributes({
        namespace: 'default',
      });
      for (const { name } of SEARCH_ATTRIBUTES) expect(Object.keys(customAttributes ?? {})).toContain(name);
      const described = await eventually(
        'the watch runs',
        () => client.workflow.getHandle(watchWorkflowId('hub-1')).describe(),
        ({ status: state }) => state.name === 'RUNNING',
      );
      expect(described.type).toBe('managementClusterWatch');
    } finally {
      await close();
    }
  }, 30_000);

  it('serves its metrics, and those of the Temporal SDK on another port', async () => {
    expect((await get('/metrics')).body).toContain('certman_operator_issued_certificates_count{action="create"} 0');
    const sdk = await fetch(`http://${environment['CERTMAN_SDK_METRICS_ADDRESS']}/metrics`);
    expect(await sdk.text()).toContain('temporal_');
  });

  it('warns of a retention that is too short', async () => {
    await worker.says(/retention 30d/);
  });

  it('refuses to be started twice on the same address, and names the setting', async () => {
    const second = startCertman(['worker'], environment);
    expect(await second.exit()).toEqual({ code: 2, signal: null });
    expect(second.output()).toContain('CERTMAN_METRICS_ADDRESS');
  }, 30_000);

  it('says that a Temporal namespace is missing, and how to make it', async () => {
    const other = { CERTMAN_METRICS_ADDRESS: '127.0.0.1:0', CERTMAN_SDK_METRICS_ADDRESS: 'off' };
    const lost = startCertman(['worker'], { ...environment, ...other, TEMPORAL_NAMESPACE: 'nowhere' });
    expect(await lost.exit()).toEqual({ code: 2, signal: null });
    expect(lost.output()).toContain('temporal operator namespace create --namespace nowhere');
  }, 30_000);

  it('is healthy and not ready while Temporal is away, and ready again when it is back', async () => {
    await temporal.stop();
    const away = await eventually('not ready', () => get('/readyz'), status(503), 15_000);
    expect(away.body).toContain('Temporal does not answer');
    expect((await get('/healthz')).status).toBe(200);
    await temporal.start();
    await eventually('ready again', () => get('/readyz'), status(200), 30_000);
    expect((await get('/healthz')).status).toBe(200);
  }, 90_000);

  it('ends in good order on SIGTERM, within its grace', async () => {
    worker.signal('SIGTERM');
    expect(await worker.exit(15_000)).toEqual({ code: 0, signal: null });
    expect(worker.output()).toContain('the worker has ended');
  }, 30_000);

  it('ends on SIGTERM while it still waits for Temporal', async () => {
    const waiting = startCertman(['worker'], { ...environment, TEMPORAL_ADDRESS: `127.0.0.1:${await freePort()}` });
    await waiting.says(/waiting for Temporal/);
    waiting.signal('SIGTERM');
    expect(await waiting.exit(10_000)).toEqual({ code: 0, signal: null });
  }, 30_000);

  it('says everything that is wrong with its settings before it does anything', async () => {
    const wrong = startCertman(['worker'], { ...environment, CERTMAN_KEY_TYPE: 'md5', CERTMAN_HIVE: 'No!' });
    expect(await wrong.exit()).toEqual({ code: 2, signal: null });
    expect(wrong.output()).toMatch(/CERTMAN_HIVE is "No!".*CERTMAN_KEY_TYPE is "md5"/s);
  }, 30_000);
});
