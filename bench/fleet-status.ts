/** `certman status` of a fleet, and what of it is the server's: on the development server, and on one of production. */
import { execFile } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Client } from '@temporalio/client';
import { TypedSearchAttributes } from '@temporalio/common';
import proto from '@temporalio/proto';
import pLimit from 'p-limit';
import { pino } from 'pino';
import { buildProgram } from '../local/image/built-program.ts';
import type { Part } from '../local/stack/parts/part.ts';
import { startPostgres } from '../local/stack/parts/postgres.ts';
import { startTemporal, type Temporal } from '../local/stack/parts/temporal.ts';
import { startTemporalServer } from '../local/stack/parts/temporal-server.ts';
import { poll } from '../local/stack/poll.ts';
import { runningClustersQuery } from '../src/cli/cluster-workflow.ts';
import { attentionFromTemporal } from '../src/cli/status/from-temporal.ts';
import type { FleetReport } from '../src/cli/status/status-view.ts';
import { clusterMemo } from '../src/contract/cluster-memo.ts';
import { certClusterOf, clusterWorkflowId, taskQueueOf } from '../src/contract/ids.ts';
import {
  CertCluster,
  CertExpiry,
  CertIssuer,
  CertNames,
  CertReason,
  CertRenewAt,
  CertState,
} from '../src/contract/search-attributes.ts';
import { workflowPages } from '../src/controller/workflow-pages.ts';
import { connect } from '../src/temporal/connect.ts';
import { registerSearchAttributes, waitForSearchAttributes } from '../src/worker/namespace-setup.ts';
import { bundleView, clusterView } from '../test/support/workflows/cluster-views.ts';
import { type Column, columnsTable } from './markdown-table.ts';
import { endedChildrenCpuSeconds, processTreeCpuSeconds } from './process-figures.ts';
import { progressLog } from './progress-log.ts';
import { median, round } from './statistics.ts';

/** Options of {@link benchStatus}. */
export interface StatusBenchOptions {
  readonly clusters: number;
  readonly stores: readonly StatusBenchStore[];
  readonly stateDir: string;
}

/** `sqlite`: the development server; `postgres`: the server of production. */
export type StatusBenchStore = 'sqlite' | 'postgres';

/** Of one server. Each figure is the median of three. */
export interface StatusBenchRun {
  readonly store: StatusBenchStore;
  readonly clusters: number;
  /** `certman status -o json`. */
  readonly jsonSeconds: number;
  /** `certman status` on a terminal. */
  readonly tableSeconds: number;
  /** CPU time of the command with `-o json`. */
  readonly commandCpuSeconds: number;
  /** CPU time of the server with its store, meanwhile. */
  readonly serverCpuSeconds: number;
  /** `certman status -n` of a namespace with one cluster. */
  readonly oneSeconds: number;
  /** The list alone, in a process that runs already: what the server takes. */
  readonly listSeconds: number;
  readonly listCpuSeconds: number;
  /** What the table on a terminal asks for instead: those that need attention, one in a hundred, and a count. */
  readonly attentionSeconds: number;
  readonly attentionCpuSeconds: number;
  /** What a workflow takes in the answer, before it is compressed. */
  readonly bytesPerCluster: number;
}

/** Last line of the bench, as JSON. */
export interface StatusBenchResult {
  readonly runs: readonly StatusBenchRun[];
}

const MANAGEMENT_CLUSTER = 'bench-status';
const RUNS = 3;
const STARTS_AT_ONCE = 32;
const DAY_MS = 86_400_000;
const PAUSE_BEFORE_LAST_MS = 12_000;
const VISIBLE_WITHIN_MS = 120_000;
/** Of a large fleet, as JSON. */
const MAX_OUTPUT_BYTES = 1024 * 1024 * 1024;

/** The workflows have the memo and search attributes of clusters at rest, and no worker: a list needs none. */
export async function benchStatus({ clusters, stores, stateDir }: StatusBenchOptions): Promise<StatusBenchResult> {
  const program = await buildProgram(stateDir);
  const runs: StatusBenchRun[] = [];
  for (const store of stores) {
    const run = await measureStore(store, clusters, program, join(stateDir, store));
    process.stdout.write(`\n${columnsTable(COLUMNS, [run])}\n\n`);
    runs.push(run);
  }
  return { runs };
}

const COLUMNS: readonly Column<StatusBenchRun>[] = [
  ['server', ({ store }) => store],
  ['clusters', ({ clusters }) => clusters],
  ['certman status on a terminal, s', ({ tableSeconds }) => tableSeconds],
  ['certman status -o json, s', ({ jsonSeconds }) => jsonSeconds],
  ['CPU of the command, s', ({ commandCpuSeconds }) => commandCpuSeconds],
  ['CPU of the server, s', ({ serverCpuSeconds }) => serverCpuSeconds],
  ['of one namespace, s', ({ oneSeconds }) => oneSeconds],
  ['the list alone, s', ({ listSeconds }) => listSeconds],
  ['CPU of the server, s', ({ listCpuSeconds }) => listCpuSeconds],
  ['count and those that need attention, s', ({ attentionSeconds }) => attentionSeconds],
  ['CPU of the server, s', ({ attentionCpuSeconds }) => attentionCpuSeconds],
  ['bytes of a cluster', ({ bytesPerCluster }) => bytesPerCluster],
];

async function measureStore(
  store: StatusBenchStore,
  clusters: number,
  program: string,
  stateDir: string,
): Promise<StatusBenchRun> {
  const progress = progressLog();
  progress(`starting Temporal (${store})`);
  await rm(stateDir, { recursive: true, force: true });
  await mkdir(stateDir, { recursive: true });
  const { temporal, parts } = await startServer(store, stateDir);
  const connection = await connect({ address: temporal.address });
  try {
    const client = new Client({ connection, namespace: temporal.namespace });
    const logger = pino({ level: 'silent' });
    await registerSearchAttributes(connection, temporal.namespace, logger);
    await waitForSearchAttributes(connection, temporal.namespace, logger, new AbortController().signal);
    await startSleepers(client, clusters, progress);
    const command = (...args: readonly string[]) => runCommand(program, temporal, args);
    const serverCpu = () => sumCpuSeconds(parts);
    const [json, table, namespaced, list, attention] = Array.from({ length: 5 }, (): Timed[] => []) as Timings;
    let bytesPerCluster = 0;
    for (let run = 0; run < RUNS; run += 1) {
      json.push(await timed(serverCpu, () => command('-o', 'json').then((text) => requireClusters(text, clusters))));
      table.push(await timed(serverCpu, async () => requireTable(await runOnTerminal(program, temporal), clusters)));
      namespaced.push(await timed(serverCpu, () => command('-n', 'uhc-production-1', '-o', 'json')));
      list.push(
        await timed(serverCpu, async () => {
          bytesPerCluster = Math.round((await listBytes(client)) / clusters);
        }),
      );
      attention.push(
        await timed(serverCpu, async () =>
          requireAttention(await attentionFromTemporal(client, MANAGEMENT_CLUSTER), clusters),
        ),
      );
    }
    const middle = (times: readonly Timed[], figure: keyof Timed) =>
      round(median(times.map((time) => time[figure])), 2);
    progress('measured');
    return {
      store,
      clusters,
      tableSeconds: middle(table, 'seconds'),
      jsonSeconds: middle(json, 'seconds'),
      commandCpuSeconds: middle(json, 'commandCpu'),
      serverCpuSeconds: middle(json, 'serverCpu'),
      oneSeconds: middle(namespaced, 'seconds'),
      listSeconds: middle(list, 'seconds'),
      listCpuSeconds: middle(list, 'serverCpu'),
      attentionSeconds: middle(attention, 'seconds'),
      attentionCpuSeconds: middle(attention, 'serverCpu'),
      bytesPerCluster,
    };
  } finally {
    await connection.close();
    for (const part of parts) await part.stop();
    for (const part of parts) await part.remove?.();
  }
}

async function startServer(
  store: StatusBenchStore,
  stateDir: string,
): Promise<{ readonly temporal: Temporal; readonly parts: readonly Part[] }> {
  if (store === 'sqlite') {
    const temporal = await startTemporal({ stateDir });
    return { temporal, parts: [temporal] };
  }
  const postgres = await startPostgres({ stateDir });
  try {
    const temporal = await startTemporalServer({ stateDir }, postgres);
    return { temporal, parts: [temporal, postgres] };
  } catch (error) {
    await postgres.stop();
    await postgres.remove?.();
    throw error;
  }
}

/** One in a hundred. */
function isFailing(index: number): boolean {
  return index % 100 === 0;
}

async function startSleepers(client: Client, clusters: number, progress: (text: string) => void): Promise<void> {
  const limit = pLimit(STARTS_AT_ONCE);
  let started = 0;
  const start = async (index: number): Promise<void> => {
    const [namespace, name] = [`uhc-production-${index}`, `cluster-${index}`];
    const identity = { managementCluster: MANAGEMENT_CLUSTER, namespace, name, uid: crypto.randomUUID() };
    const names = ['api', 'rh-api', '*.apps'].map((label) => `${label}.${name}.abcd.p1.openshiftapps.com`);
    const view = clusterView({ identity, bundles: [bundleView('primary-cert-bundle', ...names)] });
    const expiry = Date.now() + (46 + (index % 40)) * DAY_MS;
    await client.workflow.start('clusterCertificates', {
      workflowId: clusterWorkflowId(identity),
      taskQueue: taskQueueOf(MANAGEMENT_CLUSTER),
      args: [{ cluster: view }],
      memo: clusterMemo(view),
      typedSearchAttributes: new TypedSearchAttributes([
        { key: CertCluster, value: certClusterOf(identity) },
        { key: CertState, value: isFailing(index) ? 'Failing' : 'Ready' },
        { key: CertReason, value: isFailing(index) ? 'DnsNotDelegated' : 'Ready' },
        { key: CertIssuer, value: 'R12' },
        { key: CertNames, value: names },
        { key: CertExpiry, value: new Date(expiry) },
        { key: CertRenewAt, value: new Date(expiry - 45 * DAY_MS) },
      ]),
    });
    started += 1;
    if (started % 1_000 === 0) progress(`${started} workflows started`);
  };
  await Promise.all(Array.from({ length: clusters - 1 }, (_, index) => limit(() => start(index + 1))));
  // A list asks again for what started shortly before its newest run: of a fleet at rest, for that one.
  await sleep(PAUSE_BEFORE_LAST_MS);
  await start(clusters);
  const visible = async (): Promise<true | undefined> => {
    // Those at rest are counted as of some seconds ago.
    const { clusters: listed, atRest = 0 } = await attentionFromTemporal(client, MANAGEMENT_CLUSTER);
    return listed.length + atRest >= clusters ? true : undefined;
  };
  if ((await poll(visible, { timeoutMs: VISIBLE_WITHIN_MS, intervalMs: 500 })) === undefined)
    throw new Error(`not within ${VISIBLE_WITHIN_MS / 1000} s: visibility knows ${clusters} workflows`);
}

type Timings = [Timed[], Timed[], Timed[], Timed[], Timed[]];

interface Timed {
  readonly seconds: number;
  readonly commandCpu: number;
  readonly serverCpu: number;
}

async function timed(serverCpu: () => Promise<number>, work: () => Promise<unknown>): Promise<Timed> {
  const [serverBefore, commandBefore] = [await serverCpu(), await endedChildrenCpuSeconds()];
  const begin = performance.now();
  await work();
  return {
    seconds: (performance.now() - begin) / 1000,
    commandCpu: (await endedChildrenCpuSeconds()) - commandBefore,
    serverCpu: (await serverCpu()) - serverBefore,
  };
}

async function sumCpuSeconds(parts: readonly Part[]): Promise<number> {
  const times = await Promise.all(parts.map((part) => processTreeCpuSeconds(part.pid() ?? 0)));
  return times.reduce((sum, seconds) => sum + seconds, 0);
}

/** @returns what it prints. */
async function runCommand(program: string, temporal: Temporal, args: readonly string[]): Promise<string> {
  return await execute(process.execPath, [program, 'status', ...args], temporal);
}

/** By script(1) of util-linux. */
async function runOnTerminal(program: string, temporal: Temporal): Promise<string> {
  return await execute(
    'script',
    ['-q', '-e', '-c', `'${process.execPath}' '${program}' status`, '/dev/null'],
    temporal,
  );
}

async function execute(file: string, args: readonly string[], temporal: Temporal): Promise<string> {
  const { stdout } = await promisify(execFile)(file, [...args], {
    env: {
      ...process.env,
      TEMPORAL_ADDRESS: temporal.address,
      TEMPORAL_NAMESPACE: temporal.namespace,
      CERTMAN_MANAGEMENT_CLUSTER: MANAGEMENT_CLUSTER,
      // There is no API server, which the command asks beside Temporal.
      KUBECONFIG: '/nonexistent',
    },
    maxBuffer: MAX_OUTPUT_BYTES,
  });
  return stdout;
}

function requireTable(text: string, clusters: number): void {
  const failing = Math.floor(clusters / 100);
  if (!text.startsWith(`${clusters} clusters: ${failing} Failing, ${clusters - failing} Ready.`))
    throw new Error(`certman status shows on a terminal: ${text.slice(0, 200)}`);
}

function requireClusters(text: string, clusters: number): void {
  const { length } = (JSON.parse(text) as { readonly clusters: readonly unknown[] }).clusters;
  if (length !== clusters) throw new Error(`certman status shows ${length} of ${clusters} clusters`);
}

function requireAttention(report: FleetReport, clusters: number): void {
  const failing = Math.floor(clusters / 100);
  const { length } = report.clusters;
  if (length !== failing || report.atRest !== clusters - failing)
    throw new Error(`${length} of ${clusters} clusters need attention, but ${failing} fail`);
}

async function listBytes(client: Client): Promise<number> {
  const { WorkflowExecutionInfo } = proto.temporal.api.workflow.v1;
  let bytes = 0;
  for await (const page of workflowPages(client, runningClustersQuery(MANAGEMENT_CLUSTER), VISIBLE_WITHIN_MS)) {
    for (const execution of page) bytes += WorkflowExecutionInfo.encode(execution).finish().length;
  }
  return bytes;
}
