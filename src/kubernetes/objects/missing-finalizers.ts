import type { ClusterRef } from '../../clusters/cluster-identity.ts';
import type { ClusterView } from '../../clusters/cluster-view.ts';
import { gateOf } from '../../clusters/gate.ts';
import { isStandalone } from './primary-object.ts';

/** More than the controller has signalled and no worker has evaluated; one that is left out is read. */
const MAX_CLUSTERS = 4_000;

/** A ClusterDeployment as it was observed. */
interface ObservedDeployment {
  readonly resourceVersion: string;
  readonly bundleNames: readonly string[];
}

/**
 * The ClusterDeployments that are served and lack certman's finalizer, as the watch of this process has them: the finalizer can
 * be added without a read, as long as the object is still of that resourceVersion. Empty at rest.
 */
export class MissingFinalizers {
  readonly #byUid = new Map<string, ObservedDeployment>();

  /** Called with each view that the watch shows. */
  observe(view: ClusterView): void {
    const { identity, finalizer, resourceVersion, bundles } = view;
    const isMissing = !finalizer && !isStandalone(identity) && gateOf(view).kind === 'serve';
    if (!isMissing || resourceVersion === undefined) this.forget(identity);
    else if (this.#byUid.has(identity.uid) || this.#byUid.size < MAX_CLUSTERS)
      this.#byUid.set(identity.uid, { resourceVersion, bundleNames: bundles.map(({ name }) => name) });
  }

  forget({ uid }: Pick<ClusterRef, 'uid'>): void {
    this.#byUid.delete(uid);
  }

  /** Called when the watch ends: another one may have the next events. */
  clear(): void {
    this.#byUid.clear();
  }

  /**
   * Each observation is taken once: after a refusal, the object is read.
   * @returns the resourceVersion; undefined where the object has to be read, or asks for none of these bundles.
   */
  take({ uid }: Pick<ClusterRef, 'uid'>, bundleNames: readonly string[]): string | undefined {
    const observed = this.#byUid.get(uid);
    if (observed === undefined || !bundleNames.some((name) => observed.bundleNames.includes(name))) return undefined;
    this.#byUid.delete(uid);
    return observed.resourceVersion;
  }
}
