/** Measures `/metrics` of a worker whose controller holds a fleet: with the cache, exporter and server of production. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { toCachedCluster } from '../src/clusters/cached-cluster.ts';
import { ControllerCache } from '../src/controller/controller-cache.ts';
import { fleetSnapshot } from '../src/controller/fleet-snapshot.ts';
import { observeRequest } from '../src/kubernetes/objects/observed-request.ts';
import { metricsRoutes } from '../src/observability/endpoints.ts';
import { FleetMetricsExporter } from '../src/observability/fleet-metrics-exporter.ts';
import { startHttpServer } from '../src/observability/http-server.ts';
import { createMetrics } from '../src/observability/metrics.ts';
import { MetricsExposition } from '../src/observability/metrics-exposition.ts';
import { bundleView, clusterView } from '../test/support/workflows/cluster-views.ts';
import { markdownTable } from './markdown-table.ts';
import { median, round } from './statistics.ts';

const SCRAPES = 10;
const DAY_MS = 86_400_000;

/** Last line of the bench, as JSON. The first scrape also compiles what each one runs. */
export interface ScrapeBenchResult {
  readonly requests: number;
  readonly mebibytes: number;
  readonly firstScrapeMs: number;
  /** Median of the later ones, seen from the process that scrapes. */
  readonly scrapeMs: number;
  /** CPU time of the worker's main thread for one, which does not count what else the machine does. */
  readonly scrapeCpuMs: number;
  /** Longest turn of the event loop during the later ones, in CPU time. */
  readonly longestBlockMs: number;
}

/** Scrapes from another process, as Prometheus does. */
export async function benchScrape({ requests }: { readonly requests: number }): Promise<ScrapeBenchResult> {
  const exposition = new MetricsExposition();
  createMetrics(exposition.registry);
  const exporter = new FleetMetricsExporter({ exposition, onError: () => undefined, async *list() {} });
  const server = await startHttpServer({
    address: { host: '127.0.0.1', port: 0 },
    setting: 'CERTMAN_METRICS_ADDRESS',
    routes: metricsRoutes(exposition),
  });
  const ari = () => ({ certificates: requests, failing: false });
  exporter.expose(fleetSnapshot(syntheticFleet(requests), { ari, watches: () => [], crd: () => undefined }));
  const url = `${server.url}/metrics`;
  try {
    const [first = 0] = await scrape(url, 1);
    const cpuBefore = cpuMs();
    const times = await scrape(url, SCRAPES);
    const scrapeCpuMs = (cpuMs() - cpuBefore) / SCRAPES;
    const longestBlock = watchTurns();
    await scrape(url, SCRAPES);
    const result = {
      requests,
      mebibytes: round((await exposition.metrics()).length / 1024 / 1024, 1),
      firstScrapeMs: round(first, 1),
      scrapeMs: round(median(times), 1),
      scrapeCpuMs: round(scrapeCpuMs, 1),
      longestBlockMs: round(longestBlock(), 1),
    };
    process.stdout.write(`\n${markdownTable(Object.keys(result), [Object.values(result)])}\n\n`);
    return result;
  } finally {
    exporter.close();
    await server.close();
  }
}

/** Of this thread. */
function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

/** @returns a function that ends the watch and returns the longest turn, in milliseconds of CPU time. */
function watchTurns(): () => number {
  let longest = 0;
  let ended = false;
  let previous = cpuMs();
  const turn = (): void => {
    const now = cpuMs();
    longest = Math.max(longest, now - previous);
    previous = now;
    if (!ended) setImmediate(turn);
  };
  setImmediate(turn);
  return () => {
    ended = true;
    return longest;
  };
}

/** @returns milliseconds of each. */
async function scrape(url: string, times: number): Promise<number[]> {
  const program = `
    const times = [];
    await (await fetch('${new URL('/healthz', url).href}')).text();
    for (let count = 0; count < ${times}; count += 1) {
      const start = performance.now();
      await (await fetch('${url}')).arrayBuffer();
      times.push(performance.now() - start);
    }
    console.log(JSON.stringify(times));`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program]);
  return JSON.parse(stdout) as number[];
}

/** One in twenty certificates is overdue. */
function syntheticFleet(requests: number): ControllerCache {
  const cache = new ControllerCache();
  cache.deploymentsKnown = true;
  cache.requestsKnown = true;
  for (let index = 0; index < requests; index += 1) {
    const [namespace, name] = [`uhc-production-${String(index).padStart(32, '0')}`, `cluster-${index}`];
    const dnsNames = [`api.${name}.abcd.p1.openshiftapps.com`, `*.apps.${name}.abcd.p1.openshiftapps.com`];
    const notAfter = Date.now() + (index % 20 === 0 ? 3 : 20 + (index % 70)) * DAY_MS;
    const identity = { managementCluster: 'bench', namespace, name, uid: crypto.randomUUID() };
    const view = clusterView({ identity, bundles: [bundleView('primary-cert-bundle', ...dnsNames)] });
    cache.setCluster(toCachedCluster(undefined, view));
    cache.requests.set(
      observeRequest({
        metadata: { namespace, name: `${name}-primary-cert-bundle`, uid: crypto.randomUUID() },
        spec: { acmeDNSDomain: `${name}.abcd.p1.openshiftapps.com`, dnsNames, email: 'sre@example.com' },
        status: {
          issued: true,
          status: 'Success',
          notBefore: new Date(notAfter - 90 * DAY_MS).toISOString(),
          notAfter: new Date(notAfter).toISOString(),
        },
      }),
    );
  }
  return cache;
}
