import { isShortLived } from '../checks/orders.ts';
import type { Installation } from '../installation.ts';
import type { Chance } from '../random.ts';
import type { ChaosCluster } from '../scene.ts';
import type { Operator } from './operator.ts';
import type { PhaseWork } from './phase.ts';
import { notReady } from './ready.ts';

/** Certificates of four minutes are renewed into ones of 90 days: by their timers, and where an operator asks for it. */
export class Renewal implements PhaseWork {
  readonly name = 'renewal';
  readonly #installation: Installation;
  readonly #clusters: readonly ChaosCluster[];
  readonly #operator: Operator;
  readonly #chance: Chance;

  constructor(
    installation: Installation,
    clusters: readonly ChaosCluster[],
    { operator, chance }: { readonly operator: Operator; readonly chance: Chance },
  ) {
    this.#installation = installation;
    this.#clusters = clusters;
    this.#operator = operator;
    this.#chance = chance;
  }

  feed(): Promise<void> {
    const idle = this.#clusters.filter(({ name }) => !this.#operator.waiting.has(name));
    if (idle.length > 0) void this.#operator.ask(this.#chance.oneOf(idle));
    return Promise.resolve();
  }

  async pending(): Promise<string | undefined> {
    const unanswered = this.#operator.unanswered();
    if (unanswered !== undefined) return unanswered;
    const short = this.#clusters.filter((cluster) => !this.#hasLongLived(cluster));
    if (short.length > 0) return `not renewed: ${short.map(({ name }) => name).join(', ')}`;
    const unready = await notReady(this.#installation, this.#clusters);
    return unready.length === 0 ? undefined : `not Ready: ${unready.join(', ')}`;
  }

  #hasLongLived({ namespace }: ChaosCluster): boolean {
    const last = this.#installation.secrets.certificates.findLast((one) => one.namespace === namespace);
    return last !== undefined && !isShortLived(last);
  }
}
