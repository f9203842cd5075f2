/**
 * Changes around the ClusterDeployments that a certificate depends on: whom they concern, and waking them. The writes of
 * certman itself concern nobody.
 */

import { canonicalJson, digestOf } from '../certificates/digest.ts';
import { type CachedCluster, identityOf } from '../clusters/cached-cluster.ts';
import type { ClusterIdentity } from '../clusters/cluster-view.ts';
import { pause } from '../kubernetes/api/backoff.ts';
import type { KubernetesObject } from '../kubernetes/api/kubernetes-api.ts';
import type { ObservedRequest } from '../kubernetes/objects/observed-request.ts';
import { describeSecretChange, type ObservedSecret, observeSecret } from '../kubernetes/objects/observed-secret.ts';
import { ACCOUNT_SECRET, SETTINGS_CONFIG_MAP } from '../kubernetes/objects/operator-settings.ts';
import type { ClusterWorkflowClient } from './cluster-workflow-client.ts';
import { type ControllerCache, keyOf } from './controller-cache.ts';
import type { ControllerLogger, ControllerSettings } from './controller-dependencies.ts';
import { DriftSignaller } from './drift-signaller.ts';
import type { EventRecorder } from './event-recorder.ts';
import type { KeyedWorkQueue } from './keyed-work-queue.ts';
import { signalInOrder } from './signal-in-order.ts';

/** Operator-wide credentials: static ones that assume the customers' roles, and those of the FedRAMP zone. */
const OPERATOR_CREDENTIALS_SECRET = 'certman-operator-aws-credentials';

/** Visibility shows what a workflow said of itself a second or so later: those that began to wait in between are asked again. */
const SECOND_PASS_DELAY_MS = 5_000;

export class DependencyHandler {
  readonly #settings: ControllerSettings;
  readonly #cache: ControllerCache;
  readonly #workflows: ClusterWorkflowClient;
  readonly #queue: KeyedWorkQueue;
  readonly #logger: ControllerLogger;
  readonly #drift: DriftSignaller;
  readonly #signal: AbortSignal;
  /** Of those that matter only. */
  readonly #secrets = new Map<string, ObservedSecret>();
  /** Version of the ConfigMap that was last dealt with. */
  #configMapVersion: string | undefined;
  readonly #zones = new Map<string, string>();
  #lastRound: Promise<boolean> = Promise.resolve(true);
  #nextRound: Promise<boolean> | undefined;
  /** Ends the wait for the second look of the round that is under way. */
  #secondPass = new AbortController();

  constructor(options: {
    readonly settings: ControllerSettings;
    readonly fleet: ControllerCache;
    readonly signals: ClusterWorkflowClient;
    readonly work: KeyedWorkQueue;
    readonly logger: ControllerLogger;
    readonly teller: EventRecorder;
    readonly signal: AbortSignal;
  }) {
    this.#settings = options.settings;
    this.#cache = options.fleet;
    this.#workflows = options.signals;
    this.#queue = options.work;
    this.#logger = options.logger;
    this.#drift = new DriftSignaller({
      ...options,
      signalCluster: (cluster, what) => this.signalClusters([cluster], what),
    });
    this.#signal = options.signal;
  }

  // --- Secrets (metadata only) ---

  async onSecretUpsert(object: KubernetesObject, from: 'list' | 'watch'): Promise<boolean> {
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
        return await this.#signalStuckClusters(`The Secret ${name} in ${namespace} changed.`);
      case 'credentials':
        return await this.signalClusters(role.clusters, `The credentials Secret ${name} changed.`);
      case 'certificate': {
        const told = role.clusters.map(async (cluster) => {
          const what = describeSecretChange(previous, secret, this.#requestFor(cluster, name));
          return what === undefined || (await this.signalDrift([cluster], what, secret.otherManager));
        });
        return (await Promise.all(told)).every(Boolean);
      }
    }
  }

  /** The request whose certificate goes into a Secret; none while it is being deleted, for then it is made again. */
  #requestFor({ namespace, certificates }: CachedCluster, secretName: string): ObservedRequest | undefined {
    const name = certificates.find((certificate) => certificate.secretName === secretName)?.requestName;
    const request = name === undefined ? undefined : this.#cache.getRequest({ namespace, name });
    return request?.deleting === true ? undefined : request;
  }

  async onSecretDelete(object: KubernetesObject): Promise<boolean> {
    const { namespace = '', name } = object.metadata;
    this.#secrets.delete(`${namespace}/${name}`);
    const role = this.#roleOf(namespace, name);
    if (role === undefined) return true;
    if (role.kind === 'operatorWide')
      return await this.#signalStuckClusters(`The Secret ${name} in ${namespace} was deleted.`);
    const what = `The Secret ${name} was deleted.`;
    return role.kind === 'certificate'
      ? await this.signalDrift(role.clusters, what, observeSecret(object).otherManager)
      : await this.signalClusters(role.clusters, what);
  }

  #roleOf(
    namespace: string,
    name: string,
  ):
    | { readonly kind: 'operatorWide' }
    | { readonly kind: 'credentials' | 'certificate'; readonly clusters: readonly CachedCluster[] }
    | undefined {
    if (namespace === this.#settings.operatorNamespace) {
      if (name === ACCOUNT_SECRET || name === OPERATOR_CREDENTIALS_SECRET) return { kind: 'operatorWide' };
    }
    const there = this.#cache.clustersIn(namespace);
    const certified = there.filter(
      (cluster) =>
        cluster.gate !== 'decommission' && cluster.certificates.some(({ secretName }) => secretName === name),
    );
    if (certified.length > 0) return { kind: 'certificate', clusters: certified };
    const reached = there.filter((cluster) => cluster.credentialsSecret === name);
    return reached.length > 0 ? { kind: 'credentials', clusters: reached } : undefined;
  }

  // --- the operator's ConfigMap, DNSZones ---

  async onConfigMapChange(object: KubernetesObject, from: 'list' | 'watch'): Promise<boolean> {
    const { namespace = '', name, resourceVersion = '' } = object.metadata;
    if (namespace !== this.#settings.operatorNamespace || name !== SETTINGS_CONFIG_MAP) return true;
    const previous = this.#configMapVersion;
    this.#configMapVersion = resourceVersion;
    if (previous === resourceVersion || (previous === undefined && from === 'list')) return true;
    return await this.#signalStuckClusters(`The ConfigMap ${name} in ${namespace} changed.`);
  }

  onZoneListed(object: KubernetesObject): void {
    this.#zones.set(objectKeyOf(object), zoneDigest(object));
  }

  async onZoneUpsert(object: KubernetesObject, from: 'list' | 'watch'): Promise<boolean> {
    const { namespace = '', name } = object.metadata;
    const key = objectKeyOf(object);
    const digest = zoneDigest(object);
    const previous = this.#zones.get(key);
    this.#zones.set(key, digest);
    if (previous === digest || (previous === undefined && from === 'list')) return true;
    return await this.signalClusters(this.#cache.clustersIn(namespace), `The DNSZone ${name} changed.`);
  }

  async onZoneDelete(object: KubernetesObject): Promise<boolean> {
    const { namespace = '', name } = object.metadata;
    this.#zones.delete(objectKeyOf(object));
    return await this.signalClusters(this.#cache.clustersIn(namespace), `The DNSZone ${name} was deleted.`);
  }

  // --- waking ---

  /** Wakes those of them that are being served. @returns whether all were told. */
  async signalClusters(clusters: readonly CachedCluster[], what: string): Promise<boolean> {
    const told = await Promise.all(
      clusters
        .filter((cluster) => cluster.served && cluster.gate !== 'handsOff')
        .map((cluster) => this.signalCluster(identityOf(this.#settings.managementCluster, cluster), what)),
    );
    return told.every(Boolean);
  }

  /** As {@link signalClusters}, because somebody changed what certman looks after. @param stranger field manager of who it was. */
  async signalDrift(clusters: readonly CachedCluster[], what: string, stranger?: string): Promise<boolean> {
    const told = await Promise.all(clusters.map((cluster) => this.#drift.signal(cluster, what, stranger)));
    return told.every(Boolean);
  }

  /** Wakes one cluster's workflow, in its turn. @returns whether it was told. */
  async signalCluster(cluster: ClusterIdentity, what: string): Promise<boolean> {
    const told = { work: this.#queue, logger: this.#logger };
    const refusal = { message: 'A cluster could not be woken', fields: { what } };
    return await signalInOrder(told, cluster, refusal, async () => {
      await this.#workflows.signalDependencyChanged(cluster, what);
      this.#logger.info({ cluster: keyOf(cluster), what }, 'Woken');
    });
  }

  /** Wakes those that wait or fail, now and those that were overlooked a little later; changes that come before it begins are one. */
  async #signalStuckClusters(what: string): Promise<boolean> {
    if (this.#nextRound === undefined) {
      this.#secondPass.abort();
      const round = this.#lastRound.then(() => {
        this.#nextRound = undefined;
        return this.#signalStuckTwice(what);
      });
      this.#nextRound = round;
      this.#lastRound = round;
    }
    return await this.#nextRound;
  }

  async #signalStuckTwice(what: string): Promise<boolean> {
    this.#logger.info({ what }, 'Clusters that wait or fail are woken');
    const woken = new Set<string>();
    const first = await this.#signalStuckOnce(what, woken);
    // The next change looks at all of them anyway.
    if (this.#nextRound !== undefined) return first;
    this.#secondPass = new AbortController();
    const over = AbortSignal.any([this.#signal, this.#secondPass.signal]);
    await pause(SECOND_PASS_DELAY_MS, over).catch(() => undefined);
    if (over.aborted) return first;
    return (await this.#signalStuckOnce(what, woken)) && first;
  }

  /** @param woken those that have looked since the change: woken again, each would count one more failed attempt. */
  async #signalStuckOnce(what: string, woken: Set<string>): Promise<boolean> {
    let stuck: readonly ClusterIdentity[] = [];
    const listed = await this.#queue.add('operator-wide', async () => {
      stuck = await this.#workflows.listWaitingOrFailing();
    });
    const overlooked = stuck.filter(({ uid }) => !woken.has(uid));
    for (const { uid } of overlooked) woken.add(uid);
    const told = await Promise.all(overlooked.map((cluster) => this.signalCluster(cluster, what)));
    return listed && told.every(Boolean);
  }
}

function objectKeyOf(object: KubernetesObject): string {
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
