/** A process that runs the controller over a synthetic fleet, scraped once, and prints the bytes of heap that it takes. Needs `--expose-gc`. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, type ConnectionLike } from '@temporalio/client';
import { runController } from '../../../src/controller/controller.ts';
import type { FleetSnapshot } from '../../../src/controller/fleet-snapshot.ts';
import { CertmanError } from '../../../src/failures/failure.ts';
import type { KubernetesApi } from '../../../src/kubernetes/api/kubernetes-api.ts';
import { FleetMetricsExporter } from '../../../src/observability/fleet-metrics-exporter.ts';
import { createMetrics } from '../../../src/observability/metrics.ts';
import { MetricsExposition } from '../../../src/observability/metrics-exposition.ts';
import { syntheticFleet } from './synthetic-fleet.ts';

const silent = (): void => undefined;
/** A round of the pollers, which take over the certificates. */
const SETTLE_MS = 6_000;
const FEW_CLUSTERS = 500;

/** Temporal without a workflow: a fleet that an earlier worker has signalled needs no signal. */
const connection = {
  plugins: [],
  withDeadline: (_deadline: number, call: () => unknown) => call(),
  withAbortSignal: (_signal: AbortSignal, call: () => unknown) => call(),
  workflowService: { listWorkflowExecutions: () => Promise.resolve({ executions: [], nextPageToken: [] }) },
} as unknown as ConnectionLike;
const client = new Client({ connection });

async function heapBytes(): Promise<number> {
  for (let round = 0; round < 3; round += 1) {
    globalThis.gc?.();
    await sleep(10);
  }
  return process.memoryUsage().heapUsed;
}

/** A resync that comes before a slow machine is done fails, and leaves the cache as it is. */
const noList = (): never => {
  throw new CertmanError({ code: 'kubernetes/unreachable', message: 'The API server lists nothing.' });
};

/** Heap in use with a fleet of this size. */
async function heapWith(clusters: number): Promise<number> {
  const stop = new AbortController();
  const source = syntheticFleet(clusters);
  let fleet: FleetSnapshot | undefined;
  const exposition = new MetricsExposition();
  const exporter = new FleetMetricsExporter({ exposition, onError: silent, async *list() {} });
  const refused = () => Promise.reject(new CertmanError({ code: 'acme/accountMissing', message: 'There is no CA.' }));
  const kubernetes = { ...source, list: noList, withSignal: () => kubernetes } as unknown as KubernetesApi;
  const running = runController(
    {
      kubernetes,
      source,
      client: () => client,
      caHost: () => Promise.resolve(undefined),
      ca: { withClient: refused },
      servedCheck: {
        tls: { read: () => Promise.resolve({ kind: 'unreachable', why: 'There is no cluster.' }) },
        roots: { of: () => 'any' },
        intervalMs: 12 * 3_600_000,
        withinMs: 3_600_000,
      },
      crlSource: { fetch: () => Promise.reject(new CertmanError({ code: 'crl/refused', message: 'No CRL.' })) },
      settings: {
        managementCluster: 'synthetic',
        extraRecord: 'rh-api',
        operatorNamespace: 'certman-operator',
        resyncIntervalMs: 3_600_000,
        workerName: 'worker',
      },
      metrics: createMetrics(exposition.registry),
      exposeFleet: (exposed) => {
        fleet = exposed;
        return exporter.expose(exposed);
      },
      logger: { info: silent, warn: silent, error: silent },
    },
    {
      resumeFrom: { clusterdeployments: '900000', certificaterequests: '900000', dnszones: '900000' },
      taskQueue: 'synthetic',
      signal: stop.signal,
      onStart: silent,
    },
  );
  while (fleet?.watches.every(({ synced }) => synced) !== true) await sleep(20);
  await sleep(SETTLE_MS);
  await exposition.metrics();
  const heap = await heapBytes();
  stop.abort(new Error('done'));
  await running.catch(silent);
  exporter.close();
  return heap;
}

const clusters = Number(process.argv[2]);
// The first fleet also loads and compiles what any fleet needs.
const [withFew, withMore] = [await heapWith(FEW_CLUSTERS), await heapWith(FEW_CLUSTERS + clusters)];
process.stdout.write(`${Math.round((withMore - withFew) / clusters)}\n`);
process.exit(0);
