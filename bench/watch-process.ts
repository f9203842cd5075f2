/** A process that runs the controller and nothing else, so that its memory is the controller's. Driven by `watch.ts` over IPC. */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from '@temporalio/client';
import { NativeConnection } from '@temporalio/worker';
import { Registry } from 'prom-client';
import { SAMPLE_EXTRA_RECORD } from '../local/stack/management-cluster/sample-cluster.ts';
import { AcmeClientSource } from '../src/acme/client-source.ts';
import type { WatchCheckpoint } from '../src/contract/activities/watch.ts';
import { taskQueueOf } from '../src/contract/ids.ts';
import { runController } from '../src/controller/controller.ts';
import type { FleetSnapshot } from '../src/controller/fleet-snapshot.ts';
import { CertmanError } from '../src/failures/failure.ts';
import { KubernetesClient } from '../src/kubernetes/api/client.ts';
import { loadKubeConfig } from '../src/kubernetes/api/kube-config.ts';
import { createOperatorSettings } from '../src/kubernetes/objects/operator-settings.ts';
import { createMetrics } from '../src/observability/metrics.ts';

/** The first message to the process. */
export interface WatchProcessOptions {
  readonly kubeconfig: string;
  readonly temporalAddress: string;
  readonly managementCluster: string;
  /** Of an earlier process; empty: list everything. */
  readonly resumeFrom: WatchCheckpoint;
  readonly resyncIntervalMs: number;
}

/** Later messages to the process. */
export type WatchProcessCommand = 'measureMemory' | 'stop';

/** Messages from the process, each when it happens. */
export type WatchProcessReport =
  | { readonly kind: 'imported' }
  /** Every kind is listed and every cluster signalled, milliseconds after the controller began. */
  | { readonly kind: 'synced'; readonly ms: number }
  | { readonly kind: 'resynced'; readonly ms: number; readonly cpuMs: number }
  /** After a garbage collection; in bytes. */
  | { readonly kind: 'memory'; readonly heap: number; readonly resident: number }
  | { readonly kind: 'stopped'; readonly checkpoint: WatchCheckpoint };

const OPERATOR_NAMESPACE = 'certman-operator';
const SAMPLE_INTERVAL_MS = 20;
const silent = (): void => undefined;

function report(message: WatchProcessReport): void {
  process.send?.(message);
}

/** CPU time of this process, sampled: a resync is known only once it has ended. */
const cpuSamples: { readonly at: number; readonly cpuMs: number }[] = [];

function sampleCpu(): number {
  const { user, system } = process.cpuUsage();
  const cpuMs = (user + system) / 1000;
  cpuSamples.push({ at: performance.now(), cpuMs });
  return cpuMs;
}

function reportResync(ms: number): void {
  const now = sampleCpu();
  const start = performance.now() - ms;
  const before = cpuSamples.findLast(({ at }) => at <= start)?.cpuMs ?? 0;
  report({ kind: 'resynced', ms, cpuMs: Math.round(now - before) });
  cpuSamples.splice(0, cpuSamples.length - 1);
}

async function reportSynced(fleet: FleetSnapshot, begin: number): Promise<void> {
  while (!fleet.watches.every(({ synced }) => synced)) await sleep(SAMPLE_INTERVAL_MS);
  report({ kind: 'synced', ms: performance.now() - begin });
}

async function reportMemory(): Promise<void> {
  // What finalizers and weak references hold is freed by the second.
  for (let round = 0; round < 3; round += 1) {
    globalThis.gc?.();
    await sleep(50);
  }
  const { heapUsed, external, rss } = process.memoryUsage();
  report({ kind: 'memory', heap: heapUsed + external, resident: rss });
}

async function run(options: WatchProcessOptions, stop: AbortSignal): Promise<void> {
  const { managementCluster, resumeFrom, resyncIntervalMs } = options;
  const kubernetes = new KubernetesClient(loadKubeConfig({ path: options.kubeconfig }));
  const connection = await NativeConnection.connect({ address: options.temporalAddress });
  const client = new Client({ connection });
  setInterval(sampleCpu, SAMPLE_INTERVAL_MS).unref();
  const log = (fields: object, message: string): void => {
    if (message === 'Resynced') reportResync((fields as { readonly ms: number }).ms);
    else if (/fail|reject|missed|no workflow/.test(message))
      process.stderr.write(`${message} ${JSON.stringify(fields)}\n`);
  };
  const begin = performance.now();
  const settings = { managementCluster, extraRecord: SAMPLE_EXTRA_RECORD, operatorNamespace: OPERATOR_NAMESPACE };
  const checkpoint = await runController(
    {
      kubernetes,
      source: kubernetes,
      client: () => client,
      // The certificates of this fleet are another CA's, so that none is polled about.
      caHost: () => Promise.resolve(undefined),
      ca: new AcmeClientSource({
        accounts: createOperatorSettings({ kubernetes, operatorNamespace: OPERATOR_NAMESPACE }),
        userAgent: 'certman/bench',
      }),
      crlSource: {
        fetch: () => Promise.reject(new CertmanError({ code: 'crl/refused', message: 'The bench has no CRLs.' })),
      },
      settings: { ...settings, resyncIntervalMs, workerName: 'bench' },
      metrics: createMetrics(new Registry()),
      exposeFleet: (fleet) => {
        void reportSynced(fleet, begin);
        return silent;
      },
      logger: { info: log, warn: log, error: log },
    },
    { resumeFrom, taskQueue: taskQueueOf(managementCluster), signal: stop, onStart: silent },
  );
  await Promise.all([kubernetes.close(), connection.close()]);
  report({ kind: 'stopped', checkpoint });
}

const stop = new AbortController();
process.once('disconnect', () => process.exit(1));
report({ kind: 'imported' });
const [options] = (await once(process, 'message')) as [WatchProcessOptions];
process.on('message', (command: WatchProcessCommand) => {
  if (command === 'stop') stop.abort();
  else void reportMemory();
});
await run(options, stop.signal);
process.exit(0);
