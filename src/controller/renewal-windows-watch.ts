import pLimit from 'p-limit';
import { canonicalJson } from '../certificates/digest.ts';
import type { CachedCluster } from '../clusters/cached-cluster.ts';
import type { CertmanError } from '../failures/failure.ts';
import type { KubernetesObject } from '../kubernetes/api/kubernetes-api.ts';
import type { EventDetails } from '../kubernetes/objects/events.ts';
import type { ObservedRequest } from '../kubernetes/objects/observed-request.ts';
import { RenewalWindowsConfig } from '../kubernetes/objects/renewal-windows-config.ts';
import { CERTIFICATE_REQUESTS, CLUSTER_DEPLOYMENTS, CONFIG_MAPS } from '../kubernetes/objects/resources.ts';
import { type Labels, matchesLabels } from '../renewal-windows/label-selector.ts';
import type { FreezeRule, RenewalWindowRule, RenewalWindows } from '../renewal-windows/rules.ts';
import type { ControllerContext } from './controller-context.ts';
import { recordOn } from './event-recorder.ts';
import { inSlices } from './in-slices.ts';
import { keyOf } from './namespaced-name.ts';

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
  /** Changes are handled in their order. */
  readonly #oneAtATime = pLimit(1);
  /** The last valid ones. */
  #rules: RenewalWindows | undefined;
  /** What is wrong with the entry. */
  #problem: string | undefined;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#config = new RenewalWindowsConfig(context.settings.operatorNamespace);
  }

  /** @param configMap undefined: it was deleted. @param signals whether the clusters concerned are signalled. */
  async observe(configMap: KubernetesObject | undefined, signals: boolean): Promise<void> {
    await this.#oneAtATime(() => this.#observe(configMap, signals));
  }

  async #observe(configMap: KubernetesObject | undefined, signals: boolean): Promise<void> {
    const before = this.#rules;
    const problemBefore = this.#problem;
    const { rules, problem } = await this.#config.apply(configMap);
    this.#rules = rules ?? before;
    this.#problem = problem?.message;
    this.#context.metrics.renewalWindowsInvalid.set(problem === undefined ? 0 : 1);
    const reported = problemBefore === this.#problem ? undefined : this.#report(configMap, problem);
    // Those that are not valid concern renewals that become due, and none that waits.
    if (signals && rules !== undefined) await this.#signalChange(before, rules, problemBefore !== undefined);
    await reported;
  }

  /** @param isRepaired there were no valid rules, by which renewals were postponed. */
  async #signalChange(before: RenewalWindows | undefined, rules: RenewalWindows, isRepaired: boolean): Promise<void> {
    const isUnknown = isRepaired || before === undefined;
    const changed = isUnknown ? undefined : changedRules(before, rules);
    if (changed?.length === 0) return;
    await this.#signal(await this.#postponed(), changed);
  }

  /** An Event on the ConfigMap, where its author looks. */
  async #report(configMap: KubernetesObject | undefined, problem: CertmanError | undefined): Promise<void> {
    if (problem !== undefined)
      this.#context.logger.warn({ problem: problem.message }, 'The renewal windows are not valid');
    const { name, namespace, uid } = configMap?.metadata ?? {};
    if (name === undefined || namespace === undefined || uid === undefined) return;
    const object = { resource: CONFIG_MAPS, namespace, name, uid };
    const event: EventDetails =
      problem === undefined
        ? { type: 'Normal', reason: 'RenewalWindowsValid', message: 'The renewal windows are valid, and apply.' }
        : {
            type: 'Warning',
            reason: 'RenewalWindowsInvalid',
            message: `${problem.message} ${problem.info.remedy}`,
          };
    await recordOn(this.#context, object, event);
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
