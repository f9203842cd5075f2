import type { CachedCertificate, CachedCluster } from '../clusters/cached-cluster.ts';
import { isOlderResourceVersion } from '../clusters/resource-version.ts';
import { pause } from '../kubernetes/api/backoff.ts';
import { type Drift, driftOf } from '../kubernetes/objects/drift.ts';
import { listCertificateRequests, type ObservedRequest } from '../kubernetes/objects/observed-request.ts';
import { type ObservedSecret, observeSecret } from '../kubernetes/objects/observed-secret.ts';
import { SECRETS } from '../kubernetes/objects/resources.ts';
import { NOT_STAGING_SELECTOR } from '../kubernetes/objects/secret-ownership.ts';
import type { CacheFreshness } from './cache-freshness.ts';
import { requestsIn } from './controller-cache.ts';
import type { ControllerContext } from './controller-context.ts';
import { inSlices } from './in-slices.ts';
import { NamespacedMap } from './namespaced-map.ts';
import { keyOf, type NamespacedName, nameOf } from './namespaced-name.ts';

/** Longer than a workflow needs from one write to the next, so that work in progress is no drift. */
const RECHECK_DELAY_MS = 5_000;
/** Drift in more namespaces is checked again by lists of the whole management cluster, which take fewer requests. */
const MAX_NAMESPACE_LISTS = 20;

interface ListedObjects {
  /** By `namespace/name`. */
  readonly requests: ReadonlyMap<string, ObservedRequest>;
  readonly secrets: Pick<NamespacedMap<ObservedSecret>, 'get'>;
}

interface DriftedCertificate {
  /** Of the certificate. */
  readonly id: string;
  readonly cluster: CachedCluster;
  readonly drift: Drift;
}

/** Finds drift of owned objects that was not watched, and signals it once if it is still there seconds later. */
export class OwnedObjectsResync {
  readonly #context: ControllerContext;
  readonly #freshness: CacheFreshness;
  /** Drift by certificate while it lasts; signalled once: a workflow retries by schedule, or evaluates when started. */
  #signalled = new Map<string, string>();

  constructor(context: ControllerContext, freshness: CacheFreshness) {
    this.#context = context;
    this.#freshness = freshness;
  }

  /** @param requests all of the management cluster. @returns the number of workflows that were signalled. */
  async run(requests: readonly ObservedRequest[]): Promise<number> {
    const { settings, cache, signal } = this.#context;
    const caHost = await this.#context.caHost();
    const secrets = await this.#freshness.read(SECRETS, {
      cached: () => cache.secrets,
      list: () => this.#listSecrets(),
    });
    const drifted = await this.#findDrifted({ requests: await byKey(requests), secrets }, caHost);
    const isSignalled = ({ id, drift }: DriftedCertificate): boolean => this.#signalled.get(id) === drift.key;
    const suspects = drifted.filter((one) => !isSignalled(one));
    this.#signalled = keysById(drifted.filter(isSignalled));
    if (suspects.length === 0) return 0;
    await pause(Math.min(RECHECK_DELAY_MS, settings.resyncIntervalMs), signal);
    const suspectKeys = keysById(suspects);
    const relisted = await this.#relist(new Set(suspects.map(({ cluster }) => cluster.namespace)));
    const lasting = (await this.#findDrifted(relisted, caHost)).filter(
      ({ id, drift }) => suspectKeys.get(id) === drift.key,
    );
    const confirmed = await this.#withoutWaiting(lasting, relisted);
    await Promise.all(confirmed.map((one) => this.#signal(one)));
    return confirmed.length;
  }

  async #signal({ id, cluster, drift }: DriftedCertificate): Promise<void> {
    this.#context.logger.warn({ cluster: keyOf(cluster), what: drift.message }, 'The watch missed a change');
    await this.#context.signaller.reevaluate(cluster, drift.message);
    this.#signalled.set(id, drift.key);
  }

  /** Leaves out clusters that failed before they had a request, which is then missing by no drift. */
  async #withoutWaiting(
    drifted: readonly DriftedCertificate[],
    { requests }: ListedObjects,
  ): Promise<readonly DriftedCertificate[]> {
    const hasRequest = ({ namespace, certificates }: CachedCluster): boolean =>
      certificates.some(({ requestName: name }) => requests.has(keyOf({ namespace, name })));
    if (drifted.every(({ cluster }) => hasRequest(cluster))) return drifted;
    const waiting = new Set((await this.#context.workflows.listWaitingOrFailing()).map(({ uid }) => uid));
    return drifted.filter(({ cluster }) => hasRequest(cluster) || !waiting.has(cluster.uid));
  }

  async #findDrifted(listed: ListedObjects, caHost: string | undefined): Promise<readonly DriftedCertificate[]> {
    const drifted: DriftedCertificate[] = [];
    for await (const slice of inSlices(this.#compareEach(listed, caHost))) {
      for (const one of slice) if (one !== undefined) drifted.push(one);
    }
    return drifted;
  }

  /** Undefined for each certificate without drift. */
  *#compareEach(
    { requests, secrets }: ListedObjects,
    caHost: string | undefined,
  ): Generator<DriftedCertificate | undefined> {
    const fallbackCaHosts = this.#context.fallbackCas?.map(({ name }) => name);
    for (const [cluster, certificate] of this.#servedCertificates()) {
      const { kind, namespace, uid } = cluster;
      const drift = driftOf({
        certificate,
        now: Date.now(),
        cluster: kind === undefined ? cluster : undefined,
        request: requests.get(keyOf({ namespace, name: certificate.requestName })),
        secret: secrets.get({ namespace, name: certificate.secretName }),
        caHost,
        fallbackCaHosts,
      });
      yield drift && { id: `${kind ?? ''} ${uid} ${certificate.requestName}`, cluster, drift };
    }
  }

  /** Of the clusters that there are at the first step. */
  *#servedCertificates(): Generator<readonly [CachedCluster, CachedCertificate]> {
    for (const cluster of Array.from(this.#context.cache.allClusters())) {
      if (cluster.gate !== 'serve') continue;
      for (const certificate of cluster.certificates) yield [cluster, certificate];
    }
  }

  /** Of the served certificates, in a namespace or all. Corrects the cache. */
  async #listSecrets(namespace?: string): Promise<NamespacedMap<ObservedSecret>> {
    const { cache, kubernetes } = this.#context;
    const served = Array.from(this.#servedCertificates()).filter(
      ([cluster]) => namespace === undefined || cluster.namespace === namespace,
    );
    const names = served.map(([cluster, { secretName: name }]) => ({ namespace: cluster.namespace, name }));
    const wanted = new Set(names.map(keyOf));
    const secrets = new NamespacedMap<ObservedSecret>();
    // As they are watched: what this leaves out is missing, and no change of it would be seen.
    const options = { namespace, metadataOnly: true, labelSelector: NOT_STAGING_SELECTOR };
    for await (const object of kubernetes.list(SECRETS, options)) {
      const name = nameOf(object);
      if (!wanted.has(keyOf(name))) continue;
      const cached = cache.secrets.get(name);
      const isSame = cached !== undefined && cached.resourceVersion === object.metadata.resourceVersion;
      secrets.set(isSame ? cached : observeSecret(object, { requestNamed: requestsIn(cache, name) }));
    }
    for (const name of names) {
      const listed = secrets.get(name);
      const cached = cache.secrets.get(name);
      if (listed === undefined) cache.secrets.delete(name);
      else if (listed !== cached && !isOlderResourceVersion(listed.resourceVersion, cached?.resourceVersion)) {
        cache.secrets.set(listed);
      }
    }
    return secrets;
  }

  /** By namespace, or as a whole where that takes fewer requests. */
  async #relist(namespaces: ReadonlySet<string>): Promise<ListedObjects> {
    const requests: ObservedRequest[] = [];
    const secrets = new NamespacedMap<ObservedSecret>();
    const { cache, kubernetes } = this.#context;
    const known = (name: NamespacedName): ObservedRequest | undefined => cache.requests.get(name);
    for (const namespace of namespaces.size > MAX_NAMESPACE_LISTS ? [undefined] : namespaces) {
      requests.push(...(await listCertificateRequests(kubernetes, { namespace, known })));
      for (const secret of (await this.#listSecrets(namespace)).all()) secrets.set(secret);
    }
    return { requests: await byKey(requests), secrets };
  }
}

async function byKey(requests: readonly ObservedRequest[]): Promise<ReadonlyMap<string, ObservedRequest>> {
  const found = new Map<string, ObservedRequest>();
  for await (const slice of inSlices(withKeys(requests))) for (const [key, request] of slice) found.set(key, request);
  return found;
}

function* withKeys(requests: readonly ObservedRequest[]): Generator<readonly [string, ObservedRequest]> {
  for (const request of requests) yield [keyOf(request), request];
}

/** Of each drift, by certificate. */
function keysById(drifted: readonly DriftedCertificate[]): Map<string, string> {
  return new Map(drifted.map(({ id, drift }) => [id, drift.key]));
}
