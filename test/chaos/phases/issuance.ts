import { installSampleClusters } from '../../../local/stack/management-cluster/sample-cluster.ts';
import type { ChaosCluster } from '../context.ts';
import type { Installation } from '../installation.ts';
import type { PhaseWorkload } from './phase.ts';
import { unreadyClusters } from './unready-clusters.ts';

/** Sets clusters to installed, some at a time; they get their first certificates. */
export class Issuance implements PhaseWorkload {
  readonly name = 'issuance';
  readonly #installation: Installation;
  readonly #clusters: readonly ChaosCluster[];
  readonly #waiting: ChaosCluster[];

  constructor(installation: Installation, clusters: readonly ChaosCluster[]) {
    this.#installation = installation;
    this.#clusters = clusters;
    this.#waiting = [...clusters];
  }

  async submit(portions: number): Promise<void> {
    const portion = this.#waiting.splice(0, Math.ceil(this.#waiting.length / portions));
    await installSampleClusters(this.#installation.stack, portion);
  }

  async pending(): Promise<string | undefined> {
    const waiting = await unreadyClusters(this.#installation, this.#clusters);
    return waiting.length === 0 ? undefined : `${waiting.length} clusters are not Ready: ${waiting.join(', ')}`;
  }
}
