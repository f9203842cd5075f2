import { isShortLived } from '../checks/orders.ts';
import type { ChaosCluster } from '../context.ts';
import type { Installation } from '../installation.ts';
import type { SeededRandom } from '../seeded-random.ts';
import type { PhaseWorkload } from './phase.ts';
import type { RenewalRequester } from './renewal-requester.ts';
import { unreadyClusters } from './unready-clusters.ts';

/** Renews certificates of four minutes into certificates of 90 days, by timer and on request of an operator. */
export class Renewal implements PhaseWorkload {
  readonly name = 'renewal';
  readonly #installation: Installation;
  readonly #clusters: readonly ChaosCluster[];
  readonly #operator: RenewalRequester;
  readonly #random: SeededRandom;

  constructor(
    installation: Installation,
    clusters: readonly ChaosCluster[],
    { operator, random }: { readonly operator: RenewalRequester; readonly random: SeededRandom },
  ) {
    this.#installation = installation;
    this.#clusters = clusters;
    this.#operator = operator;
    this.#random = random;
  }

  submit(): Promise<void> {
    const idle = this.#clusters.filter(({ name }) => !this.#operator.pending.has(name));
    if (idle.length > 0) void this.#operator.requestRenewal(this.#random.oneOf(idle));
    return Promise.resolve();
  }

  async pending(): Promise<string | undefined> {
    const unanswered = this.#operator.unanswered();
    if (unanswered !== undefined) return unanswered;
    const short = this.#clusters.filter((cluster) => !this.#hasLongLived(cluster));
    if (short.length > 0) return `not renewed: ${short.map(({ name }) => name).join(', ')}`;
    const unready = await unreadyClusters(this.#installation, this.#clusters);
    return unready.length === 0 ? undefined : `not Ready: ${unready.join(', ')}`;
  }

  #hasLongLived({ namespace }: ChaosCluster): boolean {
    const last = this.#installation.secrets.certificates.findLast((one) => one.namespace === namespace);
    return last !== undefined && !isShortLived(last);
  }
}
