/**
 * What is done about each CertificateRequest that the watch sees. One that stands alone is served in its own name, as a
 * cluster is; one that belongs to a ClusterDeployment wakes that cluster's workflow when somebody changed it.
 */
import { sameView } from '../../src/clusters/digest.ts';
import { claimantOf } from '../../src/clusters/standing-alone.ts';
import { identityOf, type KnownCluster } from '../../src/clusters/what-to-signal.ts';
import type { KubernetesObject } from '../../src/kubernetes/kubernetes-api.ts';
import { type ObservedRequest, observeRequest } from '../../src/kubernetes/observed-request.ts';
import { whatChangedInRequest, whatChangedInStatus } from '../../src/kubernetes/request-change.ts';
import { standaloneView } from '../../src/kubernetes/standalone-request.ts';
import type { WatchLogger, WatchSettings } from './dependencies.ts';
import { type KnownFleet, keyOf, type ObjectName, type ServedName } from './known-fleet.ts';
import type { ServedWatch } from './served-watch.ts';
import { SignalRefused, type Signals } from './signals.ts';
import type { SurroundingsWatch } from './surroundings-watch.ts';
import type { WorkByKey } from './work-by-key.ts';

export interface RequestWatchOptions {
  readonly settings: WatchSettings;
  readonly fleet: KnownFleet;
  readonly served: ServedWatch;
  readonly surroundings: Pick<SurroundingsWatch, 'wakeAll' | 'wakeForDrift'>;
  readonly signals: Signals;
  readonly work: WorkByKey;
  readonly logger: WatchLogger;
}

export class RequestWatch {
  readonly #options: RequestWatchOptions;

  constructor(options: RequestWatchOptions) {
    this.#options = options;
  }

  /** Part of a list of what was dealt with before: remember it, tell nobody. */
  known(object: KubernetesObject): void {
    const { fleet, served } = this.#options;
    const request = observeRequest(object);
    fleet.rememberRequest(request);
    if (this.claimant(request) === undefined) served.known(this.#viewOf(request));
  }

  /** @returns whether it was dealt with. */
  async applied(object: KubernetesObject): Promise<boolean> {
    const { fleet } = this.#options;
    const request = observeRequest(object);
    const remembered = fleet.request(request);
    const previous = remembered?.uid === request.uid ? remembered : undefined;
    fleet.rememberRequest(request);
    const claimant = this.claimant(request);
    return claimant === undefined
      ? await this.#standsAlone(previous, request)
      : await this.#belongsTo(claimant, previous, request);
  }

  async deleted(object: KubernetesObject): Promise<boolean> {
    return await this.#lost(observeRequest(object));
  }

  /** It no longer exists, and nobody saw it go. @returns whether it was dealt with. */
  async vanished(name: ObjectName): Promise<boolean> {
    const request = this.#options.fleet.request(name);
    return request === undefined ? await this.#options.served.vanished(standing(name)) : await this.#lost(request);
  }

  /** A list is complete. @param keys of those that exist. */
  async listed(keys: ReadonlySet<string>): Promise<boolean> {
    const vanished = [...this.#options.fleet.allRequests()].filter((request) => !keys.has(keyOf(request)));
    return (await Promise.all(vanished.map((request) => this.#lost(request)))).every(Boolean);
  }

  /** The ClusterDeployments of a namespace have changed: who stands alone there may be another question now. */
  async claimsChanged(namespace: string): Promise<boolean> {
    const { fleet } = this.#options;
    const dealtWith = fleet.requestsIn(namespace).map(async (request) => {
      const claimant = this.claimant(request);
      const served = fleet.cluster(standing(request)) !== undefined;
      if (claimant === undefined) return served || (await this.#options.served.applied(this.#viewOf(request)));
      return !served || (await this.#handOver(claimant, request));
    });
    return (await Promise.all(dealtWith)).every(Boolean);
  }

  /** The ClusterDeployment that the request belongs to, as things are known; undefined when it stands alone. */
  claimant(request: ObservedRequest): string | undefined {
    // Nearly all have their owner: for these the clusters of the namespace need not be gathered.
    return request.owner?.name ?? claimantOf(request, this.#options.fleet.ownersIn(request.namespace));
  }

  #viewOf(request: ObservedRequest) {
    return standaloneView(this.#options.settings.hive, request);
  }

  // --- one that stands alone ---

  async #standsAlone(previous: ObservedRequest | undefined, request: ObservedRequest): Promise<boolean> {
    const { fleet, served, surroundings } = this.#options;
    const view = this.#viewOf(request);
    const settled = await served.applied(view);
    // What its view does not tell, such as renewBeforeDays, is read by the workflow when it looks.
    const unseen =
      previous !== undefined && previous.specDigest !== request.specDigest && sameView(this.#viewOf(previous), view);
    const known = fleet.cluster(standing(request));
    if (known === undefined || previous === undefined) return settled;
    const what = unseen
      ? `The spec of the CertificateRequest ${request.name} was changed by somebody.`
      : whatChangedInStatus(previous, request);
    return (what === undefined || (await surroundings.wakeForDrift([known], what, request.stranger))) && settled;
  }

  /** Its workflow, where it has one, lets go of it; the cluster's own has it from now on. */
  async #handOver(claimant: string, request: ObservedRequest): Promise<boolean> {
    const { fleet, served, signals, settings, work, logger } = this.#options;
    const name = standing(request);
    const known = fleet.cluster(name);
    if (known === undefined) return true;
    // Made again under its old name, it is another one that is claimed; the old one is gone.
    if (known.uid !== request.uid) return await served.vanished(name);
    return await work.add(keyOf(name), async () => {
      fleet.forget(name);
      if (!known.served) return;
      try {
        await signals.claimed(identityOf(settings.hive, known), claimant);
        logger.info({ request: keyOf(name), cluster: claimant }, 'A CertificateRequest stands alone no longer');
      } catch (error) {
        if (!(error instanceof SignalRefused)) throw error;
        logger.error({ request: keyOf(name), error: error.message }, 'A CertificateRequest could not be handed over');
      }
    });
  }

  // --- one that belongs to a cluster ---

  async #belongsTo(
    claimant: string,
    previous: ObservedRequest | undefined,
    request: ObservedRequest,
  ): Promise<boolean> {
    const handedOver = await this.#handOver(claimant, request);
    const what = previous === undefined ? undefined : whatChangedInRequest(previous, request);
    if (what === undefined) return handedOver;
    const { surroundings } = this.#options;
    return (await surroundings.wakeForDrift(this.#wanting(request), what, request.stranger)) && handedOver;
  }

  /**
   * The cluster that still wants this request: not one that is ending or has given the bundle up, for they delete it. By name:
   * whatever else is in it, its owner as well, may be what somebody changed.
   */
  #wanting(request: ObservedRequest): readonly KnownCluster[] {
    return this.#options.fleet
      .clustersIn(request.namespace)
      .filter(
        (cluster) =>
          cluster.kind === undefined &&
          (request.owner === undefined || cluster.uid === request.owner.uid) &&
          cluster.gate !== 'decommission' &&
          cluster.certificates.some(({ requestName }) => requestName === request.name),
      );
  }

  // --- one that is gone ---

  async #lost(request: ObservedRequest): Promise<boolean> {
    const { fleet, served, surroundings } = this.#options;
    fleet.forgetRequest(request);
    const claimant = this.claimant(request);
    const ended =
      claimant === undefined
        ? await served.vanished(standing(request), this.#viewOf(request))
        : await this.#handOver(claimant, request);
    const what = `The CertificateRequest ${request.name} was deleted.`;
    const told = await surroundings.wakeAll([...this.#wanting(request), ...this.#sharing(request)], what);
    return ended && told;
  }

  /** Those that were refused its Secret while it was there. */
  #sharing({ namespace, name, secretName }: ObservedRequest): readonly KnownCluster[] {
    return this.#options.fleet
      .clustersIn(namespace)
      .filter(
        (cluster) =>
          cluster.kind === 'CertificateRequest' &&
          cluster.name !== name &&
          cluster.certificates.some((one) => one.secretName === secretName),
      );
  }
}

/** A request by its name, as what is served. */
function standing({ namespace, name }: ObjectName): ServedName {
  return { kind: 'CertificateRequest', namespace, name };
}
