/** What is done about each ClusterDeployment that the watch sees: one that can be read is served, of the others it is said why not. */
import { projectClusterDeployment } from '../../src/kubernetes/cluster-deployment.ts';
import { CLUSTER_DEPLOYMENTS, type KubernetesObject } from '../../src/kubernetes/kubernetes-api.ts';
import { keyOf, type ObjectName } from './known-fleet.ts';
import type { ServedWatch, ServedWatchOptions } from './served-watch.ts';

export interface ClusterWatchOptions
  extends Pick<ServedWatchOptions, 'settings' | 'fleet' | 'work' | 'teller' | 'logger'> {
  readonly served: ServedWatch;
  /** Told of a namespace in which a ClusterDeployment came, changed or went. @returns whether that was dealt with. */
  readonly onClaims: (namespace: string) => Promise<boolean>;
}

export class ClusterWatch {
  readonly #options: ClusterWatchOptions;

  constructor(options: ClusterWatchOptions) {
    this.#options = options;
  }

  /** Part of a list of what was dealt with before: remember it, tell nobody. */
  known(object: KubernetesObject): void {
    const { served, fleet, settings } = this.#options;
    const projected = projectClusterDeployment(object, settings);
    if (projected.kind === 'cluster') served.known(projected.view);
    else fleet.rememberMalformed(nameOf(object), projected.message);
  }

  /** @returns whether it was dealt with. */
  async applied(object: KubernetesObject): Promise<boolean> {
    const { served, work, settings, onClaims } = this.#options;
    // Projected before it waits its turn: the rest of the object is let go at once.
    const projected = projectClusterDeployment(object, settings);
    const name = nameOf(object);
    const uid = object.metadata.uid ?? '';
    const dealtWith =
      projected.kind === 'cluster'
        ? await served.applied(projected.view)
        : await work.add(keyOf(name), () => this.#complain(name, uid, projected.message));
    return (await onClaims(name.namespace)) && dealtWith;
  }

  /** @returns whether it was dealt with. */
  async deleted(object: KubernetesObject): Promise<boolean> {
    const { served, settings, onClaims } = this.#options;
    const projected = projectClusterDeployment(object, settings);
    const name = nameOf(object);
    const dealtWith = await served.vanished(name, projected.kind === 'cluster' ? projected.view : undefined);
    return (await onClaims(name.namespace)) && dealtWith;
  }

  /** It no longer exists, and nobody saw it go. @returns whether it was dealt with. */
  async vanished(name: ObjectName): Promise<boolean> {
    const { served, onClaims } = this.#options;
    const dealtWith = await served.vanished(name);
    return (await onClaims(name.namespace)) && dealtWith;
  }

  /** A list is complete. @param keys of those that exist. */
  async listed(keys: ReadonlySet<string>): Promise<boolean> {
    const { fleet } = this.#options;
    const vanished = [...fleet.allDeployments(), ...fleet.malformed()].filter((object) => !keys.has(keyOf(object)));
    return (await Promise.all(vanished.map((object) => this.vanished(object)))).every(Boolean);
  }

  async #complain(name: ObjectName, uid: string, message: string): Promise<void> {
    const { fleet, teller, logger } = this.#options;
    if (!fleet.rememberMalformed(name, message)) return;
    logger.warn({ cluster: keyOf(name), problem: message }, 'ClusterDeployment cannot be read');
    await teller.tell(
      { resource: CLUSTER_DEPLOYMENTS, ...name, uid },
      { type: 'Warning', reason: 'Malformed', message },
    );
  }
}

function nameOf(object: KubernetesObject): ObjectName {
  return { namespace: object.metadata.namespace ?? '', name: object.metadata.name };
}
