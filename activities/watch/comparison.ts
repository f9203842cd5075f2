/**
 * The safety net under the watch: the whole picture, from paged lists, against what was signalled and what runs. Only what
 * differs is looked at again, each at its source, and only then told. In a fleet at rest nothing is told.
 */
import type { ClusterIdentity } from '../../src/clusters/cluster-view.ts';
import { clusterDigest } from '../../src/clusters/digest.ts';
import type { KnownCluster } from '../../src/clusters/what-to-signal.ts';
import { projectClusterDeployment } from '../../src/kubernetes/cluster-deployment.ts';
import {
  CERTIFICATE_REQUESTS,
  CLUSTER_DEPLOYMENTS,
  type KubernetesApi,
  SECRETS,
} from '../../src/kubernetes/kubernetes-api.ts';
import { clusterOfOrphans, type ObservedRequest, observeRequest } from '../../src/kubernetes/observed-request.ts';
import { type ClusterWatch, goneView } from './cluster-watch.ts';
import type { WatchLogger, WatchSettings } from './dependencies.ts';
import { type KnownFleet, keyOf, type ObjectName } from './known-fleet.ts';
import type { Signals } from './signals.ts';
import type { SurroundingsWatch } from './surroundings-watch.ts';
import type { WorkByKey } from './work-by-key.ts';

export interface ComparisonOptions {
  readonly kubernetes: KubernetesApi;
  readonly settings: WatchSettings;
  readonly fleet: KnownFleet;
  readonly clusters: ClusterWatch;
  readonly surroundings: SurroundingsWatch;
  readonly signals: Signals;
  readonly work: WorkByKey;
  readonly logger: WatchLogger;
  readonly signal: AbortSignal;
}

export class Comparison {
  readonly #options: ComparisonOptions;
  /** What was missing at the last comparison; what is missing twice is told once, until it is there again. */
  #missing = new Map<string, 'seen' | 'told'>();

  /** Workflows that were told here that their ClusterDeployment is gone: they end when they can. */
  readonly #toldGone = new Set<string>();

  constructor(options: ComparisonOptions) {
    this.#options = options;
  }

  /** @returns how much differed, by kind of difference. @throws CertmanError when the API server or Temporal cannot be asked. */
  async run(): Promise<Readonly<Record<string, number>>> {
    const { fleet, signal } = this.#options;
    const began = performance.now();
    const drift: Record<string, number> = {
      clusters: await this.#compareClusters(),
      workflows: await this.#compareWorkflows(),
    };
    const requests = await this.#listRequests();
    drift['orphans'] = await this.#compareOrphans(requests);
    drift['missing'] = await this.#compareBelongings(requests);
    signal.throwIfAborted();
    const ms = Math.round(performance.now() - began);
    this.#options.logger.info(
      { ms, clusters: [...fleet.allClusters()].length, drift },
      'The whole picture was compared',
    );
    return drift;
  }

  /** ClusterDeployments as listed against what was last dealt with. */
  async #compareClusters(): Promise<number> {
    const { kubernetes, settings, fleet, signal } = this.#options;
    const seen = new Set<string>();
    const suspects = new Map<string, ObjectName>();
    for await (const object of kubernetes.list(CLUSTER_DEPLOYMENTS, { signal })) {
      const name = { namespace: object.metadata.namespace ?? '', name: object.metadata.name };
      seen.add(keyOf(name));
      const projected = projectClusterDeployment(object, settings);
      if (projected.kind === 'malformed') continue;
      const known = fleet.cluster(name);
      const { view } = projected;
      if (known?.uid !== view.identity.uid || known.digest !== clusterDigest(view)) suspects.set(keyOf(name), name);
    }
    for (const known of fleet.allClusters()) if (!seen.has(keyOf(known))) suspects.set(keyOf(known), known);
    // The list may be behind the watch: what counts is the object itself, and whether the watch has dealt with that.
    for (const name of suspects.values()) await this.#lookAgain(name);
    return suspects.size;
  }

  async #lookAgain(name: ObjectName): Promise<void> {
    const { kubernetes, clusters, signal } = this.#options;
    const object = await kubernetes.get(CLUSTER_DEPLOYMENTS, name, signal);
    if (object === undefined) await clusters.vanished(name);
    else await clusters.applied(object);
  }

  /** Clusters that should have a workflow against those that have one. */
  async #compareWorkflows(): Promise<number> {
    const { fleet, signals, settings } = this.#options;
    const running = new Map<string, ClusterIdentity>();
    for (const cluster of await signals.running()) running.set(idOf(cluster), cluster);
    let drift = 0;
    for (const known of Array.from(fleet.allClusters())) {
      if (!known.served || isReleased(known) || running.has(idOf(known))) continue;
      if (await this.#restart({ hive: settings.hive, namespace: known.namespace, name: known.name, uid: known.uid })) {
        drift += 1;
      }
    }
    for (const cluster of running.values()) {
      if (fleet.cluster(cluster)?.uid === cluster.uid) continue;
      if (await this.#endIfGone(cluster)) drift += 1;
    }
    return drift;
  }

  /** @returns whether there really was none; visibility is behind. */
  async #restart(cluster: ClusterIdentity): Promise<boolean> {
    const { kubernetes, signals, settings, signal, logger } = this.#options;
    if ((await signals.runningState(cluster)) !== undefined) return false;
    const object = await kubernetes.get(CLUSTER_DEPLOYMENTS, cluster, signal);
    const projected = object === undefined ? undefined : projectClusterDeployment(object, settings);
    if (projected?.kind !== 'cluster' || projected.view.identity.uid !== cluster.uid) return false;
    const { view } = projected;
    if (view.deleting && !view.finalizer) return false;
    logger.warn({ cluster: keyOf(cluster) }, 'A cluster had no workflow; it gets one');
    return await this.#inTurn(cluster, () => signals.observed(view, true));
  }

  /** @returns whether its ClusterDeployment is gone, and nobody had told its workflow. */
  async #endIfGone(cluster: ClusterIdentity): Promise<boolean> {
    const { signals, logger } = this.#options;
    if (this.#toldGone.has(idOf(cluster)) || !(await this.#isGone(cluster))) return false;
    const state = await signals.runningState(cluster);
    if (state === undefined || state === 'Decommissioning') return false;
    this.#toldGone.add(idOf(cluster));
    logger.warn({ cluster: keyOf(cluster) }, 'A workflow runs for a ClusterDeployment that is gone');
    return await this.#inTurn(cluster, () => signals.gone(goneView(cluster, undefined)));
  }

  async #isGone(cluster: ClusterIdentity): Promise<boolean> {
    const { kubernetes, signal } = this.#options;
    const object = await kubernetes.get(CLUSTER_DEPLOYMENTS, cluster, signal);
    return object?.metadata.uid !== cluster.uid;
  }

  async #listRequests(): Promise<readonly ObservedRequest[]> {
    const { kubernetes, signal } = this.#options;
    const requests: ObservedRequest[] = [];
    for await (const object of kubernetes.list(CERTIFICATE_REQUESTS, { signal })) requests.push(observeRequest(object));
    return requests;
  }

  /** CertificateRequests whose ClusterDeployment is gone and that no workflow is clearing away. */
  async #compareOrphans(requests: readonly ObservedRequest[]): Promise<number> {
    const { fleet, signals, settings, logger } = this.#options;
    const orphans = new Map<string, ObservedRequest[]>();
    for (const request of requests) {
      const { owner, namespace } = request;
      if (owner === undefined || fleet.cluster({ namespace, name: owner.name })?.uid === owner.uid) continue;
      const id = `${namespace}/${owner.name}/${owner.uid}`;
      orphans.set(id, [...(orphans.get(id) ?? []), request]);
    }
    let drift = 0;
    for (const siblings of orphans.values()) {
      const view = clusterOfOrphans(settings.hive, siblings);
      if (view === undefined || !(await this.#isGone(view.identity))) continue;
      if ((await signals.runningState(view.identity)) !== undefined) continue;
      logger.warn({ cluster: keyOf(view.identity), requests: siblings.length }, 'CertificateRequests were left behind');
      if (await this.#inTurn(view.identity, () => signals.gone(view, true))) drift += 1;
    }
    return drift;
  }

  /** Served clusters whose CertificateRequest, or issued certificate's Secret, is not there. */
  async #compareBelongings(requests: readonly ObservedRequest[]): Promise<number> {
    const { kubernetes, fleet, surroundings, settings, signal } = this.#options;
    const wanted = new Map<string, KnownCluster>();
    for (const cluster of fleet.allClusters()) {
      if (cluster.gate !== 'serve') continue;
      for (const { secretName } of cluster.certificates) wanted.set(`${cluster.namespace}/${secretName}`, cluster);
    }
    const secrets = new Set<string>();
    for await (const object of kubernetes.list(SECRETS, { metadataOnly: true, signal })) {
      const key = `${object.metadata.namespace ?? ''}/${object.metadata.name}`;
      if (wanted.has(key)) secrets.add(key);
    }
    const requested = new Map(requests.map((request) => [`${request.namespace}/${request.secretName}`, request]));
    const missing = new Map<string, 'seen' | 'told'>();
    let drift = 0;
    for (const [key, cluster] of wanted) {
      const request = requested.get(key);
      const what =
        request === undefined
          ? `The CertificateRequest for the Secret ${key} is not there.`
          : request.issued && !secrets.has(key)
            ? `The certificate Secret ${key} is not there.`
            : undefined;
      if (what === undefined) continue;
      const before = this.#missing.get(key);
      missing.set(key, before === undefined ? 'seen' : 'told');
      if (before !== 'seen') continue;
      drift += 1;
      const { namespace, name, uid } = cluster;
      await surroundings.wake({ hive: settings.hive, namespace, name, uid }, what);
    }
    this.#missing = missing;
    return drift;
  }

  /** In the cluster's turn, so that it is not told two things at once. */
  async #inTurn(cluster: ClusterIdentity, tell: () => Promise<void>): Promise<boolean> {
    return await this.#options.work.add(keyOf(cluster), tell);
  }
}

function idOf(cluster: { readonly namespace: string; readonly name: string; readonly uid: string }): string {
  return `${cluster.namespace}/${cluster.name}/${cluster.uid}`;
}

function isReleased(known: KnownCluster): boolean {
  return known.gate === 'decommission' && !known.finalizer;
}
