import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ClusterIdentity } from '../../../src/clusters/cluster-view.ts';
import { clusterWorkflowId, watchStatus, watchWorkflowId } from '../../../workflows/contract.ts';
import { OPERATOR_NAMESPACE, useHub } from '../../support/hub.ts';
import { told } from '../../support/recording-workflows.ts';
import { ensureWatch, useWatchLab } from '../../support/watch-lab.ts';

const hub = useHub();
const lab = useWatchLab();
const children: ChildProcess[] = [];
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'watch-takeover-'));
});

afterEach(async () => {
  await Promise.all(children.splice(0).map(kill));
  await rm(folder, { recursive: true, force: true });
});

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
}

async function startWorker(hive: string, taskQueue: string, name: string): Promise<ChildProcess> {
  const kubeconfig = join(folder, 'kubeconfig.json');
  const bundle = join(folder, 'bundle.js');
  await writeFile(kubeconfig, hub().certmanConfig.exportConfig(), { mode: 0o600 });
  await writeFile(bundle, lab().bundle.code);
  const child = spawn(process.execPath, [fileURLToPath(new URL('../../support/watch-worker.ts', import.meta.url))], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      PATH: process.env['PATH'],
      WATCH_KUBECONFIG: kubeconfig,
      WATCH_BUNDLE: bundle,
      WATCH_TEMPORAL: lab().env.address,
      WATCH_TASK_QUEUE: taskQueue,
      WATCH_HIVE: hive,
      WATCH_WORKER: name,
      WATCH_OPERATOR_NAMESPACE: OPERATOR_NAMESPACE,
    },
  });
  children.push(child);
  await new Promise<void>((resolve, reject) => {
    child.stdout?.once('data', () => resolve());
    child.once('exit', (code) => reject(new Error(`the worker ended with ${code}`)));
  });
  return child;
}

async function make(): Promise<ClusterIdentity> {
  return (await hub().cluster()).view.identity;
}

async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  for (const end = performance.now() + 40_000; !(await condition()); ) {
    if (performance.now() > end) throw new Error(`not within 40 s: ${what}`);
    await sleep(50);
  }
}

test('the watch goes on within seconds on another worker when its process is killed, with no gap and nothing told twice', async () => {
  const hive = `hive-${crypto.randomUUID().slice(0, 8)}`;
  const taskQueue = `watch-${hive}`;
  const { client } = lab().env;
  const handle = client.workflow.getHandle(watchWorkflowId(hive));
  const heard = async (cluster: ClusterIdentity) =>
    await client.workflow
      .getHandle(clusterWorkflowId({ ...cluster, hive }))
      .query(told)
      .catch(() => undefined);

  const first = await startWorker(hive, taskQueue, 'worker-1');
  await ensureWatch(lab().env, hive, taskQueue);
  const before = await make();
  await until('the first cluster', async () => (await heard(before)) !== undefined);
  await startWorker(hive, taskQueue, 'worker-2');
  await sleep(3_000);

  await kill(first);
  const killedAt = performance.now();
  const between = await make();
  await until('the cluster made after the kill', async () => (await heard(between)) !== undefined);
  const seconds = (performance.now() - killedAt) / 1000;
  expect(seconds).toBeLessThan(15);
  expect(await handle.query(watchStatus)).toMatchObject({ watching: { worker: 'worker-2' }, takeovers: 2 });
  await sleep(1_500);
  expect(await heard(before)).toEqual(['observed']);
  expect(await heard(between)).toEqual(['observed']);
  console.log(`taken over ${seconds.toFixed(1)} s after the kill`);
}, 120_000);
