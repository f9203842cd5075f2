import type { CachedCertificate, CachedCluster } from '../clusters/cached-cluster.ts';
import { pause } from '../kubernetes/api/backoff.ts';
import { type Drift, driftOf } from '../kubernetes/objects/drift.ts';
import { listCertificateRequests, type ObservedRequest } from '../kubernetes/objects/observed-request.ts';
import { type ObservedSecret, observeSecret } from '../kubernetes/objects/observed-secret.ts';
import { SECRETS } from '../kubernetes/objects/resources.ts';
import { keyOf, nameOf } from './controller-cache.ts';
import type { ControllerContext } from './controller-context.ts';

/** Longer than a workflow needs from one write to the next, so that work in progress is no drift. */
const RECHECK_DELAY_MS = 5_000;
/** Drift in more namespaces is checked again by lists of the whole management cluster, which take fewer requests. */
const MAX_NAMESPACE_LISTS = 20;

interface ServedCertificate {
  readonly cluster: CachedCluster;
  readonly certificate: CachedCertificate;
}

/** By `namespace/name`. */
interface ListedObjects {
  readonly requests: ReadonlyMap<string, ObservedRequest>;
  readonly secrets: ReadonlyMap<string, ObservedSecret>;
}

/** Finds drift of owned objects that was not watched, and signals it once if it is still there seconds later. */
export class OwnedObjectsResync {
  readonly #context: ControllerContext;
  /** Drift by certificate while it lasts; signalled once: a workflow retries by schedule, or evaluates when started. */
  #signalled = new Map<string, string>();

  constructor(context: ControllerContext) {
    this.#context = context;
  }

  /** @param requests all of the management cluster. @returns the number of workflows that were signalled. */
  async run(requests: readonly ObservedRequest[]): Promise<number> {
    const { settings, signal } = this.#context;
    const caHost = await this.#context.caHost();
    const listed = { requests: byKey(requests), secrets: await this.#listSecrets() };
    const lasting = new Map<string, string>();
    const suspects: { readonly served: ServedCertificate; readonly drift: Drift }[] = [];
    for (const served of this.#servedCertificates()) {
      const drift = findDrift(served, listed, caHost);
      if (drift === undefined) continue;
      const id = idOf(served);
      if (this.#signalled.get(id) === drift.key) lasting.set(id, drift.key);
      else suspects.push({ served, drift });
    }
    this.#signalled = lasting;
    if (suspects.length === 0) return 0;
    await pause(Math.min(RECHECK_DELAY_MS, settings.resyncIntervalMs), signal);
    const relisted = await this.#relist(new Set(suspects.map(({ served }) => served.cluster.namespace)));
    const waiting = await this.#waitingWithoutRequests(suspects, relisted);
    const confirmed = suspects.filter(({ served, drift }) => {
      const current = this.#currentOf(served);
      if (current === undefined || waiting.has(current.cluster.uid)) return false;
      return findDrift(current, relisted, caHost)?.key === drift.key;
    });
    await Promise.all(confirmed.map(({ served, drift }) => this.#signal(served, drift)));
    return confirmed.length;
  }

  async #signal(served: ServedCertificate, { message, key }: Drift): Promise<void> {
    this.#context.logger.warn({ cluster: keyOf(served.cluster), what: message }, 'The watch missed a change');
    await this.#context.signaller.reevaluate(served.cluster, message);
    this.#signalled.set(idOf(served), key);
  }

  /** @returns uids of the clusters that failed before they had a request, which is then missing by no drift. */
  async #waitingWithoutRequests(
    suspects: readonly { readonly served: ServedCertificate }[],
    { requests }: ListedObjects,
  ): Promise<ReadonlySet<string>> {
    const hasNone = ({ namespace, certificates }: CachedCluster): boolean =>
      certificates.every(({ requestName }) => !requests.has(keyOf({ namespace, name: requestName })));
    const without = new Set(
      suspects
        .map(({ served }) => served.cluster)
        .filter(hasNone)
        .map(({ uid }) => uid),
    );
    if (without.size === 0) return without;
    const waiting = await this.#context.workflows.listWaitingOrFailing();
    return new Set(waiting.map(({ uid }) => uid).filter((uid) => without.has(uid)));
  }

  *#servedCertificates(): Generator<ServedCertificate> {
    for (const cluster of this.#context.cache.allClusters()) {
      if (cluster.gate !== 'serve') continue;
      for (const certificate of cluster.certificates) yield { cluster, certificate };
    }
  }

  /** @returns undefined when the certificate is no longer served. */
  #currentOf({ cluster, certificate }: ServedCertificate): ServedCertificate | undefined {
    const current = this.#context.cache.getCluster(cluster);
    if (current?.uid !== cluster.uid || current.gate !== 'serve') return undefined;
    const isServed = current.certificates.some(({ secretName }) => secretName === certificate.secretName);
    return isServed ? { cluster: current, certificate } : undefined;
  }

  async #listSecrets(namespace?: string): Promise<ReadonlyMap<string, ObservedSecret>> {
    const { kubernetes, signal } = this.#context;
    const wanted = new Set<string>();
    for (const { cluster, certificate } of this.#servedCertificates()) {
      wanted.add(keyOf({ namespace: cluster.namespace, name: certificate.secretName }));
    }
    const secrets = new Map<string, ObservedSecret>();
    for await (const object of kubernetes.list(SECRETS, { namespace, metadataOnly: true, signal })) {
      const key = keyOf(nameOf(object));
      if (wanted.has(key)) secrets.set(key, observeSecret(object));
    }
    return secrets;
  }

  /** By namespace, or as a whole where that takes fewer requests. */
  async #relist(namespaces: ReadonlySet<string>): Promise<ListedObjects> {
    const { kubernetes, signal } = this.#context;
    const requests: ObservedRequest[] = [];
    const secrets = new Map<string, ObservedSecret>();
    for (const namespace of namespaces.size > MAX_NAMESPACE_LISTS ? [undefined] : namespaces) {
      requests.push(...(await listCertificateRequests(kubernetes, { namespace, signal })));
      for (const [key, secret] of await this.#listSecrets(namespace)) secrets.set(key, secret);
    }
    return { requests: byKey(requests), secrets };
  }
}

function findDrift(
  { cluster, certificate }: ServedCertificate,
  { requests, secrets }: ListedObjects,
  caHost: string | undefined,
): Drift | undefined {
  const { namespace, kind } = cluster;
  return driftOf({
    certificate,
    now: Date.now(),
    cluster: kind === undefined ? cluster : undefined,
    request: requests.get(keyOf({ namespace, name: certificate.requestName })),
    secret: secrets.get(keyOf({ namespace, name: certificate.secretName })),
    caHost,
  });
}

function byKey(requests: readonly ObservedRequest[]): ReadonlyMap<string, ObservedRequest> {
  return new Map(requests.map((request) => [keyOf(request), request]));
}

function idOf({ cluster, certificate }: ServedCertificate): string {
  return `${cluster.kind ?? ''} ${cluster.uid} ${certificate.requestName}`;
}
