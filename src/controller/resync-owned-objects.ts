/**
 * Request and Secret of every certificate that is served, compared with what certman left there: what the watch did not see,
 * because it was away when it happened. What differs is looked at once more before its workflow is told, and told once.
 */
import { type CachedCertificate, type CachedCluster, identityOf } from '../clusters/cached-cluster.ts';
import { pause } from '../kubernetes/api/backoff.ts';
import { type KubernetesApi } from '../kubernetes/api/kubernetes-api.ts';
import { type Drift, driftOf } from '../kubernetes/objects/drift.ts';
import { listCertificateRequests } from '../kubernetes/objects/list-certificate-requests.ts';
import type { ObservedRequest } from '../kubernetes/objects/observed-request.ts';
import { type ObservedSecret, observeSecret } from '../kubernetes/objects/observed-secret.ts';
import { SECRETS } from '../kubernetes/objects/resources.ts';
import { type ControllerCache, keyOf } from './controller-cache.ts';
import type { ControllerLogger, ControllerSettings } from './controller-dependencies.ts';
import type { DependencyHandler } from './dependency-handler.ts';

/** Longer than what a workflow needs from one write to the next: what it is just about to put right is no drift. */
const RECHECK_DELAY_MS = 5_000;

/** Suspects in more namespaces than these are looked at again with the lists of the whole hub: some pages, and not two requests each. */
const MAX_NAMESPACE_LISTS = 20;

export interface OwnedObjectsResyncOptions {
  readonly kubernetes: KubernetesApi;
  readonly settings: ControllerSettings;
  readonly fleet: ControllerCache;
  readonly surroundings: Pick<DependencyHandler, 'signalCluster'>;
  /** Host of the CA's directory that an order would go to now. */
  readonly caHost: () => Promise<string | undefined>;
  readonly logger: ControllerLogger;
  readonly signal: AbortSignal;
}

/** A certificate of a cluster that is served. */
interface ServedCertificate {
  readonly cluster: CachedCluster;
  readonly certificate: CachedCertificate;
}

/** By `namespace/name`. */
interface ListedObjects {
  readonly requests: ReadonlyMap<string, ObservedRequest>;
  readonly secrets: ReadonlyMap<string, ObservedSecret>;
}

export class OwnedObjectsResync {
  readonly #options: OwnedObjectsResyncOptions;
  /**
   * Mark of the drift that a certificate's workflow was told of; forgotten once that is over. However long it lasts, it is
   * not told again: one that failed goes by its retry schedule, and one that did not run is started and looks by itself.
   */
  #signalled = new Map<string, string>();

  constructor(options: OwnedObjectsResyncOptions) {
    this.#options = options;
  }

  /** @param requests all of the hub. @returns how many workflows were told. */
  async run(requests: readonly ObservedRequest[]): Promise<number> {
    const { settings, signal } = this.#options;
    const caHost = await this.#options.caHost();
    const listed = { requests: byName(requests), secrets: await this.#listSecrets() };
    const lasting = new Map<string, string>();
    const suspects: { readonly served: ServedCertificate; readonly drift: Drift }[] = [];
    for (const served of this.#servedCertificates()) {
      const drift = this.#driftOf(served, listed, caHost);
      if (drift === undefined) continue;
      if (this.#signalled.get(servedCertificateKey(served)) === drift.key)
        lasting.set(servedCertificateKey(served), drift.key);
      else suspects.push({ served, drift });
    }
    this.#signalled = lasting;
    if (suspects.length === 0) return 0;
    await pause(Math.min(RECHECK_DELAY_MS, settings.resyncIntervalMs), signal);
    const there = await this.#relist(new Set(suspects.map(({ served }) => served.cluster.namespace)));
    const told = await Promise.all(
      suspects.map(async ({ served, drift }) => {
        const now = this.#currentState(served);
        const still = now !== undefined && this.#driftOf(now, there, caHost)?.key === drift.key;
        return still && (await this.#signal(now, drift));
      }),
    );
    return told.filter(Boolean).length;
  }

  async #signal(served: ServedCertificate, { message, key }: Drift): Promise<boolean> {
    const { surroundings, settings, logger } = this.#options;
    logger.warn({ cluster: keyOf(served.cluster), what: message }, 'The watch missed a change');
    const told = await surroundings.signalCluster(identityOf(settings.managementCluster, served.cluster), message);
    if (told) this.#signalled.set(servedCertificateKey(served), key);
    return told;
  }

  #driftOf(
    { cluster, certificate }: ServedCertificate,
    listed: ListedObjects,
    caHost: string | undefined,
  ): Drift | undefined {
    const { namespace } = cluster;
    const request = listed.requests.get(keyOf({ namespace, name: certificate.requestName }));
    const secret = listed.secrets.get(keyOf({ namespace, name: certificate.secretName }));
    return driftOf({
      certificate,
      now: Date.now(),
      ...(cluster.kind === undefined ? { cluster } : {}),
      ...(request === undefined ? {} : { request }),
      ...(secret === undefined ? {} : { secret }),
      ...(caHost === undefined ? {} : { caHost }),
    });
  }

  *#servedCertificates(): Generator<ServedCertificate> {
    for (const cluster of this.#options.fleet.allClusters()) {
      if (cluster.gate !== 'serve') continue;
      for (const certificate of cluster.certificates) yield { cluster, certificate };
    }
  }

  /** After the pause; undefined when it is not served any more. */
  #currentState({ cluster, certificate }: ServedCertificate): ServedCertificate | undefined {
    const now = this.#options.fleet.getCluster(cluster);
    if (now?.uid !== cluster.uid || now.gate !== 'serve') return undefined;
    const same = now.certificates.some((one) => one.secretName === certificate.secretName);
    return same ? { cluster: now, certificate } : undefined;
  }

  /** Only those that certificates are to be in are kept. */
  async #listSecrets(where: { readonly namespace?: string } = {}): Promise<ReadonlyMap<string, ObservedSecret>> {
    const { kubernetes, signal } = this.#options;
    const wanted = new Set<string>();
    for (const { cluster, certificate } of this.#servedCertificates())
      wanted.add(keyOf({ namespace: cluster.namespace, name: certificate.secretName }));
    const secrets = new Map<string, ObservedSecret>();
    for await (const object of kubernetes.list(SECRETS, { ...where, metadataOnly: true, signal })) {
      const key = keyOf({ namespace: object.metadata.namespace ?? '', name: object.metadata.name });
      if (wanted.has(key)) secrets.set(key, observeSecret(object));
    }
    return secrets;
  }

  /** Namespace by namespace, or the whole hub where that is fewer requests. */
  async #relist(namespaces: ReadonlySet<string>): Promise<ListedObjects> {
    const { kubernetes, signal } = this.#options;
    const requests: ObservedRequest[] = [];
    const secrets = new Map<string, ObservedSecret>();
    for (const namespace of namespaces.size > MAX_NAMESPACE_LISTS ? [undefined] : namespaces) {
      const where = namespace === undefined ? {} : { namespace };
      requests.push(...(await listCertificateRequests(kubernetes, { ...where, signal })));
      for (const [key, secret] of await this.#listSecrets(where)) secrets.set(key, secret);
    }
    return { requests: byName(requests), secrets };
  }
}

function byName(requests: readonly ObservedRequest[]): ReadonlyMap<string, ObservedRequest> {
  return new Map(requests.map((request) => [keyOf(request), request]));
}

function servedCertificateKey({ cluster, certificate }: ServedCertificate): string {
  return `${cluster.kind ?? ''} ${cluster.uid} ${certificate.requestName}`;
}
