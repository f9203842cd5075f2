/**
 * The safety net under the watch: the whole picture, from paged lists, against what was signalled and what runs. Only what
 * differs is looked at again, each at its source, and only then told. In a fleet at rest nothing is told.
 */
import type { ClusterIdentity } from '../../src/clusters/cluster-view.ts';
import { clusterDigest } from '../../src/clusters/digest.ts';
import { identityOf, type KnownCluster } from '../../src/clusters/what-to-signal.ts';
import { CertmanError } from '../../src/failures/failure.ts';
import { projectClusterDeployment } from '../../src/kubernetes/cluster-deployment.ts';
import {
  CERTIFICATE_REQUESTS,
  CLUSTER_DEPLOYMENTS,
  type KubernetesApi,
  type ResourceType,
  SECRETS,
} from '../../src/kubernetes/kubernetes-api.ts';
import { clusterOfOrphans, type ObservedRequest, observeRequest } from '../../src/kubernetes/observed-request.ts';
import { standaloneView } from '../../src/kubernetes/standalone-request.ts';
import type { ClusterWatch } from './cluster-watch.ts';
import type { WatchLogger, WatchSettings } from './dependencies.ts';
import { type KnownFleet, keyOf, type ObjectName } from './known-fleet.ts';
import type { RequestWatch } from './request-watch.ts';
import type { Signals } from './signals.ts';
import type { SurroundingsWatch } from './surroundings-watch.ts';
import type { WorkByKey } from './work-by-key.ts';
import { WorkflowComparison } from './workflow-comparison.ts';

export interface ComparisonOptions {
  readonly kubernetes: KubernetesApi;
  readonly settings: WatchSettings;
  readonly fleet: KnownFleet;
  readonly clusters: ClusterWatch;
  readonly requests: RequestWatch;
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
  readonly #workflows: WorkflowComparison;

  constructor(options: ComparisonOptions) {
    this.#options = options;
    this.#workflows = new WorkflowComparison(options);
  }

  /** @returns how much differed, by kind of difference. @throws CertmanError when the API server or Temporal cannot be asked. */
  async run(): Promise<Readonly<Record<string, number>>> {
    const { fleet, signal } = this.#options;
    const began = performance.now();
    const clusters = await this.#compareClusters();
    const hiveIsServed = clusters !== undefined;
    const requests = await this.#listRequests();
    const drift = {
      clusters: clusters ?? 0,
      standalone: await this.#compareStandalone(requests),
      workflows: await this.#workflows.run(hiveIsServed),
      // Whether a ClusterDeployment is gone cannot be seen where there are none to be seen.
      orphans: hiveIsServed ? await this.#compareOrphans(requests) : 0,
      missing: await this.#compareBelongings(requests),
    };
    signal.throwIfAborted();
    const ms = Math.round(performance.now() - began);
    this.#options.logger.info(
      { ms, clusters: [...fleet.allClusters()].length, drift },
      'The whole picture was compared',
    );
    return drift;
  }

  /** ClusterDeployments as listed against what was last dealt with. @returns undefined when the API server knows none. */
  async #compareClusters(): Promise<number | undefined> {
    const { kubernetes, settings, fleet, clusters, signal } = this.#options;
    const seen = new Set<string>();
    const suspects = new Map<string, ObjectName>();
    try {
      for await (const object of kubernetes.list(CLUSTER_DEPLOYMENTS, { signal })) {
        const name = { namespace: object.metadata.namespace ?? '', name: object.metadata.name };
        seen.add(keyOf(name));
        const projected = projectClusterDeployment(object, settings);
        if (projected.kind === 'malformed') continue;
        const known = fleet.cluster(name);
        const { view } = projected;
        if (known?.uid !== view.identity.uid || known.digest !== clusterDigest(view)) suspects.set(keyOf(name), name);
      }
    } catch (error) {
      if (error instanceof CertmanError && error.code === 'kubernetes/notFound') return undefined;
      throw error;
    }
    for (const known of fleet.allDeployments()) if (!seen.has(keyOf(known))) suspects.set(keyOf(known), known);
    for (const name of suspects.values()) await this.#lookAgain(CLUSTER_DEPLOYMENTS, name, clusters);
    return suspects.size;
  }

  /** CertificateRequests that stand alone as listed against what was last dealt with; and whether they still do. */
  async #compareStandalone(listed: readonly ObservedRequest[]): Promise<number> {
    const { settings, fleet, requests } = this.#options;
    const suspects = new Map<string, ObjectName>();
    const seen = new Set<string>();
    for (const request of listed) {
      seen.add(keyOf(request));
      const known = fleet.cluster({ kind: 'CertificateRequest', namespace: request.namespace, name: request.name });
      const view = requests.claimant(request) === undefined ? standaloneView(settings.hive, request) : undefined;
      const digest = view === undefined ? undefined : clusterDigest(view);
      if (known?.digest !== digest || known?.uid !== view?.identity.uid) suspects.set(keyOf(request), request);
    }
    for (const known of fleet.allStandalone()) if (!seen.has(keyOf(known))) suspects.set(keyOf(known), known);
    for (const name of suspects.values()) await this.#lookAgain(CERTIFICATE_REQUESTS, name, requests);
    return suspects.size;
  }

  /** The list may be behind the watch: what counts is the object itself, and whether the watch has dealt with that. */
  async #lookAgain(
    resource: ResourceType,
    { namespace, name }: ObjectName,
    watch: Pick<ClusterWatch, 'applied' | 'vanished'>,
  ): Promise<void> {
    const object = await this.#options.kubernetes.get(resource, { namespace, name }, this.#options.signal);
    if (object === undefined) await watch.vanished({ namespace, name });
    else await watch.applied(object);
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
      for (const { secretName } of cluster.certificates) {
        // A request may name none that there can be.
        if (secretName !== '') wanted.set(`${cluster.namespace}/${secretName}`, cluster);
      }
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
      await surroundings.wake(identityOf(settings.hive, cluster), what);
    }
    this.#missing = missing;
    return drift;
  }

  /** In the cluster's turn, so that it is not told two things at once. */
  async #inTurn(cluster: ClusterIdentity, tell: () => Promise<void>): Promise<boolean> {
    return await this.#options.work.add(keyOf(cluster), tell);
  }
}
