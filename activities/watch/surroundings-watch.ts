/**
 * Changes around the ClusterDeployments that a certificate depends on: whom they concern, and waking them. The writes of
 * certman itself concern nobody.
 */

import type { ClusterIdentity } from '../../src/clusters/cluster-view.ts';
import { canonicalJson, digestOf } from '../../src/clusters/digest.ts';
import { identityOf, type KnownCluster } from '../../src/clusters/what-to-signal.ts';
import { pause } from '../../src/kubernetes/backoff.ts';
import type { KubernetesObject } from '../../src/kubernetes/kubernetes-api.ts';
import type { ObservedRequest } from '../../src/kubernetes/observed-request.ts';
import { type ObservedSecret, observeSecret, whatChangedInSecret } from '../../src/kubernetes/observed-secret.ts';
import { ACCOUNT_SECRET, SETTINGS_CONFIG_MAP } from '../../src/kubernetes/operator-settings.ts';
import type { WatchLogger, WatchSettings } from './dependencies.ts';
import { DriftWaking } from './drift-waking.ts';
import { type KnownFleet, keyOf } from './known-fleet.ts';
import type { Signals } from './signals.ts';
import { tellInTurn } from './tell-in-turn.ts';
import type { Teller } from './teller.ts';
import type { WorkByKey } from './work-by-key.ts';

/** Operator-wide credentials: static ones that assume the customers' roles, and those of the FedRAMP zone. */
const OPERATOR_CREDENTIALS_SECRET = 'certman-operator-aws-credentials';

/** Visibility shows what a workflow said of itself a second or so later: those that began to wait in between are asked again. */
const SECOND_LOOK_MS = 5_000;

export class SurroundingsWatch {
  readonly #settings: WatchSettings;
  readonly #fleet: KnownFleet;
  readonly #signals: Signals;
  readonly #work: WorkByKey;
  readonly #logger: WatchLogger;
  readonly #drift: DriftWaking;
  readonly #signal: AbortSignal;
  /** Of those that matter only. */
  readonly #secrets = new Map<string, ObservedSecret>();
  /** Version of the ConfigMap that was last dealt with. */
  #configMapVersion: string | undefined;
  readonly #zones = new Map<string, string>();
  #lastRound: Promise<boolean> = Promise.resolve(true);
  #nextRound: Promise<boolean> | undefined;
  /** Ends the wait for the second look of the round that is under way. */
  #secondLook = new AbortController();

  constructor(options: {
    readonly settings: WatchSettings;
    readonly fleet: KnownFleet;
    readonly signals: Signals;
    readonly work: WorkByKey;
    readonly logger: WatchLogger;
    readonly teller: Teller;
    readonly signal: AbortSignal;
  }) {
    this.#settings = options.settings;
    this.#fleet = options.fleet;
    this.#signals = options.signals;
    this.#work = options.work;
    this.#logger = options.logger;
    this.#drift = new DriftWaking({ ...options, wake: (cluster, what) => this.wakeAll([cluster], what) });
    this.#signal = options.signal;
  }

  // --- Secrets (metadata only) ---

  async secretApplied(object: KubernetesObject, from: 'list' | 'watch'): Promise<boolean> {
    const { namespace = '', name } = object.metadata;
    const role = this.#roleOf(namespace, name);
    if (role === undefined) return true;
    const key = `${namespace}/${name}`;
    const previous = this.#secrets.get(key);
    const secret = observeSecret(object);
    this.#secrets.set(key, secret);
    if (previous?.resourceVersion === secret.resourceVersion) return true;
    // Seen for the first time in a list, nobody waits for it who is not told anyway; what was missed, the comparison finds.
    if (previous === undefined && from === 'list') return true;
    switch (role.kind) {
      case 'operatorWide':
        return await this.#wakeOperatorWide(`The Secret ${name} in ${namespace} changed.`);
      case 'credentials':
        return await this.wakeAll(role.clusters, `The credentials Secret ${name} changed.`);
      case 'certificate': {
        const told = role.clusters.map(async (cluster) => {
          const what = whatChangedInSecret(previous, secret, this.#requestFor(cluster, name));
          return what === undefined || (await this.wakeForDrift([cluster], what, secret.stranger));
        });
        return (await Promise.all(told)).every(Boolean);
      }
    }
  }

  /** The request whose certificate goes into a Secret; none while it is being deleted, for then it is made again. */
  #requestFor({ namespace, certificates }: KnownCluster, secretName: string): ObservedRequest | undefined {
    const name = certificates.find((certificate) => certificate.secretName === secretName)?.requestName;
    const request = name === undefined ? undefined : this.#fleet.request({ namespace, name });
    return request?.deleting === true ? undefined : request;
  }

  async secretDeleted(object: KubernetesObject): Promise<boolean> {
    const { namespace = '', name } = object.metadata;
    this.#secrets.delete(`${namespace}/${name}`);
    const role = this.#roleOf(namespace, name);
    if (role === undefined) return true;
    if (role.kind === 'operatorWide')
      return await this.#wakeOperatorWide(`The Secret ${name} in ${namespace} was deleted.`);
    const what = `The Secret ${name} was deleted.`;
    return role.kind === 'certificate'
      ? await this.wakeForDrift(role.clusters, what, observeSecret(object).stranger)
      : await this.wakeAll(role.clusters, what);
  }

  #roleOf(
    namespace: string,
    name: string,
  ):
    | { readonly kind: 'operatorWide' }
    | { readonly kind: 'credentials' | 'certificate'; readonly clusters: readonly KnownCluster[] }
    | undefined {
    if (namespace === this.#settings.operatorNamespace) {
      if (name === ACCOUNT_SECRET || name === OPERATOR_CREDENTIALS_SECRET) return { kind: 'operatorWide' };
    }
    const there = this.#fleet.clustersIn(namespace);
    const certified = there.filter(
      (cluster) =>
        cluster.gate !== 'decommission' && cluster.certificates.some(({ secretName }) => secretName === name),
    );
    if (certified.length > 0) return { kind: 'certificate', clusters: certified };
    const reached = there.filter((cluster) => cluster.credentialsSecret === name);
    return reached.length > 0 ? { kind: 'credentials', clusters: reached } : undefined;
  }

  // --- the operator's ConfigMap, DNSZones ---

  async configMapChanged(object: KubernetesObject, from: 'list' | 'watch'): Promise<boolean> {
    const { namespace = '', name, resourceVersion = '' } = object.metadata;
    if (namespace !== this.#settings.operatorNamespace || name !== SETTINGS_CONFIG_MAP) return true;
    const previous = this.#configMapVersion;
    this.#configMapVersion = resourceVersion;
    if (previous === resourceVersion || (previous === undefined && from === 'list')) return true;
    return await this.#wakeOperatorWide(`The ConfigMap ${name} in ${namespace} changed.`);
  }

  zoneKnown(object: KubernetesObject): void {
    this.#zones.set(nameKey(object), zoneDigest(object));
  }

  async zoneApplied(object: KubernetesObject, from: 'list' | 'watch'): Promise<boolean> {
    const { namespace = '', name } = object.metadata;
    const key = nameKey(object);
    const digest = zoneDigest(object);
    const previous = this.#zones.get(key);
    this.#zones.set(key, digest);
    if (previous === digest || (previous === undefined && from === 'list')) return true;
    return await this.wakeAll(this.#fleet.clustersIn(namespace), `The DNSZone ${name} changed.`);
  }

  async zoneDeleted(object: KubernetesObject): Promise<boolean> {
    const { namespace = '', name } = object.metadata;
    this.#zones.delete(nameKey(object));
    return await this.wakeAll(this.#fleet.clustersIn(namespace), `The DNSZone ${name} was deleted.`);
  }

  // --- waking ---

  /** Wakes those of them that are being served. @returns whether all were told. */
  async wakeAll(clusters: readonly KnownCluster[], what: string): Promise<boolean> {
    const told = await Promise.all(
      clusters
        .filter((cluster) => cluster.served && cluster.gate !== 'handsOff')
        .map((cluster) => this.wake(identityOf(this.#settings.hive, cluster), what)),
    );
    return told.every(Boolean);
  }

  /** As {@link wakeAll}, because somebody changed what certman looks after. @param stranger field manager of who it was. */
  async wakeForDrift(clusters: readonly KnownCluster[], what: string, stranger?: string): Promise<boolean> {
    const told = await Promise.all(clusters.map((cluster) => this.#drift.wake(cluster, what, stranger)));
    return told.every(Boolean);
  }

  /** Wakes one cluster's workflow, in its turn. @returns whether it was told. */
  async wake(cluster: ClusterIdentity, what: string): Promise<boolean> {
    const told = { work: this.#work, logger: this.#logger };
    const refusal = { message: 'A cluster could not be woken', fields: { what } };
    return await tellInTurn(told, cluster, refusal, async () => {
      await this.#signals.surroundings(cluster, what);
      this.#logger.info({ cluster: keyOf(cluster), what }, 'Woken');
    });
  }

  /** Wakes those that wait or fail, now and those that were overlooked a little later; changes that come before it begins are one. */
  async #wakeOperatorWide(what: string): Promise<boolean> {
    if (this.#nextRound === undefined) {
      this.#secondLook.abort();
      const round = this.#lastRound.then(() => {
        this.#nextRound = undefined;
        return this.#wakeTwice(what);
      });
      this.#nextRound = round;
      this.#lastRound = round;
    }
    return await this.#nextRound;
  }

  async #wakeTwice(what: string): Promise<boolean> {
    this.#logger.info({ what }, 'Clusters that wait or fail are woken');
    const woken = new Set<string>();
    const first = await this.#wakeStuck(what, woken);
    // The next change looks at all of them anyway.
    if (this.#nextRound !== undefined) return first;
    this.#secondLook = new AbortController();
    const over = AbortSignal.any([this.#signal, this.#secondLook.signal]);
    await pause(SECOND_LOOK_MS, over).catch(() => undefined);
    if (over.aborted) return first;
    return (await this.#wakeStuck(what, woken)) && first;
  }

  /** @param woken those that have looked since the change: woken again, each would count one more failed attempt. */
  async #wakeStuck(what: string, woken: Set<string>): Promise<boolean> {
    let stuck: readonly ClusterIdentity[] = [];
    const listed = await this.#work.add('operator-wide', async () => {
      stuck = await this.#signals.waitingOrFailing();
    });
    const overlooked = stuck.filter(({ uid }) => !woken.has(uid));
    for (const { uid } of overlooked) woken.add(uid);
    const told = await Promise.all(overlooked.map((cluster) => this.wake(cluster, what)));
    return listed && told.every(Boolean);
  }
}

function nameKey(object: KubernetesObject): string {
  return `${object.metadata.namespace ?? ''}/${object.metadata.name}`;
}

/** What decides about a zone: its name and its id. Hive rewrites the rest of the status every two hours. */
function zoneDigest(object: KubernetesObject): string {
  const zone = field(object['spec'], 'zone');
  const zoneId = field(field(object['status'], 'aws'), 'zoneID');
  return digestOf(canonicalJson([zone, zoneId, object.metadata.deletionTimestamp]));
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}
