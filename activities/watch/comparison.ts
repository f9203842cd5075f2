/**
 * The safety net under the watch: the whole picture, from paged lists, against what was signalled and what runs. Only what
 * differs is looked at again, each at its source, and only then told. In a fleet at rest nothing is told.
 */
import type { ClusterIdentity, ClusterView } from '../../src/clusters/cluster-view.ts';
import { clusterDigest } from '../../src/clusters/digest.ts';
import { CertmanError } from '../../src/failures/failure.ts';
import { projectClusterDeployment } from '../../src/kubernetes/cluster-deployment.ts';
import { CERTIFICATE_REQUESTS, CLUSTER_DEPLOYMENTS, type ResourceType } from '../../src/kubernetes/kubernetes-api.ts';
import { clusterOfOrphans, type ObservedRequest } from '../../src/kubernetes/observed-request.ts';
import { standaloneView } from '../../src/kubernetes/standalone-request.ts';
import { BelongingsComparison, type BelongingsOptions } from './belongings.ts';
import type { ClusterWatch } from './cluster-watch.ts';
import { keyOf, type ObjectName } from './known-fleet.ts';
import { listRequests } from './list-requests.ts';
import type { RequestWatch } from './request-watch.ts';
import type { Signals } from './signals.ts';
import { tellInTurn, unlessRefused } from './tell-in-turn.ts';
import type { WorkByKey } from './work-by-key.ts';
import { COULD_NOT_BE_LOOKED_UP, COULD_NOT_BE_TOLD, WorkflowComparison } from './workflow-comparison.ts';

export interface ComparisonOptions extends BelongingsOptions {
  readonly clusters: ClusterWatch;
  readonly requests: RequestWatch;
  readonly signals: Signals;
  readonly work: WorkByKey;
}

export class Comparison {
  readonly #options: ComparisonOptions;
  readonly #workflows: WorkflowComparison;
  readonly #belongings: BelongingsComparison;

  constructor(options: ComparisonOptions) {
    this.#options = options;
    this.#workflows = new WorkflowComparison(options);
    this.#belongings = new BelongingsComparison(options);
  }

  /** @returns how much differed, by kind of difference. @throws CertmanError when the API server or Temporal cannot be asked. */
  async run(): Promise<Readonly<Record<string, number>>> {
    const { kubernetes, fleet, signal } = this.#options;
    const began = performance.now();
    const clusters = await this.#compareClusters();
    const hiveIsServed = clusters !== undefined;
    const requests = await listRequests(kubernetes, { signal });
    const drift = {
      clusters: clusters ?? 0,
      standalone: await this.#compareStandalone(requests),
      workflows: await this.#workflows.run(hiveIsServed),
      // Whether a ClusterDeployment is gone cannot be seen where there are none to be seen.
      orphans: hiveIsServed ? await this.#compareOrphans(requests) : 0,
      belongings: await this.#belongings.run(requests),
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

  /** CertificateRequests whose ClusterDeployment is gone and that no workflow is clearing away. */
  async #compareOrphans(requests: readonly ObservedRequest[]): Promise<number> {
    const { fleet, settings, logger } = this.#options;
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
      const clear = () => this.#clearAway(view, siblings.length);
      if (await unlessRefused(logger, view.identity, COULD_NOT_BE_LOOKED_UP, clear)) drift += 1;
    }
    return drift;
  }

  /** @returns whether nobody was at it. */
  async #clearAway(view: ClusterView, requests: number): Promise<boolean> {
    const { signals, logger } = this.#options;
    const { identity } = view;
    if ((await signals.runningState(identity)) !== undefined) return false;
    logger.warn({ cluster: keyOf(identity), requests }, 'CertificateRequests were left behind');
    return await tellInTurn(this.#options, identity, COULD_NOT_BE_TOLD, () => signals.gone(view, true));
  }
}
