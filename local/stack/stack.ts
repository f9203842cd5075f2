/** The local stack: every outside system that certman talks to, as real programs on loopback, ended with this process. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { executable, executables } from './build/executables.ts';
import type { StackEndpoints } from './endpoints.ts';
import { createZone, type Zone, type ZoneOptions } from './hosted-zones.ts';
import { LocalStackError } from './local-stack-error.ts';
import { awsEnvironment } from './parts/flags.ts';
import type { KubeApiServerOptions } from './parts/kube-apiserver.ts';
import type { Part } from './parts/part.ts';
import { type CertificateStatus, certificateStatus, type PebbleOptions } from './parts/pebble.ts';
import type { TemporalOptions } from './parts/temporal.ts';
import type { Progress } from './progress.ts';
import { startParts } from './start-parts.ts';
import { ENDPOINTS_FILE, lockStateFolder } from './state-folder.ts';
import { type PartName, type ToolName } from './versions.ts';

export interface StackOptions {
  /** Folder of everything that the stack writes: keys, kubeconfigs, data, logs. Made when absent. */
  readonly stateDir: string;
  /** Whether etcd and a Temporal server with a file go on with what they knew. Default: everything begins anew. */
  readonly keepData?: boolean;
  readonly kubernetes?: KubeApiServerOptions;
  readonly temporal?: TemporalOptions;
  readonly pebble?: Omit<PebbleOptions, 'dnsServer' | 'name'>;
  /**
   * Whether kube-controller-manager runs, which collects garbage by owner reference and ends namespaces. Default true.
   * Nothing that certman promises to delete depends on it.
   */
  readonly controllerManager?: boolean;
  /** Shows downloads and builds of what is missing. Default: lines on standard error. */
  readonly progress?: Progress;
  /** Told when a part is healthy, with the milliseconds it took. */
  readonly onStarted?: (part: PartName, tookMs: number) => void;
  /** Gives up starting, and ends what was started. */
  readonly signal?: AbortSignal;
}

/** What can be done with a stack from any process. */
export interface Stack extends StackEndpoints {
  readonly acme: StackEndpoints['acme'] & {
    /** What the CA says of a certificate, by its serial number in decimal. */
    statusOf(serialNumber: string): Promise<CertificateStatus>;
  };
  /** Makes a hosted zone in Route 53. @returns once DNS answers for it. */
  createZone(name: string, options?: ZoneOptions): Promise<Zone>;
  /** Runs kubectl as one who may do everything. @returns its standard output. @throws LocalStackError with what it complained of. */
  kubectl(args: readonly string[], options?: KubectlOptions): Promise<string>;
  /** Variables by which a worker or the CLI of certman finds this stack, as its administrator. */
  environment(): Record<string, string>;
}

export interface KubectlOptions {
  readonly input?: string;
  /** Default five minutes: some commands wait for what a busy machine does. */
  readonly timeoutMs?: number;
}

export interface RunningStack extends Stack {
  /** One of its programs, to be stopped, killed, paused and brought back on the same ports. */
  part(name: PartName): Part;
  /** Ends every program, in order. */
  stop(): Promise<void>;
}

/** Programs of a stack without kube-controller-manager. */
export const STACK_TOOLS: readonly ToolName[] = ['kube-apiserver', 'etcd', 'temporal', 'coredns', 'pebble', 'moto'];

/**
 * Starts every part and waits until all are healthy, fetching or building what is missing.
 * @throws LocalStackError naming the part that did not start, after ending the others.
 */
export async function startStack(options: StackOptions): Promise<RunningStack> {
  const stateDir = resolve(options.stateDir);
  const release = await lockStateFolder(stateDir, options.keepData ?? false);
  const parts = new Map<PartName, Part>();
  const stop = async (): Promise<void> => {
    // The store goes last: the API server still writes to it.
    const others = [...parts].filter(([name]) => name !== 'etcd');
    await Promise.all(others.map(([, part]) => part.stop()));
    await parts.get('etcd')?.stop();
    await release();
  };
  try {
    const { controllerManager = true } = options;
    const tools: readonly ToolName[] = controllerManager ? [...STACK_TOOLS, 'kube-controller-manager'] : STACK_TOOLS;
    await executables(tools, { progress: options.progress, signal: options.signal });
    const endpoints = await startParts({
      stateDir,
      kubernetes: options.kubernetes,
      temporal: options.temporal,
      pebble: options.pebble,
      controllerManager,
      signal: options.signal,
      onStarted: (name, part, tookMs) => {
        parts.set(name, part);
        options.onStarted?.(name, tookMs);
      },
    });
    await writeFile(join(stateDir, ENDPOINTS_FILE), `${JSON.stringify(endpoints, undefined, 2)}\n`, { mode: 0o600 });
    return {
      ...openStack(endpoints),
      stop,
      part: (name) => {
        const part = parts.get(name);
        if (part === undefined) throw new LocalStackError({ message: `The stack has no part ${name}.` });
        return part;
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** A stack that this or another process runs. */
export function openStack(endpoints: StackEndpoints): Stack {
  return {
    ...endpoints,
    acme: { ...endpoints.acme, statusOf: (serialNumber) => certificateStatus(endpoints.acme, serialNumber) },
    createZone: (name, options) => createZone(endpoints, name, options),
    kubectl: (args, options) => kubectl(endpoints.kubernetes.adminKubeconfig, args, options),
    environment: () => environmentOf(endpoints),
  };
}

/** Names are those of src/configuration/settings.ts. */
function environmentOf({ acme, dns, kubernetes, route53, temporal }: StackEndpoints): Record<string, string> {
  return {
    ...awsEnvironment(route53.endpoint),
    KUBECONFIG: kubernetes.adminKubeconfig,
    TEMPORAL_ADDRESS: temporal.address,
    TEMPORAL_NAMESPACE: temporal.namespace,
    CERTMAN_ACME_DIRECTORY_URL: acme.directoryUrl,
    CERTMAN_ACME_CA_BUNDLE: acme.caFile,
    // Pebble takes any of its profiles for an order that names none.
    CERTMAN_ACME_PROFILE: 'default',
    CERTMAN_DOH_RESOLVERS: dns.dohUrl,
    CERTMAN_DOH_CA_BUNDLE: dns.caFile,
    CERTMAN_AUTHORITATIVE_SERVERS: dns.address,
    // moto is nobody else's, and has no limit of five a second.
    CERTMAN_ROUTE53_REQUESTS_PER_SECOND: '100',
  };
}

const KUBECTL_TIMEOUT_MS = 5 * 60_000;

async function kubectl(kubeconfig: string, args: readonly string[], options: KubectlOptions = {}): Promise<string> {
  const child = spawn(await executable('kubectl'), ['--kubeconfig', kubeconfig, ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: options.timeoutMs ?? KUBECTL_TIMEOUT_MS,
    killSignal: 'SIGKILL',
  });
  // A kubectl that fails early reads no more of it; its exit code says so.
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');
  const [output, complaint, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  if (code === 0) return output;
  throw new LocalStackError({
    message: `kubectl ${args.join(' ')} ended with code ${String(code)}: ${complaint.trim()}`,
  });
}
