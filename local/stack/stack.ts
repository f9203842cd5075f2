/** The local stack: every system that certman talks to, as real programs on loopback, which end with this process. */
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

/** Options of {@link startStack}. */
export interface StackOptions {
  /** Folder for everything that the stack writes: keys, kubeconfigs, data, logs. Created when absent. */
  readonly stateDir: string;
  /** Whether etcd and a Temporal server with a file keep their data. Default false. */
  readonly keepData?: boolean;
  readonly kubernetes?: KubeApiServerOptions;
  readonly temporal?: TemporalOptions;
  readonly pebble?: Omit<PebbleOptions, 'dnsServer' | 'name'>;
  /**
   * Whether kube-controller-manager runs, which collects garbage by owner reference and removes namespaces. Default true.
   * certman's deletions do not depend on it.
   */
  readonly controllerManager?: boolean;
  /** For downloads and builds of missing parts. Default: on standard error. */
  readonly progress?: Progress;
  /** Called when a part is healthy, with the milliseconds it took. */
  readonly onStarted?: (part: PartName, tookMs: number) => void;
  /** Aborts the start, and stops the parts that run. */
  readonly signal?: AbortSignal;
}

/** Operations on a stack that this or another process runs. */
export interface Stack extends StackEndpoints {
  readonly acme: StackEndpoints['acme'] & {
    /** Status of a certificate at the CA. @param serialNumber decimal. */
    statusOf(serialNumber: string): Promise<CertificateStatus>;
  };
  /** Creates a hosted zone in Route 53. @returns once CoreDNS serves it. */
  createZone(name: string, options?: ZoneOptions): Promise<Zone>;
  /** Runs kubectl as administrator. @returns standard output. @throws LocalStackError with standard error. */
  kubectl(args: readonly string[], options?: KubectlOptions): Promise<string>;
  /** Settings of a worker or the CLI for this stack, with the administrator's kubeconfig. */
  environment(): Record<string, string>;
}

/** Options of {@link Stack.kubectl}. */
export interface KubectlOptions {
  /** Standard input. */
  readonly input?: string;
  /** Default five minutes. */
  readonly timeoutMs?: number;
}

/** A stack that this process runs. */
export interface RunningStack extends Stack {
  /** One of its programs, to stop, kill, pause and restart on the same ports. */
  part(name: PartName): Part;
  /** Those that it has. */
  partNames(): readonly PartName[];
  /** Stops every program. */
  stop(): Promise<void>;
}

/** Programs of a stack, without kube-controller-manager. */
export const STACK_TOOLS: readonly ToolName[] = ['kube-apiserver', 'etcd', 'temporal', 'coredns', 'pebble', 'moto'];
/** Programs of a stack with the server of production instead of the development server. */
const TEMPORAL_SERVER_TOOLS: readonly ToolName[] = ['temporal-server', 'temporal-sql-tool'];

/**
 * Downloads or builds missing parts, starts every part and waits until all are healthy.
 * @throws LocalStackError naming the part that did not start, after stopping the others.
 */
export async function startStack(options: StackOptions): Promise<RunningStack> {
  const stateDir = resolve(options.stateDir);
  const release = await lockStateFolder(stateDir, options.keepData ?? false);
  const parts = new Map<PartName, Part>();
  const stop = async (): Promise<void> => {
    // Stores stop last: the servers still write to them.
    const [stores, others] = [[...parts].filter(isStore), [...parts].filter((one) => !isStore(one))];
    for (const group of [others, stores]) await Promise.all(group.map(([, part]) => part.stop()));
    for (const part of parts.values()) await part.remove?.();
    await release();
  };
  try {
    const { controllerManager = true } = options;
    const tools: readonly ToolName[] = [
      ...STACK_TOOLS.filter((name) => name !== 'temporal' || options.temporal?.store !== 'postgres'),
      ...(options.temporal?.store === 'postgres' ? TEMPORAL_SERVER_TOOLS : []),
      ...(controllerManager ? (['kube-controller-manager'] as const) : []),
    ];
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
      partNames: () => [...parts.keys()],
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

function isStore([name]: readonly [PartName, Part]): boolean {
  return name === 'etcd' || name === 'postgres';
}

/** Operations on a stack by its endpoints. */
export function openStack(endpoints: StackEndpoints): Stack {
  return {
    ...endpoints,
    acme: { ...endpoints.acme, statusOf: (serialNumber) => certificateStatus(endpoints.acme, serialNumber) },
    createZone: (name, options) => createZone(endpoints, name, options),
    kubectl: (args, options) => kubectl(endpoints.kubernetes.adminKubeconfig, args, options),
    environment: () => environmentOf(endpoints),
  };
}

/** Names of settings are those of src/configuration/settings.ts. */
function environmentOf({ acme, dns, kubernetes, route53, temporal }: StackEndpoints): Record<string, string> {
  return {
    ...awsEnvironment(route53.endpoint),
    KUBECONFIG: kubernetes.adminKubeconfig,
    TEMPORAL_ADDRESS: temporal.address,
    TEMPORAL_NAMESPACE: temporal.namespace,
    CERTMAN_ACME_DIRECTORY_URL: acme.directoryUrl,
    CERTMAN_ACME_CA_BUNDLE: acme.caFile,
    CERTMAN_TRUST_BUNDLE: acme.rootsFile,
    // For an order without a profile, Pebble picks one at random.
    CERTMAN_ACME_PROFILE: 'default',
    CERTMAN_DOH_RESOLVERS: dns.dohUrl,
    CERTMAN_DOH_CA_BUNDLE: dns.caFile,
    CERTMAN_AUTHORITATIVE_SERVERS: dns.address,
    // moto has no rate limit.
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
  // A kubectl that fails early closes its standard input; its exit code reports the failure.
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');
  const [output, errors, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  if (code === 0) return output;
  throw new LocalStackError({
    message: `kubectl ${args.join(' ')} ended with code ${String(code)}: ${errors.trim()}`,
  });
}
