/** One fleet that is installed at once, on a stack of its own: rate, CPU time by process, memory, and the work of each worker. */
import { join } from 'node:path';
import {
  type AnotherManagementCluster,
  startAnotherManagementCluster,
} from '../local/stack/management-cluster/another-management-cluster.ts';
import { prepareManagementCluster } from '../local/stack/management-cluster/management-cluster.ts';
import {
  installSampleClusters,
  prepareSampleClusters,
  type SampleCluster,
} from '../local/stack/management-cluster/sample-cluster.ts';
import type { Postgres } from '../local/stack/parts/postgres.ts';
import { type RunningStack, type Stack, startStack } from '../local/stack/stack.ts';
import { startWorker, type WorkerProcess } from '../local/stack/worker-process.ts';
import { scrape } from '../test/support/e2e/prometheus.ts';
import { limitCpu } from './cpu-quota.ts';
import { type Column, columnsTable } from './markdown-table.ts';
import { processMemory, processTreeCpuSeconds } from './process-figures.ts';
import { ReadyWatch } from './ready-watch.ts';
import { quantile, round } from './statistics.ts';

/** What runs. */
export interface FleetRunOptions {
  /** Store of Temporal: that of the development server, or of production. */
  readonly store: 'sqlite' | 'postgres';
  /** For each management cluster. */
  readonly workers: number;
  readonly managementClusters: number;
  /** In all, spread over the management clusters. */
  readonly clusters: number;
  /** Share of a core that each worker may use. Default: no limit. */
  readonly workerCores?: number;
  readonly stateDir: string;
  readonly progress: (text: string) => void;
}

/** Processes whose CPU time is counted; those of several management clusters together. */
export type Process = 'workers' | 'temporal' | 'postgres' | 'kubernetes' | 'ca and dns';

/** Figures of one run. */
export interface FleetRunResult {
  readonly store: 'sqlite' | 'postgres';
  readonly workers: number;
  readonly managementClusters: number;
  readonly clusters: number;
  readonly certificatesPerMinute: number;
  /** Seconds from installed to Ready. */
  readonly p50: number;
  readonly p95: number;
  /** Milliseconds of CPU time for each certificate. */
  readonly cpuMs: Readonly<Record<Process, number>>;
  /** Highest resident memory of any worker, MiB. */
  readonly workerPeakMb: number;
  /** Resident memory of Temporal afterwards, MiB. */
  readonly temporalMb: number;
  /** Activities that each worker ran, the busiest first. */
  readonly activities: readonly number[];
  /** Growth of PostgreSQL's databases for each certificate; absent without it. */
  readonly storeBytes?: number;
}

const ZONE = 'bench.example.com';
const PARTS: Readonly<Record<Exclude<Process, 'workers'>, readonly Parameters<RunningStack['part']>[0][]>> = {
  temporal: ['temporal'],
  postgres: ['postgres'],
  kubernetes: ['etcd', 'kube-apiserver', 'kube-controller-manager'],
  'ca and dns': ['moto', 'coredns', 'pebble'],
};

/** One management cluster of a run. */
interface Side {
  readonly stack: Stack;
  /** Absent: the one that the stack itself has. */
  readonly another: AnotherManagementCluster | undefined;
  readonly fleet: readonly SampleCluster[];
  readonly workers: readonly WorkerProcess[];
  readonly watch: ReadyWatch;
}

/** Starts everything, installs the fleet, measures until every certificate is Ready, and stops everything. */
export async function runFleet(options: FleetRunOptions): Promise<FleetRunResult> {
  const { store, workers, managementClusters, clusters, progress } = options;
  progress('starting the local parts');
  const stack = await startStack({ stateDir: options.stateDir, temporal: { store } });
  const cleanUps: (() => Promise<unknown>)[] = [() => stack.stop()];
  try {
    const { zoneId } = await stack.createZone(ZONE);
    const sides: Side[] = [];
    for (let index = 0; index < managementClusters; index += 1) {
      progress(`preparing management cluster ${index + 1}`);
      sides.push(await prepareSide(stack, index, zoneId, options, cleanUps));
    }
    const processes = sides.flatMap((side) => side.workers);
    progress(`${clusters} clusters at once`);
    const others = sides.flatMap((side) => side.another ?? []);
    const before = await readFigures(stack, others, processes);
    const begin = performance.now();
    const ready = await Promise.all(sides.map((side) => installAndWait(side)));
    const seconds = ready.flat().map((at) => (at - begin) / 1000);
    const after = await readFigures(stack, others, processes);
    const total = Math.max(...seconds);
    const perCertificate = (from: number, to: number): number => round(((to - from) / seconds.length) * 1000, 1);
    const cpuMs = Object.entries(after.cpu).map(([name, to]) => [
      name,
      perCertificate(before.cpu[name as Process], to),
    ]);
    const peaks = await Promise.all(processes.map(({ pid }) => processMemory(pid)));
    const activities = after.activities.map((count, index) => count - (before.activities[index] ?? 0));
    return {
      store,
      workers,
      managementClusters,
      clusters: seconds.length,
      certificatesPerMinute: round((seconds.length / total) * 60, 0),
      p50: round(quantile(seconds, 0.5), 2),
      p95: round(quantile(seconds, 0.95), 2),
      cpuMs: Object.fromEntries(cpuMs) as FleetRunResult['cpuMs'],
      workerPeakMb: Math.max(...peaks.map(({ peakMb }) => peakMb)),
      temporalMb: (await processMemory(stack.part('temporal').pid() ?? 0)).residentMb,
      activities: activities.toSorted((one, other) => other - one),
      ...(store === 'postgres' ? { storeBytes: round((after.stored - before.stored) / seconds.length, 0) } : {}),
    };
  } finally {
    for (const cleanUp of cleanUps.toReversed()) await cleanUp();
  }
}

async function prepareSide(
  beside: RunningStack,
  index: number,
  zoneId: string,
  options: FleetRunOptions,
  cleanUps: (() => Promise<unknown>)[],
): Promise<Side> {
  const name = index === 0 ? 'hive' : `hive-${index + 1}`;
  const another = index === 0 ? undefined : await startAnotherManagementCluster(beside, name);
  if (another !== undefined) cleanUps.push(() => another.stop());
  const stack = another?.stack ?? beside;
  const managementCluster = another?.managementCluster ?? (await prepareManagementCluster(stack));
  const count = Math.floor(options.clusters / options.managementClusters);
  const fleet = await prepareSampleClusters(stack, { count, zone: ZONE, zoneId, prefix: `${name}-fleet` });
  const warmUp = await prepareSampleClusters(stack, { count: 4, zone: ZONE, zoneId, prefix: `${name}-warm` });
  const workers: WorkerProcess[] = [];
  for (let number = 1; number <= options.workers; number += 1) {
    const worker = await startWorker({
      stack,
      managementCluster,
      name: `worker-${name}-${number}`,
      environment: {
        CERTMAN_MANAGEMENT_CLUSTER: name,
        CERTMAN_IDENTITY: `${name}-${number}`,
        CERTMAN_KEY_TYPE: 'p-256',
        CERTMAN_EXTRA_RECORD: 'rh-api',
        CERTMAN_ROUTE53_REQUESTS_PER_SECOND: '50',
      },
    });
    workers.push(worker);
    cleanUps.push(() => worker.stop());
  }
  const watch = await ReadyWatch.open(stack);
  cleanUps.push(() => watch.close());
  const side = { stack, another, fleet, workers, watch };
  // The first certificates also load the directory, the zone and the code.
  await installAndWait({ ...side, fleet: warmUp });
  if (options.workerCores !== undefined) {
    for (const worker of workers) {
      const removeLimit = await limitCpu(worker.pid, options.workerCores);
      // A limited worker would end slowly.
      cleanUps.push(() => worker.kill().then(removeLimit));
    }
  }
  return side;
}

/** @returns when each was Ready, by `performance.now()`. */
async function installAndWait({ stack, fleet, watch }: Side): Promise<readonly number[]> {
  const [, ready] = await Promise.all([
    installSampleClusters(stack, fleet),
    Promise.all(fleet.map((cluster) => watch.ready(cluster))),
  ]);
  return ready;
}

async function readFigures(
  stack: RunningStack,
  others: readonly AnotherManagementCluster[],
  workers: readonly WorkerProcess[],
) {
  const cpuSeconds = async (pids: readonly (number | undefined)[]): Promise<number> => {
    const times = await Promise.all(pids.filter((pid) => pid !== undefined).map((pid) => processTreeCpuSeconds(pid)));
    return times.reduce((all, seconds) => all + seconds, 0);
  };
  const parts = new Set(stack.partNames());
  const cpu: Record<Process, number> = {
    workers: await cpuSeconds(workers.map(({ pid }) => pid)),
    temporal: 0,
    postgres: 0,
    kubernetes: 0,
    'ca and dns': 0,
  };
  for (const [name, of] of Object.entries(PARTS)) {
    cpu[name as Process] = await cpuSeconds(of.filter((part) => parts.has(part)).map((part) => stack.part(part).pid()));
  }
  cpu.kubernetes += await cpuSeconds(others.flatMap((other) => other.pids()));
  const activities = await Promise.all(
    workers.map(
      async ({ metricsUrl }) => (await scrape(metricsUrl)).value('certman_activity_duration_seconds_count') ?? 0,
    ),
  );
  const stored = parts.has('postgres') ? await (stack.part('postgres') as Postgres).storedBytes() : 0;
  return { cpu, activities, stored };
}

const COLUMNS: readonly Column<FleetRunResult>[] = [
  ['store', ({ store }) => store],
  ['management clusters', ({ managementClusters }) => managementClusters],
  ['workers of each', ({ workers }) => workers],
  ['clusters', ({ clusters }) => clusters],
  ['per minute', ({ certificatesPerMinute }) => certificatesPerMinute],
  ['p50 s', ({ p50 }) => p50],
  ['p95 s', ({ p95 }) => p95],
  ['CPU ms each: workers', ({ cpuMs }) => cpuMs.workers],
  ['Temporal', ({ cpuMs }) => cpuMs.temporal],
  ['PostgreSQL', ({ cpuMs }) => cpuMs.postgres],
  ['Kubernetes', ({ cpuMs }) => cpuMs.kubernetes],
  ['CA and DNS', ({ cpuMs }) => cpuMs['ca and dns']],
  ['worker peak MiB', ({ workerPeakMb }) => workerPeakMb],
  ['Temporal MiB', ({ temporalMb }) => temporalMb],
  ['activities of each worker', ({ activities }) => activities.join(' + ')],
];

/** A Markdown table of runs. */
export function fleetRunsTable(runs: readonly FleetRunResult[]): string {
  return columnsTable(COLUMNS, runs);
}

/** Folder of one run's logs. */
export function runFolder(
  stateDir: string,
  { store, managementClusters, workers }: Pick<FleetRunOptions, 'store' | 'managementClusters' | 'workers'>,
): string {
  return join(stateDir, `${store}-${managementClusters}-${workers}`);
}
