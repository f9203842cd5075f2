/** A fleet of which nothing is due: adoption, a worker at rest, a fresh worker, and one deletion among the others. */
import { execFile } from 'node:child_process';
import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Client } from '@temporalio/client';
import { buildProgram } from '../local/image/built-program.ts';
import { withAdmin } from '../local/stack/management-cluster/clients.ts';
import { prepareManagementCluster } from '../local/stack/management-cluster/management-cluster.ts';
import { createSampleClusters, type SampleCluster } from '../local/stack/management-cluster/sample-cluster.ts';
import { poll } from '../local/stack/poll.ts';
import { type RunningStack, startStack } from '../local/stack/stack.ts';
import { startWorker, type WorkerProcess } from '../local/stack/worker-process.ts';
import { CertState } from '../src/contract/search-attributes.ts';
import { CERTIFICATE_REQUESTS, CLUSTER_DEPLOYMENTS } from '../src/kubernetes/objects/resources.ts';
import { connect } from '../src/temporal/connect.ts';
import { scrape } from '../test/support/e2e/prometheus.ts';
import { frontendRequests } from '../test/support/temporal/action-requests.ts';
import { createAdoptedFleet } from './adopted-fleet.ts';
import { deployedCacheSettings } from './deployed-limits.ts';
import { figuresTable } from './markdown-table.ts';
import { processCpuSeconds, processMemory } from './process-figures.ts';
import { progressLog } from './progress-log.ts';
import { median, round } from './statistics.ts';

/** Options of {@link benchSleepers}. */
export interface SleepersBenchOptions {
  readonly clusters: number;
  /** For how long the worker is measured at rest. */
  readonly restSeconds: number;
  readonly stateDir: string;
}

/** Last line of the bench, as JSON. */
export interface SleepersBenchResult {
  readonly clusters: number;
  /** Clusters whose workflow has adopted their certificates and sleeps. */
  readonly adoptedPerSecond: number;
  /** In the slowest ten seconds but the last: a stall. */
  readonly slowestAdoptedPerSecond: number;
  /** Resident memory of the worker, MiB. */
  readonly workerRestMb: number;
  readonly workerPeakMb: number;
  /** Of a fresh worker, which watches the fleet but has adopted none of it. */
  readonly freshWorkerMb: number;
  /** Of one core, once all clusters are probed for what they serve. The sweep of the zones, a cluster a second, is rest. */
  readonly cpuPercentAtRest: number;
  /** Of one core, after the adoption, while they are probed for the first time. */
  readonly cpuPercentWhileProbing: number;
  /** From the adoption until all are probed. */
  readonly probedSeconds: number;
  /** Requests a minute to Temporal that Temporal Cloud bills, without the heartbeats of the watch. */
  readonly actionsAtRest: number;
  /** The watch's, a minute. */
  readonly heartbeatsAtRest: number;
  /** In Temporal's store, for each cluster. */
  readonly storeBytesPerCluster: number;
  /** From the start of a fresh worker until it watches every kind. */
  readonly readySeconds: number;
  /** From the deletion of one cluster until its certificate is revoked and its ClusterDeployment is gone. */
  readonly deletionSeconds: number;
  /** `certman status --json` of the fleet. */
  readonly statusSeconds: number;
  /** `/metrics`, median of five. */
  readonly scrapeMs: number;
}

const ZONE = 'bench.example.com';
const STORE = 'temporal.db';
/** The slowest fleet that is worth waiting for. */
const MIN_ADOPTED_PER_SECOND = 1;
const SETTLE_MS = 60_000;
const STALL_WINDOW_SECONDS = 10;
const CERTIFICATES_PER_CLUSTER = 2;
/** The slowest pace of the first probes that is worth waiting for. */
const MIN_PROBED_PER_SECOND = 5;
const SCRAPES = 5;

/** Each figure is of the same fleet, in the order of a worker's life. */
export async function benchSleepers(options: SleepersBenchOptions): Promise<SleepersBenchResult> {
  const { clusters, stateDir } = options;
  const progress = progressLog();
  progress('starting the local parts');
  await rm(join(stateDir, STORE), { force: true });
  const stack = await startStack({ stateDir, temporal: { dbFilename: STORE, cachesSearchAttributes: true } });
  try {
    const { zoneId } = await stack.createZone(ZONE);
    const managementCluster = await prepareManagementCluster(stack);
    const program = await buildProgram(stateDir);
    const environment = await deployedCacheSettings();
    const start = (name: string): Promise<WorkerProcess> =>
      startWorker({ stack, managementCluster, program, environment, name });
    await createAdoptedFleet(stack, {
      clusters,
      zone: ZONE,
      zoneId,
      onProgress: (created) => {
        if (created % 1_000 === 0 || created === clusters) progress(`${created} clusters created`);
      },
    });
    const connection = await connect({ address: stack.temporal.address });
    const client = new Client({ connection, namespace: stack.temporal.namespace });
    const emptyStore = await storeBytes(stateDir);
    let worker = await start('adopting-worker');
    try {
      const adoption = await untilAdopted(client, clusters, progress);
      progress('adopted; the clusters are probed for what they serve');
      const probing = await untilProbed(worker, clusters);
      progress('settling');
      await sleep(SETTLE_MS);
      const rest = await measureRest(stack, worker, options.restSeconds, progress);
      const storeBytesPerCluster = Math.round(((await storeBytes(stateDir)) - emptyStore) / clusters);
      progress('one more cluster, and its deletion');
      const deletionSeconds = await measureDeletion(stack, zoneId);
      const { peakMb } = await processMemory(worker.pid);
      const statusSeconds = await measureStatus(program, managementCluster.environment, clusters);
      const scrapeMs = await measureScrape(worker.metricsUrl);
      await worker.stop();
      progress('a fresh worker');
      const begin = performance.now();
      worker = await start('fresh-worker');
      const readySeconds = await untilSynced(worker, begin);
      await sleep(SETTLE_MS);
      const fresh = await processMemory(worker.pid);
      const result: SleepersBenchResult = {
        clusters,
        ...adoption,
        workerRestMb: rest.residentMb,
        workerPeakMb: peakMb,
        freshWorkerMb: fresh.residentMb,
        cpuPercentAtRest: rest.cpuPercent,
        ...probing,
        actionsAtRest: rest.actions,
        heartbeatsAtRest: rest.heartbeats,
        storeBytesPerCluster,
        readySeconds,
        deletionSeconds,
        statusSeconds,
        scrapeMs,
      };
      process.stdout.write(`\n${table(result)}\n\n`);
      return result;
    } finally {
      await worker.stop();
      await connection.close();
    }
  } finally {
    await stack.stop();
  }
}

/** Counts once a second: a list of ten thousand would be load of the bench. */
async function untilAdopted(
  client: Client,
  clusters: number,
  progress: (text: string) => void,
): Promise<Pick<SleepersBenchResult, 'adoptedPerSecond' | 'slowestAdoptedPerSecond'>> {
  const begin = performance.now();
  const counts: number[] = [];
  const count = async (): Promise<true | undefined> => {
    const { count: ready } = await client.workflow.count(
      `WorkflowType = "clusterCertificates" AND ${CertState.name} = "Ready"`,
    );
    counts.push(ready);
    if (counts.length % 15 === 0) progress(`${ready} adopted`);
    return ready >= clusters ? true : undefined;
  };
  const timeoutMs = (clusters / MIN_ADOPTED_PER_SECOND) * 1000 + SETTLE_MS;
  if ((await poll(count, { timeoutMs, intervalMs: 1_000 })) === undefined) {
    throw new Error(`only ${counts.at(-1)} of ${clusters} clusters were adopted within ${timeoutMs / 1000} s`);
  }
  const seconds = (performance.now() - begin) / 1000;
  const windows = counts.slice(0, -STALL_WINDOW_SECONDS).map((before, at) => {
    return ((counts[at + STALL_WINDOW_SECONDS] ?? before) - before) / STALL_WINDOW_SECONDS;
  });
  return {
    adoptedPerSecond: round(clusters / seconds, 1),
    slowestAdoptedPerSecond: round(windows.length === 0 ? clusters / seconds : Math.min(...windows), 1),
  };
}

/** The condition `Served` of every certificate says something. */
async function untilProbed(
  { pid, metricsUrl }: WorkerProcess,
  clusters: number,
): Promise<Pick<SleepersBenchResult, 'cpuPercentWhileProbing' | 'probedSeconds'>> {
  const [begin, cpuBefore] = [performance.now(), await processCpuSeconds(pid)];
  const wanted = clusters * CERTIFICATES_PER_CLUSTER;
  let count = 0;
  let refusal: unknown;
  const probed = async (): Promise<true | undefined> => {
    // One scrape that a busy worker refuses must not end a run of an hour.
    const scraped = await scrape(metricsUrl).catch((error: unknown) => void (refusal = error));
    if (scraped === undefined) return undefined;
    const reasons = scraped.all('certman_certificates_served');
    count = reasons.reduce((sum, { labels, value }) => sum + (labels['reason'] === 'NotProbed' ? 0 : value), 0);
    return count >= wanted ? true : undefined;
  };
  const timeoutMs = (wanted / MIN_PROBED_PER_SECOND) * 1000 + SETTLE_MS;
  if ((await poll(probed, { timeoutMs, intervalMs: 10_000 })) === undefined)
    throw new Error(`only ${count} of ${wanted} certificates were probed within ${timeoutMs / 1000} s`, {
      cause: refusal,
    });
  const seconds = (performance.now() - begin) / 1000;
  return {
    cpuPercentWhileProbing: round((((await processCpuSeconds(pid)) - cpuBefore) / seconds) * 100, 2),
    probedSeconds: round(seconds, 0),
  };
}

async function measureRest(
  stack: RunningStack,
  worker: WorkerProcess,
  seconds: number,
  progress: (text: string) => void,
): Promise<{
  readonly residentMb: number;
  readonly cpuPercent: number;
  readonly actions: number;
  readonly heartbeats: number;
}> {
  progress(`${seconds} s at rest`);
  const { metricsUrl } = stack.temporal;
  const [cpuBefore, before] = [await processCpuSeconds(worker.pid), await frontendRequests(metricsUrl)];
  await sleep(seconds * 1000);
  const [cpuAfter, after] = [await processCpuSeconds(worker.pid), await frontendRequests(metricsUrl)];
  const perMinute = (kind: keyof typeof after): number => round((after[kind] - before[kind]) / (seconds / 60), 1);
  return {
    residentMb: (await processMemory(worker.pid)).residentMb,
    cpuPercent: round(((cpuAfter - cpuBefore) / seconds) * 100, 2),
    actions: perMinute('actions'),
    heartbeats: perMinute('heartbeats'),
  };
}

/** Of a cluster whose certificate this CA has issued, so that there is something to revoke. */
async function measureDeletion(stack: RunningStack, zoneId: string): Promise<number> {
  const [cluster] = await createSampleClusters(stack, { count: 1, zone: ZONE, zoneId, prefix: 'deleted' });
  if (cluster === undefined) throw new RangeError('no cluster was created');
  return await withAdmin(stack.kubernetes.adminKubeconfig, async (admin) => {
    const { namespace, name } = cluster;
    const serialNumber = await until('its certificate is issued', async () => {
      const request = await admin.get(CERTIFICATE_REQUESTS, { namespace, name: cluster.requestName });
      return readySerial(request?.['status']);
    });
    const begin = performance.now();
    await admin.delete(CLUSTER_DEPLOYMENTS, { namespace, name });
    await until('its ClusterDeployment is gone', async () =>
      (await admin.get(CLUSTER_DEPLOYMENTS, { namespace, name })) === undefined ? true : undefined,
    );
    const seconds = (performance.now() - begin) / 1000;
    await requireRevoked(stack, cluster, serialNumber);
    return round(seconds, 2);
  });
}

async function requireRevoked(stack: RunningStack, { name }: SampleCluster, serialNumber: string): Promise<void> {
  const { Status: status } = await stack.acme.statusOf(serialNumber);
  if (status !== 'Revoked') throw new Error(`the certificate of ${name} is ${status} after its deletion`);
}

function readySerial(status: unknown): string | undefined {
  const { issued, serialNumber } = (status ?? {}) as { readonly issued?: boolean; readonly serialNumber?: string };
  return issued === true ? serialNumber : undefined;
}

async function until<T>(what: string, probe: () => Promise<T | undefined>): Promise<T> {
  const found = await poll(probe, { timeoutMs: 300_000, intervalMs: 50 });
  if (found === undefined) throw new Error(`not within 300 s: ${what}`);
  return found;
}

async function measureStatus(
  program: string,
  environment: Readonly<Record<string, string>>,
  clusters: number,
): Promise<number> {
  const begin = performance.now();
  const { stdout } = await promisify(execFile)(process.execPath, [program, 'status', '--json'], {
    env: { ...process.env, ...environment },
    maxBuffer: 1024 * 1024 * 1024,
  });
  const seconds = (performance.now() - begin) / 1000;
  const { length } = (JSON.parse(stdout) as { readonly clusters: readonly unknown[] }).clusters;
  if (length < clusters) throw new Error(`certman status shows ${length} of ${clusters} clusters`);
  return round(seconds, 2);
}

async function measureScrape(metricsUrl: string): Promise<number> {
  const times: number[] = [];
  for (let count = 0; count < SCRAPES; count += 1) {
    const begin = performance.now();
    await (await fetch(metricsUrl)).text();
    times.push(performance.now() - begin);
  }
  return Math.round(median(times));
}

async function untilSynced(worker: WorkerProcess, begin: number): Promise<number> {
  await until('the worker watches every kind', async () => {
    const synced = (await scrape(worker.metricsUrl)).all('certman_watch_synced');
    return synced.length > 0 && synced.every(({ value }) => value === 1) ? true : undefined;
  });
  return round((performance.now() - begin) / 1000, 1);
}

/** The database with its write-ahead log. */
async function storeBytes(stateDir: string): Promise<number> {
  const sizes = await Promise.all(
    [STORE, `${STORE}-wal`].map(async (file) => {
      try {
        return (await stat(join(stateDir, file))).size;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
        throw error;
      }
    }),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

function table(result: SleepersBenchResult): string {
  return figuresTable(Object.entries(result));
}
