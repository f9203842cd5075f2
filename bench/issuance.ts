/** Throughput of N clusters installed at once, and latency of one alone. */
import { cpus } from 'node:os';
import { join } from 'node:path';
import { buildProgram } from '../local/image/built-program.ts';
import { prepareManagementCluster } from '../local/stack/management-cluster/management-cluster.ts';
import {
  installSampleClusters,
  prepareSampleClusters,
  type SampleCluster,
} from '../local/stack/management-cluster/sample-cluster.ts';
import { startPebble } from '../local/stack/parts/pebble.ts';
import { type RunningStack, startStack } from '../local/stack/stack.ts';
import { startWorker } from '../local/stack/worker-process.ts';
import { isUnanswered, type KeyType, measureBaseline } from './acme-client-baseline.ts';
import { markdownTable } from './markdown-table.ts';
import { cpuSeconds, processMemory } from './process-figures.ts';
import { ReadyWatch, StalledError } from './ready-watch.ts';
import { median, quantile, round } from './statistics.ts';

/** Options of {@link benchIssuance}. */
export interface IssuanceBenchOptions {
  readonly clusters: number;
  readonly keyTypes: readonly KeyType[];
  readonly stateDir: string;
}

/** Figures of one key type. */
export interface KeyTypeResult {
  readonly keyType: KeyType;
  readonly clusters: number;
  readonly certificatesPerMinute: number;
  /** Before and after the clusters, since the speed of a machine changes within minutes. */
  readonly barePerMinute: number;
  /** certificatesPerMinute / barePerMinute. */
  readonly ratio: number;
  /** Seconds from installed to Ready. */
  readonly p50: number;
  readonly p95: number;
  /** Seconds for one alone, median of three. */
  readonly one: number;
  /** Highest resident memory of the worker, MiB. */
  readonly workerPeakMb: number;
  /** CPU time for each certificate by program, milliseconds; `MainThread` is the worker, `bench` this process. */
  readonly cpuMs: Readonly<Record<string, number>>;
}

/** Last line of the bench, as JSON. */
export interface IssuanceBenchResult extends Omit<KeyTypeResult, 'keyType'> {
  readonly keyTypes: Readonly<Record<string, KeyTypeResult>>;
}

const ZONE = 'bench.example.com';
/** Pebble can deadlock when it is asked directly; a fresh one then measures the same. */
const ATTEMPTS = 4;

/** Measures each key type. @returns the figures of the first key type, and of each by name. */
export async function benchIssuance(options: IssuanceBenchOptions): Promise<IssuanceBenchResult> {
  const results: KeyTypeResult[] = [];
  for (const keyType of options.keyTypes) {
    const progress = (text: string): void => void process.stderr.write(`[${keyType}] ${text}\n`);
    results.push(await retryStuck(() => measure(keyType, options, progress), progress));
  }
  process.stdout.write(`\n${table(results)}\n\n`);
  const [first] = results;
  if (first === undefined) throw new RangeError('no key type to measure');
  const { keyType: _, ...figures } = first;
  return { ...figures, keyTypes: Object.fromEntries(results.map((result) => [result.keyType, result])) };
}

/** Each key type has a stack of its own, so that the first does not affect the second. */
async function measure(
  keyType: KeyType,
  options: IssuanceBenchOptions,
  progress: (text: string) => void,
): Promise<KeyTypeResult> {
  const stateDir = join(options.stateDir, keyType);
  progress('starting the local parts');
  const stack = await startStack({ stateDir });
  try {
    const { zoneId } = await stack.createZone(ZONE);
    const managementCluster = await prepareManagementCluster(stack);
    const names = Array.from({ length: options.clusters }, (_, index) => namesOf(`bare-${index}`));
    progress('bare acme-client loop');
    const bareBefore = await runBaseline(stack, stateDir, keyType, names);

    progress('preparing the clusters');
    const fleet = await prepareSampleClusters(stack, { count: options.clusters, zone: ZONE, zoneId, prefix: 'fleet' });
    const alone = await prepareSampleClusters(stack, { count: 4, zone: ZONE, zoneId, prefix: 'alone' });
    const worker = await startWorker({
      stack,
      managementCluster,
      program: await buildProgram(stateDir),
      environment: {
        CERTMAN_KEY_TYPE: keyType,
        CERTMAN_EXTRA_RECORD: 'rh-api',
        CERTMAN_ROUTE53_REQUESTS_PER_SECOND: '50',
      },
    });
    const watch = await ReadyWatch.open(stack);
    let burst: Omit<KeyTypeResult, 'barePerMinute' | 'ratio'>;
    try {
      progress('one alone');
      // The first one also loads the directory, the zone and the code; the result is the median of the next three.
      const ones: number[] = [];
      for (const cluster of alone)
        ones.push(await secondsToReady(stack, watch, [cluster]).then(([seconds]) => seconds ?? 0));
      const one = median(ones.slice(1));

      progress(`${options.clusters} at once`);
      const cpuBefore = await cpuSeconds();
      const begin = performance.now();
      const seconds = await secondsToReady(stack, watch, fleet);
      const total = (performance.now() - begin) / 1000;
      const cpu = await cpuSeconds();
      burst = {
        keyType,
        clusters: fleet.length,
        certificatesPerMinute: round((fleet.length / total) * 60, 0),
        p50: round(quantile(seconds, 0.5), 2),
        p95: round(quantile(seconds, 0.95), 2),
        one: round(one, 2),
        workerPeakMb: (await processMemory(worker.pid)).peakMb,
        cpuMs: perCertificate(cpuBefore, cpu, fleet.length),
      };
    } finally {
      await watch.close();
      await worker.stop();
    }
    progress('bare acme-client loop, again');
    const bareAfter = await runBaseline(stack, stateDir, keyType, names);
    // As many certificates each: the rate of both together.
    const barePerMinute = 2 / (1 / bareBefore + 1 / bareAfter);
    const ratio = round(burst.certificatesPerMinute / barePerMinute, 3);
    return { ...burst, barePerMinute: round(barePerMinute, 0), ratio };
  } finally {
    await stack.stop();
  }
}

/** Milliseconds. */
function perCertificate(
  before: Readonly<Record<string, number>>,
  after: Readonly<Record<string, number>>,
  certificates: number,
): Readonly<Record<string, number>> {
  const each = Object.entries(after).map(
    ([name, seconds]) => [name, round(((seconds - (before[name] ?? 0)) * 1000) / certificates, 1)] as const,
  );
  return Object.fromEntries(each.filter(([, ms]) => ms > 0).sort(([, one], [, other]) => other - one));
}

/** Whether it can be that Pebble has deadlocked. */
function isStuck(error: unknown): boolean {
  return isUnanswered(error) || error instanceof StalledError;
}

async function retryStuck(
  measureOnce: () => Promise<KeyTypeResult>,
  progress: (text: string) => void,
): Promise<KeyTypeResult> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await measureOnce();
    } catch (error) {
      if (!isStuck(error) || attempt === ATTEMPTS) throw error;
      progress(`measured again on a fresh CA: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}

async function runBaseline(
  stack: RunningStack,
  stateDir: string,
  keyType: KeyType,
  certificates: readonly (readonly string[])[],
): Promise<number> {
  const pebble = await startPebble({
    stateDir: join(stateDir, 'bare'),
    dnsServer: stack.dns.address,
    alwaysValid: true,
  });
  try {
    const input = { directoryUrl: pebble.directoryUrl, caFile: pebble.caFile, keyType };
    // A warm-up, since the worker is warm when it is measured.
    await measureBaseline({ ...input, certificates: certificates.slice(0, 16) });
    return await measureBaseline({ ...input, certificates });
  } finally {
    await pebble.stop();
  }
}

async function secondsToReady(
  stack: RunningStack,
  watch: ReadyWatch,
  clusters: readonly SampleCluster[],
): Promise<readonly number[]> {
  const begin = performance.now();
  const [, ready] = await Promise.all([
    installSampleClusters(stack, clusters),
    Promise.all(clusters.map((cluster) => watch.ready(cluster))),
  ]);
  return ready.map((at) => (at - begin) / 1000);
}

function namesOf(cluster: string): readonly string[] {
  const domain = `${cluster}.${ZONE}`;
  return [`api.${domain}`, `rh-api.${domain}`, `*.apps.${domain}`];
}

function table(results: readonly KeyTypeResult[]): string {
  const header = ['key', 'clusters', 'per minute', 'bare loop', 'ratio', 'p50 s', 'p95 s', 'one s', 'worker peak MiB'];
  const rows = results.map((result) => [
    result.keyType,
    result.clusters,
    result.certificatesPerMinute,
    result.barePerMinute,
    result.ratio,
    result.p50,
    result.p95,
    result.one,
    result.workerPeakMb,
  ]);
  const runs = markdownTable(header, rows);
  const cpu = results.map(
    ({ keyType, cpuMs }) =>
      `CPU ms per certificate, ${keyType}: ${Object.entries(cpuMs)
        .map(([program, used]) => `${program} ${used}`)
        .join(', ')}`,
  );
  return [`${cpus().length} cores, every part on this machine`, '', runs, '', ...cpu].join('\n');
}
