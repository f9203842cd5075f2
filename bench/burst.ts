/** Many clusters installed at once, beside a few: the rate must not fall with the number, and who comes first is served first. */
import { setTimeout as sleep } from 'node:timers/promises';
import { prepareManagementCluster } from '../local/stack/management-cluster/management-cluster.ts';
import {
  installSampleClusters,
  prepareSampleClusters,
  type SampleCluster,
} from '../local/stack/management-cluster/sample-cluster.ts';
import { poll } from '../local/stack/poll.ts';
import { type RunningStack, startStack } from '../local/stack/stack.ts';
import { startWorker, type WorkerProcess } from '../local/stack/worker-process.ts';
import { taskQueueOf } from '../src/contract/ids.ts';
import { useAccountBehindProxy } from '../test/support/acme/account-behind-proxy.ts';
import { startCaProxy } from '../test/support/acme/ca-proxy.ts';
import { scrape } from '../test/support/e2e/prometheus.ts';
import type { KeyType } from './acme-client-baseline.ts';
import { markdownTable } from './markdown-table.ts';
import { mostOrdersInFlight } from './orders-in-flight.ts';
import { cpuSeconds, processMemory } from './process-figures.ts';
import { ReadyWatch } from './ready-watch.ts';
import { quantile, round } from './statistics.ts';

/** Options of {@link benchBurst}. */
export interface BurstBenchOptions {
  /** Of the large burst. */
  readonly clusters: number;
  /** Of the small one before it. */
  readonly few: number;
  readonly keyType: KeyType;
  /** Workflows that the worker keeps in memory; absent: its default. */
  readonly cachedWorkflows?: number;
  readonly stateDir: string;
}

/** Figures of one burst. */
export interface BurstFigures {
  readonly clusters: number;
  readonly certificatesPerMinute: number;
  /** Seconds from installed to Ready. */
  readonly p50: number;
  readonly p95: number;
  /** Over those of first come, first served at this rate: half and 95 % of the whole time. Breadth first has 2 for p50. */
  readonly p50OverIdeal: number;
  readonly p95OverIdeal: number;
  /** Most activities that the worker ran at one time, the controller among them. */
  readonly activitiesUnderWay: number;
  /** Most orders that were placed, or being placed, and not complete at one time. */
  readonly ordersInFlight: number;
  /** Workflows that were dropped from the worker's memory, and those that had to be replayed, for each certificate. */
  readonly evictionsPerCertificate: number;
  readonly replaysPerCertificate: number;
  /** CPU time for each certificate by program, milliseconds; `MainThread` is the worker, `bench` this process with the proxy of the CA. */
  readonly cpuMsPerCertificate: Readonly<Record<string, number>>;
}

/** Last line of the bench, as JSON: the figures of the large burst. */
export interface BurstBenchResult extends BurstFigures {
  readonly few: BurstFigures;
  /** certificatesPerMinute of the large burst / of the small one. */
  readonly ratio: number;
  /** Highest resident memory of the worker, MiB. */
  readonly workerPeakMb: number;
}

const ZONE = 'bench.example.com';
const MANAGEMENT_CLUSTER = 'hive';
const SAMPLE_MS = 500;
/** A worker that is busy can refuse a connection. */
const SCRAPE_TIMEOUT_MS = 30_000;
const END_OPTIONS = { timeoutMs: 5_000, intervalMs: 100 } as const;
/** For what still runs of a burst when its last certificate is Ready. */
const SETTLE_MS = 3_000;

/** Measures the small and then the large burst on one worker. @throws when a cluster is not Ready within ten minutes. */
export async function benchBurst(options: BurstBenchOptions): Promise<BurstBenchResult> {
  const { cachedWorkflows, stateDir, keyType } = options;
  progress('starting the local parts');
  const stack = await startStack({ stateDir });
  // So many orders would deadlock Pebble if they reached it directly.
  const ca = await startCaProxy(stack, stack.acme);
  try {
    const { zoneId } = await stack.createZone(ZONE);
    const managementCluster = await prepareManagementCluster(stack);
    await useAccountBehindProxy(ca, stack, managementCluster);
    const worker = await startWorker({
      stack,
      managementCluster,
      environment: {
        CERTMAN_ACME_DIRECTORY_URL: `${ca.url}/dir`,
        CERTMAN_KEY_TYPE: keyType,
        CERTMAN_EXTRA_RECORD: 'rh-api',
        CERTMAN_ROUTE53_REQUESTS_PER_SECOND: '50',
        CERTMAN_MAX_CACHED_WORKFLOWS: cachedWorkflows?.toString(),
      },
    });
    const watch = await ReadyWatch.open(stack);
    try {
      return await namingWhatEnded(stack, worker, () => runBursts({ stack, worker, watch, zoneId }, options));
    } finally {
      await watch.close();
      await worker.stop();
    }
  } finally {
    await ca.close();
    await stack.stop();
  }
}

interface BurstRun {
  readonly stack: RunningStack;
  readonly worker: WorkerProcess;
  readonly watch: ReadyWatch;
  readonly zoneId: string;
}

async function runBursts({ stack, worker, watch, zoneId }: BurstRun, options: BurstBenchOptions) {
  const prepare = (count: number, prefix: string) =>
    prepareSampleClusters(stack, { count, zone: ZONE, zoneId, prefix });
  progress('preparing the clusters');
  const [first, few, many] = [
    await prepare(10, 'first'),
    await prepare(options.few, 'few'),
    await prepare(options.clusters, 'many'),
  ];
  await burst(stack, worker, watch, first);
  const small = await burst(stack, worker, watch, few);
  const large = await burst(stack, worker, watch, many);
  const result: BurstBenchResult = {
    ...large,
    few: small,
    ratio: round(large.certificatesPerMinute / small.certificatesPerMinute, 2),
    workerPeakMb: (await processMemory(worker.pid)).peakMb,
  };
  process.stdout.write(`\n${table(result)}\n\n`);
  return result;
}

async function burst(
  stack: RunningStack,
  worker: WorkerProcess,
  watch: ReadyWatch,
  clusters: readonly SampleCluster[],
): Promise<BurstFigures> {
  progress(`${clusters.length} at once`);
  const [cpuBefore, cacheBefore] = [await cpuSeconds(), await cacheFigures(worker)];
  const sampling = new AbortController();
  const most = mostActivities(worker, sampling.signal);
  const [begin, begunAt] = [performance.now(), new Date()];
  const [, ready] = await Promise.all([
    installSampleClusters(stack, clusters),
    Promise.all(clusters.map((cluster) => watch.ready(cluster))),
  ]);
  const seconds = ready.map((at) => (at - begin) / 1000);
  const total = Math.max(...seconds);
  await sleep(SETTLE_MS);
  sampling.abort();
  const [cpu, cache] = [await cpuSeconds(), await cacheFigures(worker)];
  const count = clusters.length;
  const [p50, p95] = [quantile(seconds, 0.5), quantile(seconds, 0.95)];
  const cpuMs = Object.entries(cpu)
    .map(([program, used]) => [program, Math.round(((used - (cpuBefore[program] ?? 0)) * 1000) / count)] as const)
    .filter(([, used]) => used > 0);
  return {
    clusters: count,
    certificatesPerMinute: round((count / total) * 60, 0),
    p50: round(p50, 1),
    p95: round(p95, 1),
    p50OverIdeal: round(p50 / (total * 0.5), 2),
    p95OverIdeal: round(p95 / (total * 0.95), 2),
    activitiesUnderWay: await most,
    ordersInFlight: await mostOrdersInFlight(stack, begunAt),
    evictionsPerCertificate: round((cache.evictions - cacheBefore.evictions) / count, 2),
    replaysPerCertificate: round((cache.misses - cacheBefore.misses) / count, 2),
    cpuMsPerCertificate: Object.fromEntries(cpuMs),
  };
}

async function cacheFigures({ sdkMetricsUrl }: WorkerProcess) {
  const read = () => scrape(sdkMetricsUrl).catch(() => undefined);
  const metrics = await poll(read, { timeoutMs: SCRAPE_TIMEOUT_MS, intervalMs: SAMPLE_MS });
  if (metrics === undefined) throw new Error(`${sdkMetricsUrl} does not answer`);
  const counter = (name: string): number => metrics.value(name) ?? metrics.value(`${name}_total`) ?? 0;
  return {
    evictions: counter('temporal_sticky_cache_total_forced_eviction'),
    misses: counter('temporal_sticky_cache_miss'),
  };
}

/** @throws Error that names the program that has ended, where that is why `work` fails; else what `work` throws. */
async function namingWhatEnded<Result>(
  stack: RunningStack,
  worker: WorkerProcess,
  work: () => Promise<Result>,
): Promise<Result> {
  try {
    return await work();
  } catch (cause) {
    // A connection is reset a moment before the end of the program is known.
    const gone = await poll(() => Promise.resolve(endedOf(stack, worker)), END_OPTIONS);
    if (gone === undefined) throw cause;
    throw new Error(`The bench cannot go on, because this has ended: ${gone}. Run it again.`, { cause });
  }
}

/** Parts and worker that do not run, with their logs; undefined: all run. */
function endedOf(stack: RunningStack, worker: WorkerProcess): string | undefined {
  const parts = stack.partNames().map((name) => stack.part(name));
  const gone = parts.filter((part) => part.pid() === undefined).map(({ name, logFile }) => `${name} (${logFile})`);
  if (worker.ended() !== undefined) gone.push(`the worker: ${worker.ended()} (${worker.logFile})`);
  return gone.length === 0 ? undefined : gone.join(', ');
}

/** Samples the slots in use until the signal. A sample that fails is left out: the largest of many is wanted. */
async function mostActivities({ sdkMetricsUrl }: WorkerProcess, signal: AbortSignal): Promise<number> {
  const labels = { task_queue: taskQueueOf(MANAGEMENT_CLUSTER), worker_type: 'ActivityWorker' };
  let most = 0;
  while (!signal.aborted) {
    const metrics = await scrape(sdkMetricsUrl).catch(() => undefined);
    most = Math.max(most, metrics?.value('temporal_worker_task_slots_used', labels) ?? 0);
    await sleep(SAMPLE_MS, undefined, { signal }).catch(() => undefined);
  }
  return most;
}

function progress(text: string): void {
  process.stderr.write(`${text}\n`);
}

function table({ few, ratio, workerPeakMb, ...many }: BurstBenchResult): string {
  const header = [
    'clusters',
    'per minute',
    'p50 s',
    '/ ideal',
    'p95 s',
    '/ ideal',
    'under way',
    'orders',
    'evicted',
    'replayed',
  ];
  const rows = [few, many].map((one) => [
    one.clusters,
    one.certificatesPerMinute,
    one.p50,
    one.p50OverIdeal,
    one.p95,
    one.p95OverIdeal,
    one.activitiesUnderWay,
    one.ordersInFlight,
    one.evictionsPerCertificate,
    one.replaysPerCertificate,
  ]);
  const runs = markdownTable(header, rows);
  const cpu = [few, many].map(
    ({ clusters, cpuMsPerCertificate }) =>
      `CPU ms per certificate, of ${clusters}: ${Object.entries(cpuMsPerCertificate)
        .map(([program, used]) => `${program} ${used}`)
        .join(', ')}`,
  );
  return [runs, '', ...cpu, `rate of many / of few: ${ratio}; worker at most ${workerPeakMb} MiB`].join('\n');
}
