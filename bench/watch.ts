/** The controller over a fleet: first picture, signals, memory, resync, take-over. */
import { type ChildProcess, fork } from 'node:child_process';
import { on, once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Client } from '@temporalio/client';
import { tsToMs } from '@temporalio/common/lib/time.js';
import { pino } from 'pino';
import { withAdmin } from '../local/stack/management-cluster/clients.ts';
import { prepareManagementCluster } from '../local/stack/management-cluster/management-cluster.ts';
import { type RunningStack, startStack } from '../local/stack/stack.ts';
import { DEPLOYED_NODE_FLAGS } from '../local/stack/worker-process.ts';
import type { WatchCheckpoint } from '../src/contract/activities/watch.ts';
import { clusterWorkflowId } from '../src/contract/ids.ts';
import type { KubernetesClient } from '../src/kubernetes/api/client.ts';
import {
  CERTIFICATE_REQUESTS,
  CLUSTER_DEPLOYMENTS,
  CONFIG_MAPS,
  DNS_ZONES,
  SECRETS,
} from '../src/kubernetes/objects/resources.ts';
import { connect } from '../src/temporal/connect.ts';
import { registerSearchAttributes } from '../src/worker/namespace-setup.ts';
import { Scrape, scrape } from '../test/support/e2e/prometheus.ts';
import { figuresTable } from './markdown-table.ts';
import { progressLog } from './progress-log.ts';
import { quantile, round } from './statistics.ts';
import type { WatchProcessCommand, WatchProcessOptions, WatchProcessReport } from './watch-process.ts';
import { createWatchedFleet } from './watched-fleet.ts';

/** Options of {@link benchWatch}. */
export interface WatchBenchOptions {
  readonly clusters: number;
  /** ClusterDeployments that are changed, one after the other. */
  readonly changes: number;
  readonly stateDir: string;
}

/** Requests of a phase: to the API server with the size of its lists, and to Temporal. */
export interface WatchRequests {
  readonly kubernetes: number;
  readonly kubernetesMb: number;
  readonly temporal: number;
}

/** Last line of the bench, as JSON. Of a resync: `lists` reads everything, `cached` compares the fresh caches. */
export interface WatchBenchResult {
  readonly clusters: number;
  /** From the start of the controller until every kind is watched and every cluster signalled. */
  readonly firstPictureSeconds: number;
  readonly firstPictureRequests: WatchRequests;
  /** From before the write of a ClusterDeployment until Temporal has recorded the signal. */
  readonly changeToSignalMs: { readonly p50: number; readonly p95: number };
  /** In use after a garbage collection, above a controller without clusters. */
  readonly heapMbPer1000: number;
  /** Resident memory, above a controller without clusters. */
  readonly residentMbPer1000: number;
  readonly resyncMs: { readonly lists: number; readonly cached: number };
  readonly resyncCpuMs: { readonly lists: number; readonly cached: number };
  readonly resyncRequests: { readonly lists: WatchRequests; readonly cached: WatchRequests };
  readonly takeOverSeconds: { readonly withPosition: number; readonly withoutPosition: number };
  readonly takeOverRequests: { readonly withPosition: WatchRequests; readonly withoutPosition: WatchRequests };
}

const MANAGEMENT_CLUSTER = 'bench-watch';
const ZONE = 'watched.example.com';
const PROCESS_FILE = fileURLToPath(new URL('watch-process.ts', import.meta.url));
const PHASE_TIMEOUT_MS = 900_000;
/** The pollers take over what is new every 5 s. */
const SETTLE_MS = 12_000;
/** A cache is fresh once a bookmark came since the resync before; the API server sends one about every minute. */
const RESYNC_INTERVAL_MS = 100_000;
/** Temporal's metrics are collected once a second. */
const METRICS_DELAY_MS = 2_000;
const NO_RESYNC_MS = 24 * 3_600_000;
const PAUSE_BETWEEN_CHANGES_MS = 50;
const WATCHED_RESOURCES = new Set(
  [CLUSTER_DEPLOYMENTS, CERTIFICATE_REQUESTS, SECRETS, DNS_ZONES, CONFIG_MAPS].map(({ plural }) => plural),
);
const MIB = 1024 * 1024;

/** One fleet; each phase in a process of its own. The clusters have workflows without a worker: what is signalled waits. */
export async function benchWatch(options: WatchBenchOptions): Promise<WatchBenchResult> {
  const { clusters, stateDir } = options;
  const progress = progressLog();
  progress('starting the local parts');
  // No garbage collector: it would watch, too.
  const stack = await startStack({ stateDir, controllerManager: false });
  const connection = await connect({ address: stack.temporal.address });
  try {
    const { kubeconfig } = await prepareManagementCluster(stack);
    await registerSearchAttributes(connection, stack.temporal.namespace, pino({ level: 'silent' }));
    const start = (resumeFrom: WatchCheckpoint, resyncIntervalMs: number): Promise<WatchProcess> =>
      WatchProcess.start({
        kubeconfig,
        temporalAddress: stack.temporal.address,
        managementCluster: MANAGEMENT_CLUSTER,
        resumeFrom,
        resyncIntervalMs,
      });

    progress('a controller without clusters');
    const empty = await start({}, NO_RESYNC_MS);
    await empty.next('synced');
    await sleep(SETTLE_MS);
    const emptyMemory = await empty.memory();
    await empty.stop();

    const names = await createWatchedFleet(stack, {
      clusters,
      managementCluster: MANAGEMENT_CLUSTER,
      zone: ZONE,
      onProgress: (created) => {
        if (created % 1_000 === 0 || created === clusters) progress(`${created} clusters created`);
      },
    });

    progress('first picture');
    const first = await measureStart(stack, () => start({}, NO_RESYNC_MS));
    await sleep(SETTLE_MS);
    const memory = await first.controller.memory();
    const per1000 = (kind: 'heap' | 'resident'): number =>
      round((memory[kind] - emptyMemory[kind]) / MIB / (clusters / 1_000), 1);
    const { checkpoint } = await first.controller.stop();

    progress('take-over with a position, and two resyncs');
    const resumed = await measureStart(stack, () => start(checkpoint, RESYNC_INTERVAL_MS));
    const lists = await measureResync(stack, resumed.controller);
    const cached = await measureResync(stack, resumed.controller);
    await resumed.controller.stop();

    progress('take-over without a position');
    const restarted = await measureStart(stack, () => start({}, NO_RESYNC_MS));
    progress(`${options.changes} changes`);
    const delays = await measureChanges(stack, new Client({ connection }), names.slice(0, options.changes));
    await restarted.controller.stop();

    const result: WatchBenchResult = {
      clusters,
      firstPictureSeconds: first.seconds,
      firstPictureRequests: first.requests,
      changeToSignalMs: { p50: quantile(delays, 0.5), p95: quantile(delays, 0.95) },
      heapMbPer1000: per1000('heap'),
      residentMbPer1000: per1000('resident'),
      resyncMs: { lists: lists.ms, cached: cached.ms },
      resyncCpuMs: { lists: lists.cpuMs, cached: cached.cpuMs },
      resyncRequests: { lists: lists.requests, cached: cached.requests },
      takeOverSeconds: { withPosition: resumed.seconds, withoutPosition: restarted.seconds },
      takeOverRequests: { withPosition: resumed.requests, withoutPosition: restarted.requests },
    };
    process.stdout.write(`\n${table(result)}\n\n`);
    return result;
  } finally {
    await connection.close();
    await stack.stop();
  }
}

type ReportOf<Kind extends WatchProcessReport['kind']> = Extract<WatchProcessReport, { readonly kind: Kind }>;

/** The controller's process, with its reports in order. */
class WatchProcess {
  readonly #child: ChildProcess;
  readonly #reports: AsyncIterator<unknown[]>;

  static async start(options: WatchProcessOptions): Promise<WatchProcess> {
    const started = new WatchProcess(fork(PROCESS_FILE, { execArgv: [...DEPLOYED_NODE_FLAGS, '--expose-gc'] }));
    await started.next('imported');
    started.#child.send(options);
    return started;
  }

  private constructor(child: ChildProcess) {
    const timeout = AbortSignal.timeout(PHASE_TIMEOUT_MS);
    this.#child = child;
    this.#reports = on(child, 'message', { signal: timeout, close: ['exit'] });
  }

  /** Skips reports of other kinds. @throws when the process ends, or takes longer than a phase may. */
  async next<Kind extends WatchProcessReport['kind']>(kind: Kind): Promise<ReportOf<Kind>> {
    for (;;) {
      const { value, done } = await this.#reports.next();
      if (done === true) throw new Error(`the controller's process ended before it was ${kind}`);
      const [report] = value as [WatchProcessReport];
      if (report.kind === kind) return report as ReportOf<Kind>;
    }
  }

  async memory(): Promise<ReportOf<'memory'>> {
    this.#child.send('measureMemory' satisfies WatchProcessCommand);
    return await this.next('memory');
  }

  async stop(): Promise<ReportOf<'stopped'>> {
    const ended = once(this.#child, 'exit');
    this.#child.send('stop' satisfies WatchProcessCommand);
    const stopped = await this.next('stopped');
    await ended;
    return stopped;
  }
}

async function measureStart(stack: RunningStack, start: () => Promise<WatchProcess>) {
  const count = await countRequests(stack);
  const controller = await start();
  const { ms } = await controller.next('synced');
  return { controller, seconds: round(ms / 1000, 1), requests: await count() };
}

async function measureResync(stack: RunningStack, controller: WatchProcess) {
  const count = await countRequests(stack);
  const { ms, cpuMs } = await controller.next('resynced');
  return { ms, cpuMs, requests: await count() };
}

/** @returns a function that returns what was requested since, by the metrics of both servers. */
async function countRequests(stack: RunningStack): Promise<() => Promise<WatchRequests>> {
  const read = async (): Promise<WatchRequests> => {
    await sleep(METRICS_DELAY_MS);
    const kubernetes = new Scrape(await stack.kubectl(['get', '--raw', '/metrics']));
    const sum = (name: string, verbs: readonly string[]): number =>
      kubernetes
        .all(name)
        .filter(({ labels: { resource = '', verb = '' } }) => WATCHED_RESOURCES.has(resource) && verbs.includes(verb))
        .reduce((total, { value }) => total + value, 0);
    const temporal = await scrape(stack.temporal.metricsUrl);
    return {
      kubernetes: sum('apiserver_request_total', ['LIST', 'GET']),
      kubernetesMb: sum('apiserver_response_sizes_sum', ['LIST', 'GET']) / MIB,
      temporal: [
        'StartWorkflowExecution',
        'SignalWithStartWorkflowExecution',
        'SignalWorkflowExecution',
        'ListWorkflowExecutions',
        'DescribeWorkflowExecution',
      ].reduce(
        (total, operation) =>
          total + (temporal.value('service_requests', { operation, service_name: 'frontend' }) ?? 0),
        0,
      ),
    };
  };
  const before = await read();
  return async () => {
    const after = await read();
    return {
      kubernetes: after.kubernetes - before.kubernetes,
      kubernetesMb: round(after.kubernetesMb - before.kubernetesMb, 1),
      temporal: after.temporal - before.temporal,
    };
  };
}

/** Milliseconds of each. */
async function measureChanges(stack: RunningStack, client: Client, names: readonly string[]): Promise<number[]> {
  return await withAdmin(stack.kubernetes.adminKubeconfig, async (admin) => {
    const changed: { readonly workflowId: string; readonly at: number }[] = [];
    for (const name of names) {
      changed.push(await changeCluster(admin, name));
      await sleep(PAUSE_BETWEEN_CHANGES_MS);
    }
    await sleep(SETTLE_MS);
    return await Promise.all(
      changed.map(async ({ workflowId, at }) => {
        const { events } = await client.workflow.getHandle(workflowId).fetchHistory();
        const last = events?.findLast((event) => event.workflowExecutionSignaledEventAttributes);
        const delay = tsToMs(last?.eventTime ?? undefined) - at;
        if (!(delay > 0)) throw new Error(`${workflowId} was not signalled a change`);
        return delay;
      }),
    );
  });
}

async function changeCluster(admin: KubernetesClient, name: string) {
  const at = Date.now();
  const ingress = { name: 'more', domain: `more.${name}.${ZONE}`, servingCertificate: 'apps' };
  const object = await admin.patch(CLUSTER_DEPLOYMENTS, { namespace: name, name }, [
    { op: 'add', path: '/spec/ingress/-', value: ingress },
  ]);
  const identity = { managementCluster: MANAGEMENT_CLUSTER, namespace: name, name, uid: object?.metadata.uid ?? '' };
  return { at, workflowId: clusterWorkflowId(identity) };
}

function table(result: WatchBenchResult): string {
  return figuresTable(
    Object.entries(result).map(([name, value]) => [name, JSON.stringify(value).replaceAll('"', '')] as const),
  );
}
