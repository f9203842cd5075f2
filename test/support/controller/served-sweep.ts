/** The sweep of what clusters serve, over one cluster whose API server is in memory, and a real TLS server. */
import { Registry } from 'prom-client';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import { readLeaf } from '../../../src/acme/certificate.ts';
import { toCachedCluster } from '../../../src/clusters/cached-cluster.ts';
import type { ClusterView } from '../../../src/clusters/cluster-view.ts';
import { ControllerCache } from '../../../src/controller/controller-cache.ts';
import { FailedProbes } from '../../../src/controller/failed-probes.ts';
import { KeyedWorkQueue } from '../../../src/controller/keyed-work-queue.ts';
import { servedPollClient, servedRemovalClient } from '../../../src/controller/served-poller.ts';
import { CertmanError } from '../../../src/failures/failure.ts';
import type { KubernetesApi, KubernetesObject } from '../../../src/kubernetes/api/kubernetes-api.ts';
import { certificateFacts } from '../../../src/kubernetes/objects/certificate-facts.ts';
import { observeRequest } from '../../../src/kubernetes/objects/observed-request.ts';
import type { ResolveHost } from '../../../src/network/resolve-allowed.ts';
import { createMetrics } from '../../../src/observability/metrics.ts';
import { TlsProbe } from '../../../src/tls-probe/tls-probe.ts';
import { TrustStore } from '../../../src/x509/trust-store.ts';
import { IssuingCa } from '../certificates/issuing-ca.ts';
import { startTlsServer, type TlsServer } from '../certificates/tls-server.ts';
import { LOOPBACK } from '../network.ts';
import { clusterView } from '../workflows/cluster-views.ts';

export const HOUR_MS = 3_600_000;

const logger = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** An issued certificate, and the status of a request that has it. */
interface Issued {
  readonly chainPem: string;
  readonly leafPem: string;
  readonly keyPem: string;
  readonly status: Readonly<Record<string, unknown>> & { readonly serialNumber: string };
}

/** The condition `Served`. */
interface ServedCondition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

export type SweepClient = ReturnType<typeof servedPollClient>;

export class ServedSweep {
  #started: { readonly ca: IssuingCa; readonly issued: Issued; readonly server: TlsServer } | undefined;
  cache = new ControllerCache();
  queue = new KeyedWorkQueue(8, 100);
  view: ClusterView = clusterView();
  /** What the API server has of the request. */
  stored: KubernetesObject | undefined;
  /** Type and reason of each. */
  events: string[] = [];
  /** Of the condition. */
  patches = 0;

  async start(): Promise<void> {
    const ca = await IssuingCa.create();
    const issued = await issueBy(ca, '05');
    this.#started = { ca, issued, server: await startTlsServer(issued) };
  }

  get ca(): IssuingCa {
    return this.#parts().ca;
  }

  get issued(): Issued {
    return this.#parts().issued;
  }

  /** Presents {@link issued}. */
  get server(): TlsServer {
    return this.#parts().server;
  }

  #parts() {
    if (this.#started === undefined) throw new Error('The sweep has not been started');
    return this.#started;
  }

  reset(): void {
    this.cache = new ControllerCache();
    this.queue = new KeyedWorkQueue(8, 100);
    this.view = { ...clusterView(), finalizer: true, apiURL: `https://api.c1.example.com:${this.server.port}` };
    this.stored = undefined;
    this.events = [];
    this.patches = 0;
  }

  issue(serialHex: string): Promise<Issued> {
    return issueBy(this.ca, serialHex);
  }

  readonly api = {
    withSignal: () => this.api,
    get: () => Promise.resolve(this.stored),
    create: (_resource, object) => {
      this.events.push(`${String(object['type'])} ${String(object['reason'])}`);
      return Promise.resolve(object);
    },
    patch: (_resource, _key, operations) => {
      if (this.stored === undefined) return Promise.resolve(undefined);
      const { metadata, status } = this.stored as KubernetesObject & {
        readonly status: { readonly conditions?: object[] };
      };
      const actual = new Map<string, unknown>(
        Object.entries(metadata).map(([name, value]) => [`/metadata/${name}`, value]),
      );
      const isOther = operations.some((one) => one.op === 'test' && actual.get(one.path) !== one.value);
      const change = operations.at(-1);
      const value = change !== undefined && 'value' in change ? change.value : undefined;
      const isAppended = change?.path === '/status/conditions/-';
      if (isOther || (isAppended && status.conditions === undefined)) {
        return Promise.reject(new CertmanError({ code: 'kubernetes/conflict', message: 'it is not as it was' }));
      }
      this.patches += 1;
      const conditions = isAppended ? [...(status.conditions ?? []), value] : value;
      const resourceVersion = String(Number(metadata.resourceVersion) + 1);
      this.stored = { ...this.stored, metadata: { ...metadata, resourceVersion }, status: { ...status, conditions } };
      return Promise.resolve(this.stored);
    },
  } as Partial<KubernetesApi> as KubernetesApi;

  setUp(
    kubernetes: KubernetesApi = this.api,
    roots = new TrustStore([this.ca.certificatePem]),
    resolve = toLoopback,
    failedProbes = new FailedProbes(),
  ): SweepClient {
    const check = {
      tls: new TlsProbe({ privateNetworks: [LOOPBACK], resolve, timeoutMs: 5_000 }),
      roots: { of: () => roots },
      intervalMs: 12 * HOUR_MS,
      withinMs: 3 * HOUR_MS,
    };
    return servedPollClient({ ...this.#context(), kubernetes }, check, failedProbes);
  }

  /** Where the sweep is switched off. */
  setUpRemoval(): ReturnType<typeof servedRemovalClient> {
    return servedRemovalClient({ ...this.#context(), kubernetes: this.api });
  }

  #context() {
    const { signal } = new AbortController();
    return { cache: this.cache, queue: this.queue, metrics: createMetrics(new Registry()), logger, signal };
  }

  /** A request with this status, as its informer and that of its cluster have it. */
  setRequest(status: object, kind?: 'CertificateRequest', dnsNames = ['api.c1.example.com']): void {
    const { namespace } = this.view.identity;
    const cluster = toCachedCluster(undefined, { ...this.view, identity: { ...this.view.identity, kind } });
    this.cache.setCluster(cluster);
    const name = this.cache.allClusters().next().value?.certificates[0]?.requestName ?? '';
    this.stored = { metadata: { namespace, name, uid: 'u', resourceVersion: '1' }, spec: { dnsNames }, status };
    this.observe();
  }

  /** As the informer does after a write. */
  observe(): void {
    if (this.stored !== undefined) this.cache.requests.set(observeRequest(this.stored));
  }

  served(): ServedCondition | undefined {
    const status = this.stored?.['status'] as { readonly conditions?: readonly ServedCondition[] } | undefined;
    return status?.conditions?.find(({ type }) => type === 'Served');
  }

  subjectOf(client: SweepClient) {
    const [subject] = [...client.changes()].flatMap((key) => client.find(key) ?? []);
    if (subject === undefined) throw new Error('nothing is polled');
    return subject;
  }

  async pollOnce(client: SweepClient) {
    const subject = this.subjectOf(client);
    const [result] = await client.poll([subject]);
    this.observe();
    return { subject, result };
  }
}

/** For the tests of a file; as new before each. */
export function useServedSweep(): ServedSweep {
  const sweep = new ServedSweep();
  beforeAll(() => sweep.start());
  beforeEach(() => sweep.reset());
  afterAll(() => sweep.server.close());
  return sweep;
}

export const toLoopback: ResolveHost = () => Promise.resolve([{ address: '127.0.0.1', family: 4 }]);

/** Of the status of a certificate that was installed so long ago. */
export const installed = (ageMs: number) => ({ installedTime: new Date(Date.now() - ageMs).toISOString() });

async function issueBy(ca: IssuingCa, serialHex: string): Promise<Issued> {
  const pair = await ca.issue({ serialHex });
  const { serialNumber, issuerName, notBefore, notAfter } = certificateFacts(readLeaf(pair.chainPem));
  return { ...pair, status: { issued: true, serialNumber, issuerName, notBefore, notAfter } };
}
