/**
 * Request and Secret of every certificate that is served, compared with what certman left there: what the watch did not see,
 * because it was away when it happened. What differs is looked at once more before its workflow is told, and told once.
 */
import { identityOf, type KnownCertificate, type KnownCluster } from '../../src/clusters/what-to-signal.ts';
import { pause } from '../../src/kubernetes/backoff.ts';
import { type Drift, driftOf } from '../../src/kubernetes/drift.ts';
import { type KubernetesApi, SECRETS } from '../../src/kubernetes/kubernetes-api.ts';
import type { ObservedRequest } from '../../src/kubernetes/observed-request.ts';
import { type ObservedSecret, observeSecret } from '../../src/kubernetes/observed-secret.ts';
import type { WatchLogger, WatchSettings } from './dependencies.ts';
import { type KnownFleet, keyOf } from './known-fleet.ts';
import { listRequests } from './list-requests.ts';
import type { SurroundingsWatch } from './surroundings-watch.ts';

/** Longer than what a workflow needs from one write to the next: what it is just about to put right is no drift. */
const SECOND_LOOK_MS = 5_000;

/** Suspects in more namespaces than these are looked at again with the lists of the whole hub: some pages, and not two requests each. */
const MOST_NAMESPACES = 20;

export interface BelongingsOptions {
  readonly kubernetes: KubernetesApi;
  readonly settings: WatchSettings;
  readonly fleet: KnownFleet;
  readonly surroundings: Pick<SurroundingsWatch, 'wake'>;
  /** Host of the CA's directory that an order would go to now. */
  readonly environment: () => Promise<string | undefined>;
  readonly logger: WatchLogger;
  readonly signal: AbortSignal;
}

/** A certificate of a cluster that is served. */
interface Served {
  readonly cluster: KnownCluster;
  readonly certificate: KnownCertificate;
}

/** By `namespace/name`. */
interface Listed {
  readonly requests: ReadonlyMap<string, ObservedRequest>;
  readonly secrets: ReadonlyMap<string, ObservedSecret>;
}

export class BelongingsComparison {
  readonly #options: BelongingsOptions;
  /**
   * Mark of the drift that a certificate's workflow was told of; forgotten once that is over. However long it lasts, it is
   * not told again: one that failed goes by its retry schedule, and one that did not run is started and looks by itself.
   */
  #told = new Map<string, string>();

  constructor(options: BelongingsOptions) {
    this.#options = options;
  }

  /** @param requests all of the hub. @returns how many workflows were told. */
  async run(requests: readonly ObservedRequest[]): Promise<number> {
    const { settings, signal } = this.#options;
    const environment = await this.#options.environment();
    const listed = { requests: byName(requests), secrets: await this.#listSecrets() };
    const lasting = new Map<string, string>();
    const suspects: { readonly served: Served; readonly drift: Drift }[] = [];
    for (const served of this.#allServed()) {
      const drift = this.#driftOf(served, listed, environment);
      if (drift === undefined) continue;
      if (this.#told.get(keyOfServed(served)) === drift.mark) lasting.set(keyOfServed(served), drift.mark);
      else suspects.push({ served, drift });
    }
    this.#told = lasting;
    if (suspects.length === 0) return 0;
    await pause(Math.min(SECOND_LOOK_MS, settings.comparisonIntervalMs), signal);
    const there = await this.#listAgain(new Set(suspects.map(({ served }) => served.cluster.namespace)));
    const told = await Promise.all(
      suspects.map(async ({ served, drift }) => {
        const now = this.#asItIsNow(served);
        const still = now !== undefined && this.#driftOf(now, there, environment)?.mark === drift.mark;
        return still && (await this.#tell(now, drift));
      }),
    );
    return told.filter(Boolean).length;
  }

  async #tell(served: Served, { what, mark }: Drift): Promise<boolean> {
    const { surroundings, settings, logger } = this.#options;
    logger.warn({ cluster: keyOf(served.cluster), what }, 'The watch missed a change');
    const told = await surroundings.wake(identityOf(settings.hive, served.cluster), what);
    if (told) this.#told.set(keyOfServed(served), mark);
    return told;
  }

  #driftOf({ cluster, certificate }: Served, listed: Listed, environment: string | undefined): Drift | undefined {
    const { namespace } = cluster;
    const request = listed.requests.get(keyOf({ namespace, name: certificate.requestName }));
    const secret = listed.secrets.get(keyOf({ namespace, name: certificate.secretName }));
    return driftOf({
      certificate,
      now: Date.now(),
      ...(cluster.kind === undefined ? { cluster } : {}),
      ...(request === undefined ? {} : { request }),
      ...(secret === undefined ? {} : { secret }),
      ...(environment === undefined ? {} : { environment }),
    });
  }

  *#allServed(): Generator<Served> {
    for (const cluster of this.#options.fleet.allClusters()) {
      if (cluster.gate !== 'serve') continue;
      for (const certificate of cluster.certificates) yield { cluster, certificate };
    }
  }

  /** After the pause; undefined when it is not served any more. */
  #asItIsNow({ cluster, certificate }: Served): Served | undefined {
    const now = this.#options.fleet.cluster(cluster);
    if (now?.uid !== cluster.uid || now.gate !== 'serve') return undefined;
    const same = now.certificates.some((one) => one.secretName === certificate.secretName);
    return same ? { cluster: now, certificate } : undefined;
  }

  /** Only those that certificates are to be in are kept. */
  async #listSecrets(where: { readonly namespace?: string } = {}): Promise<ReadonlyMap<string, ObservedSecret>> {
    const { kubernetes, signal } = this.#options;
    const wanted = new Set<string>();
    for (const { cluster, certificate } of this.#allServed())
      wanted.add(keyOf({ namespace: cluster.namespace, name: certificate.secretName }));
    const secrets = new Map<string, ObservedSecret>();
    for await (const object of kubernetes.list(SECRETS, { ...where, metadataOnly: true, signal })) {
      const key = keyOf({ namespace: object.metadata.namespace ?? '', name: object.metadata.name });
      if (wanted.has(key)) secrets.set(key, observeSecret(object));
    }
    return secrets;
  }

  /** Namespace by namespace, or the whole hub where that is fewer requests. */
  async #listAgain(namespaces: ReadonlySet<string>): Promise<Listed> {
    const { kubernetes, signal } = this.#options;
    const requests: ObservedRequest[] = [];
    const secrets = new Map<string, ObservedSecret>();
    for (const namespace of namespaces.size > MOST_NAMESPACES ? [undefined] : namespaces) {
      const where = namespace === undefined ? {} : { namespace };
      requests.push(...(await listRequests(kubernetes, { ...where, signal })));
      for (const [key, secret] of await this.#listSecrets(where)) secrets.set(key, secret);
    }
    return { requests: byName(requests), secrets };
  }
}

function byName(requests: readonly ObservedRequest[]): ReadonlyMap<string, ObservedRequest> {
  return new Map(requests.map((request) => [keyOf(request), request]));
}

function keyOfServed({ cluster, certificate }: Served): string {
  return `${cluster.kind ?? ''} ${cluster.uid} ${certificate.requestName}`;
}
