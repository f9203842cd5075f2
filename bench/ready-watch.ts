import { setTimeout as sleep } from 'node:timers/promises';
import type { SampleCluster } from '../local/stack/management-cluster/sample-cluster.ts';
import type { Stack } from '../local/stack/stack.ts';
import { KubernetesClient } from '../src/kubernetes/api/client.ts';
import { loadKubeConfig } from '../src/kubernetes/api/kube-config.ts';

const CERTIFICATE_REQUESTS_PATH = '/apis/certman.managed.openshift.io/v1alpha1/certificaterequests';
/** Of the watch, while nothing is waited for. */
const SILENCE_MS = 600_000;
/** Before it goes on after a watch that failed, as where a connection is refused. */
const PAUSE_MS = 500;
/** No machine takes so long from one certificate to the next. */
const STALL_MS = 120_000;

/** No cluster became Ready for {@link STALL_MS} while some were waited for. Pebble, asked directly, can deadlock. */
export class StalledError extends Error {
  override readonly name = 'StalledError';

  constructor(waiting: number) {
    super(
      `No cluster became Ready for ${STALL_MS / 1000} s, and ${waiting} are not: see the logs of the worker. If the CA does not answer, Pebble has deadlocked: run the bench again.`,
    );
  }
}

interface Waiter {
  readonly resolve: (at: number) => void;
  readonly reject: (error: StalledError) => void;
}

/** Times at which CertificateRequests become Ready, by one watch, without polling beside what is measured. */
export class ReadyWatch {
  readonly #client: KubernetesClient;
  readonly #ended = new AbortController();
  readonly #ready = new Map<string, number>();
  readonly #waiters = new Map<string, Waiter>();
  #reading: Promise<void> | undefined;
  #stall: NodeJS.Timeout | undefined;

  private constructor(client: KubernetesClient) {
    this.#client = client;
  }

  static async open(stack: Pick<Stack, 'kubernetes'>): Promise<ReadyWatch> {
    const client = new KubernetesClient(loadKubeConfig({ path: stack.kubernetes.adminKubeconfig }));
    const list = (await client.getJson(`${CERTIFICATE_REQUESTS_PATH}?limit=1`)) as {
      readonly metadata: { readonly resourceVersion: string };
    };
    const watch = new ReadyWatch(client);
    watch.#reading = watch.#read(list.metadata.resourceVersion);
    return watch;
  }

  /** @returns `performance.now()` at the moment the certificate of the cluster was Ready. @throws StalledError */
  async ready(cluster: SampleCluster): Promise<number> {
    const known = this.#ready.get(cluster.namespace);
    if (known !== undefined) return known;
    return await new Promise<number>((resolve, reject) => {
      this.#waiters.set(cluster.namespace, { resolve, reject });
      this.#progressed();
    });
  }

  async close(): Promise<void> {
    this.#ended.abort();
    clearTimeout(this.#stall);
    await this.#reading;
    await this.#client.close();
  }

  /** Goes on from where it was when a watch ends or fails; an API server that stays away is a stall. */
  async #read(resourceVersion: string): Promise<void> {
    const { signal } = this.#ended;
    let noted = '';
    for (let from = resourceVersion; !signal.aborted; ) {
      const path = `${CERTIFICATE_REQUESTS_PATH}?watch=true&resourceVersion=${from}&timeoutSeconds=1200`;
      try {
        for await (const line of this.#client.openStream(path, signal, { silenceMs: SILENCE_MS })) {
          if (line.startsWith('{"type":"ERROR"')) throw new Error(line.slice(0, 300));
          from = /"resourceVersion":"(\d+)"/.exec(line)?.[1] ?? from;
          this.#observe(line);
        }
      } catch (error) {
        if (signal.aborted) return;
        const why = error instanceof Error ? error.message : String(error);
        if (why !== noted) process.stderr.write(`The watch of CertificateRequests is tried again after: ${why}\n`);
        noted = why;
        await sleep(PAUSE_MS, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  #observe(line: string): void {
    // Parsing every object would add load of the bench.
    if (!line.includes('"issued":true')) return;
    const namespace = /"namespace":"([^"]+)"/.exec(line)?.[1];
    if (namespace === undefined || this.#ready.has(namespace)) return;
    const at = performance.now();
    this.#ready.set(namespace, at);
    this.#waiters.get(namespace)?.resolve(at);
    this.#waiters.delete(namespace);
    this.#progressed();
  }

  #progressed(): void {
    clearTimeout(this.#stall);
    if (this.#waiters.size === 0) return;
    this.#stall = setTimeout(() => {
      const error = new StalledError(this.#waiters.size);
      for (const { reject } of this.#waiters.values()) reject(error);
      this.#waiters.clear();
    }, STALL_MS);
  }
}
