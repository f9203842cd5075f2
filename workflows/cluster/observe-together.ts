import { toReplaceFirst } from '../../src/certificates/requested-revocation.ts';
import type { BundleToEvaluate, RequestObservation } from '../../src/contract/activities/kubernetes.ts';
import { knownFactsOf } from '../../src/contract/evaluation.ts';
import { applyCertificateRequests } from '../activities.ts';
import type { Bundle, ClusterContext } from './bundle.ts';
import { endOfTask } from './end-of-task.ts';
import { observeAlone } from './observe-alone.ts';
import { observeFirst } from './observe-first.ts';

type Observations = Readonly<Record<string, RequestObservation>>;

/** Observes the bundles that are evaluated in the same workflow task by one activity. */
export class ObserveTogether {
  readonly #cluster: ClusterContext;
  /** Bundles of the present task, and their observations by name. */
  #batch: { readonly bundles: BundleToEvaluate[]; readonly observations: Promise<Observations> } | undefined;

  /** Of the first workflow task, each for one evaluation, by bundle name. */
  #first = new Map<string, RequestObservation>();

  constructor(cluster: ClusterContext) {
    this.#cluster = cluster;
  }

  /** Observes bundles of which nothing is known before their loops start, as {@link observeFirst}. */
  async observeFirst(bundles: readonly Bundle[]): Promise<void> {
    this.#first = new Map(await observeFirst(this.#cluster, bundles));
  }

  async observe(bundle: Bundle): Promise<RequestObservation> {
    const { name: bundleName, record, attempts } = bundle;
    const first = this.#first.get(bundleName);
    this.#first.delete(bundleName);
    if (first !== undefined) return first;
    const { requestUid, campaigns, renewalRequest } = record;
    // A renewal that an operator or a campaign requested is due, whatever is observed; a request that has expired is shown.
    const isRequested =
      attempts.requested ||
      campaigns !== undefined ||
      renewalRequest !== undefined ||
      toReplaceFirst(record) !== undefined;
    const known = knownFactsOf(record);
    this.#batch ??= this.#start();
    this.#batch.bundles.push({ bundleName, requestUid, ...(isRequested ? { planBy: known } : { known }) });
    const observations = await this.#batch.observations;
    const observation = Object.hasOwn(observations, bundleName) ? observations[bundleName] : undefined;
    return observation ?? (await observeAlone(bundle));
  }

  #start() {
    const bundles: BundleToEvaluate[] = [];
    return { bundles, observations: this.#observe(bundles) };
  }

  /** In the scope of the first bundle: the loops of all bundles are cancelled together. */
  async #observe(bundles: readonly BundleToEvaluate[]): Promise<Observations> {
    await endOfTask();
    this.#batch = undefined;
    return await applyCertificateRequests({ cluster: this.#cluster.view.identity, bundles });
  }
}
