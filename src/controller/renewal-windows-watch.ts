import { canonicalJson } from '../certificates/digest.ts';
import type { CachedCluster } from '../clusters/cached-cluster.ts';
import type { KubernetesObject } from '../kubernetes/api/kubernetes-api.ts';
import type { ObservedRequest } from '../kubernetes/objects/observed-request.ts';
import { RenewalWindowsConfig } from '../kubernetes/objects/renewal-windows-config.ts';
import { CERTIFICATE_REQUESTS, CLUSTER_DEPLOYMENTS } from '../kubernetes/objects/resources.ts';
import { type Labels, matchesLabels } from '../renewal-windows/label-selector.ts';
import type { FreezeRule, RenewalWindowRule, RenewalWindows } from '../renewal-windows/rules.ts';
import { keyOf } from './controller-cache.ts';
import type { ControllerContext } from './controller-context.ts';
import { inSlices } from './in-slices.ts';

type Rule = RenewalWindowRule | FreezeRule;

/** More namespaces are listed as a whole. */
const MAX_NAMESPACE_LISTS = 20;

const WHAT = 'The renewal windows changed.';

/**
 * Has postponed renewals decided again when the rules change that select their clusters. Others need no signal: whether a
 * renewal waits is decided when it is due.
 */
export class RenewalWindowsWatch {
  readonly #context: ControllerContext;
  readonly #config: RenewalWindowsConfig;
  #rules: RenewalWindows | undefined;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#config = new RenewalWindowsConfig(context.settings.operatorNamespace);
  }

  /** @param configMap undefined: it was deleted. @param signals whether the clusters concerned are signalled. */
  async observe(configMap: KubernetesObject | undefined, signals: boolean): Promise<void> {
    const { metrics, logger } = this.#context;
    const before = this.#rules;
    const { rules, problem } = await this.#config.apply(configMap);
    this.#rules = rules;
    metrics.renewalWindowsInvalid.set(problem === undefined ? 0 : 1);
    if (problem !== undefined) logger.warn({ problem: problem.message }, 'The renewal windows are not valid');
    if (!signals) return;
    const changed = before === undefined || rules === undefined ? undefined : changedRules(before, rules);
    if (changed?.length === 0) return;
    await this.#signal(await this.#postponed(), changed);
  }

  /** After a list, which does not show what changed before it. */
  async signalPostponed(): Promise<void> {
    await this.#signal(await this.#postponed(), undefined);
  }

  async #postponed(): Promise<readonly CachedCluster[]> {
    const { cache } = this.#context;
    const found = new Map<string, CachedCluster>();
    for await (const slice of inSlices(this.#requests())) {
      for (const request of slice) {
        if (request.postponed === undefined) continue;
        const cluster = cache.certificateInUse(keyOf(request), Date.now())?.cluster;
        if (cluster !== undefined) found.set(cluster.uid, cluster);
      }
    }
    return [...found.values()];
  }

  /** Of what is there at the first step. */
  *#requests(): Generator<ObservedRequest> {
    yield* Array.from(this.#context.cache.requests.all());
  }

  /** @param changed undefined: not known. */
  async #signal(clusters: readonly CachedCluster[], changed: readonly Rule[] | undefined): Promise<void> {
    if (clusters.length === 0) return;
    const { signaller } = this.#context;
    if (changed === undefined || changed.some(({ selector }) => selector === undefined)) {
      return await signaller.dependencyChanged(clusters, WHAT);
    }
    const labels = await this.#labelsOf(clusters);
    const concerned = clusters.filter(({ uid }) => {
      const found = labels.get(uid);
      // Not listed: read when its renewal is decided.
      return found === undefined || changed.some(({ selector }) => matchesLabels(selector, found));
    });
    await signaller.dependencyChanged(concerned, WHAT);
  }

  /** By uid: a change is rare, so the cache need not hold them. */
  async #labelsOf(clusters: readonly CachedCluster[]): Promise<ReadonlyMap<string, Labels>> {
    const { kubernetes } = this.#context;
    const wanted = new Set(clusters.map(({ uid }) => uid));
    const found = new Map<string, Labels>();
    for (const kind of new Set(clusters.map((cluster) => cluster.kind))) {
      const resource = kind === undefined ? CLUSTER_DEPLOYMENTS : CERTIFICATE_REQUESTS;
      const namespaces = new Set(clusters.filter((one) => one.kind === kind).map(({ namespace }) => namespace));
      for (const namespace of namespaces.size > MAX_NAMESPACE_LISTS ? [undefined] : namespaces) {
        for await (const { metadata } of kubernetes.list(resource, { namespace, metadataOnly: true })) {
          if (metadata.uid !== undefined && wanted.has(metadata.uid)) found.set(metadata.uid, metadata.labels ?? {});
        }
      }
    }
    return found;
  }
}

/** Those that one has and the other has not. */
function changedRules(before: RenewalWindows, after: RenewalWindows): readonly Rule[] {
  return [...difference(before.windows, after.windows), ...difference(before.freezes, after.freezes)];
}

function difference(before: readonly Rule[], after: readonly Rule[]): readonly Rule[] {
  const [old, current] = [before, after].map((rules) => new Set(rules.map(canonicalJson))) as [
    Set<string>,
    Set<string>,
  ];
  return [
    ...before.filter((rule) => !current.has(canonicalJson(rule))),
    ...after.filter((rule) => !old.has(canonicalJson(rule))),
  ];
}
