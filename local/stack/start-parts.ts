/** Starts the parts in order, each with the addresses of those it needs. */
import { join } from 'node:path';
import type { StackEndpoints } from './endpoints.ts';
import { startCoreDns } from './parts/coredns.ts';
import { startEtcd } from './parts/etcd.ts';
import { type KubeApiServerOptions, startKubeApiServer } from './parts/kube-apiserver.ts';
import { startKubeControllerManager } from './parts/kube-controller-manager.ts';
import { startMoto } from './parts/moto.ts';
import type { Part, PartContext } from './parts/part.ts';
import { type PebbleOptions, startPebble } from './parts/pebble.ts';
import { startPostgres } from './parts/postgres.ts';
import { startTemporal, type Temporal, type TemporalOptions } from './parts/temporal.ts';
import { startTemporalServer } from './parts/temporal-server.ts';
import { type TlsFiles, tlsFiles } from './tls.ts';
import { AWS, type PartName } from './versions.ts';

/** Options of {@link startParts}. */
export interface StartOptions {
  readonly stateDir: string;
  readonly kubernetes?: KubeApiServerOptions | undefined;
  readonly temporal?: TemporalOptions | undefined;
  readonly pebble?: Omit<PebbleOptions, 'dnsServer' | 'name'> | undefined;
  readonly controllerManager: boolean;
  readonly signal?: AbortSignal | undefined;
  /** Called when a part is healthy, with the milliseconds it took. */
  readonly onStarted: (name: PartName, part: Part, tookMs: number) => void;
}

/**
 * Starts three groups at once; within a group, a part starts after those it needs.
 * @returns once all are healthy. @throws the first failure, once no part is starting.
 */
export async function startParts(options: StartOptions): Promise<StackEndpoints> {
  const failed = new AbortController();
  const signal = options.signal === undefined ? failed.signal : AbortSignal.any([failed.signal, options.signal]);
  const context: PartContext = { stateDir: options.stateDir, signal };
  const tls = await tlsFiles(join(options.stateDir, 'tls'));
  const started: ReportStarted = async (name, starting) => {
    const startedAt = performance.now();
    const part = await starting;
    options.onStarted(name, part, performance.now() - startedAt);
    return part;
  };
  const groups = [
    startKubernetes(context, tls, started, options),
    startAcmeAndDns(context, tls, started, options.pebble),
    startWorkflowServer(context, started, options.temporal),
  ] as const;
  for (const group of groups) group.catch((error: unknown) => failed.abort(error));
  await Promise.allSettled(groups);
  failed.signal.throwIfAborted();
  const [kubernetes, names, temporal] = await Promise.all(groups);
  return { stateDir: options.stateDir, kubernetes, ...names, temporal };
}

type ReportStarted = <T extends Part>(name: PartName, starting: Promise<T>) => Promise<T>;

async function startKubernetes(
  context: PartContext,
  tls: TlsFiles,
  started: ReportStarted,
  { kubernetes, controllerManager }: StartOptions,
): Promise<StackEndpoints['kubernetes']> {
  const etcd = await started('etcd', startEtcd(context));
  const api = await started(
    'kube-apiserver',
    startKubeApiServer({ ...context, ...kubernetes, etcdUrl: etcd.url, tls }),
  );
  const { server, caFile, adminKubeconfig } = api;
  if (controllerManager) {
    await started('kube-controller-manager', startKubeControllerManager({ ...context, adminKubeconfig }));
  }
  return { server, caFile, adminKubeconfig, etcdUrl: etcd.url };
}

async function startAcmeAndDns(
  context: PartContext,
  tls: TlsFiles,
  started: ReportStarted,
  options: PebbleOptions = {},
): Promise<Pick<StackEndpoints, 'route53' | 'dns' | 'acme'>> {
  const moto = await started('moto', startMoto(context));
  const dns = await started('coredns', startCoreDns({ ...context, route53Endpoint: moto.endpoint, tls }));
  const ca = await started('pebble', startPebble({ ...context, ...options, tls, dnsServer: dns.address }));
  const { region, accessKeyId, secretAccessKey } = AWS;
  return {
    route53: { endpoint: moto.endpoint, region, credentials: { accessKeyId, secretAccessKey } },
    dns: {
      address: dns.address,
      dohUrl: dns.dohUrl,
      caFile: dns.caFile,
      zonesDir: dns.zonesDir,
      pidFile: dns.pidFile,
    },
    acme: {
      directoryUrl: ca.directoryUrl,
      managementUrl: ca.managementUrl,
      caFile: ca.caFile,
      rootsFile: ca.rootsFile,
    },
  };
}

async function startWorkflowServer(
  context: PartContext,
  started: ReportStarted,
  options: TemporalOptions = {},
): Promise<StackEndpoints['temporal']> {
  const { address, namespace, uiUrl, metricsUrl } =
    options.store === 'postgres'
      ? await startOnPostgres(context, started)
      : await started('temporal', startTemporal(context, options));
  return { address, namespace, uiUrl, metricsUrl };
}

async function startOnPostgres(context: PartContext, started: ReportStarted): Promise<Temporal> {
  const postgres = await started('postgres', startPostgres(context));
  return await started('temporal', startTemporalServer(context, postgres));
}
