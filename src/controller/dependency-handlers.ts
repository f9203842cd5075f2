/** Handlers of what certificates depend on: each signals the clusters that a change concerns. */
import { toDigits } from '../cache/compact-value.ts';
import { knownText } from '../cache/shared-values.ts';
import { canonicalJson, changeDigestOf, digestOf } from '../certificates/digest.ts';
import type { CachedCluster } from '../clusters/cached-cluster.ts';
import type { KubernetesObject } from '../kubernetes/api/kubernetes-api.ts';
import { lastOtherManager } from '../kubernetes/api/managed-fields.ts';
import { OPERATOR_AWS_SECRET } from '../kubernetes/objects/aws-credentials.ts';
import type { ObservedRequest } from '../kubernetes/objects/observed-request.ts';
import {
  describeGift,
  describeSecretChange,
  isGivenTo,
  type ObservedSecret,
  observeSecret,
} from '../kubernetes/objects/observed-secret.ts';
import { ACCOUNT_SECRET } from '../kubernetes/objects/operator-settings.ts';
import { WINDOWS_ENTRY } from '../kubernetes/objects/renewal-windows-config.ts';
import { hasSecret } from './compact-cluster.ts';
import { requestsIn } from './controller-cache.ts';
import type { ControllerContext } from './controller-context.ts';
import type { ResourceEventHandler } from './informer.ts';
import { NamespacedMap } from './namespaced-map.ts';
import { keyOf, type NamespacedName, nameOf } from './namespaced-name.ts';
import { RenewalWindowsWatch } from './renewal-windows-watch.ts';
import type { StuckClusterSignals } from './stuck-clusters.ts';

/** Of the operator's ConfigMap; its informer selects no other. */
export function configMapHandler(
  context: ControllerContext,
  { signalAll, signalWaitingFor }: StuckClusterSignals,
): ResourceEventHandler {
  const windows = new RenewalWindowsWatch(context);
  let resourceVersion: string | undefined;
  let settings: string | undefined;
  const onChange = async ({ metadata, ...object }: KubernetesObject, isDeleted: boolean): Promise<void> => {
    const previous = settings;
    settings = settingsDigest(isDeleted ? {} : object);
    await Promise.all([
      windows.observe(isDeleted ? undefined : { metadata, ...object }, true),
      previous !== settings && signalAll(`The ConfigMap ${metadata.name} in ${metadata.namespace} changed.`),
    ]);
  };
  const onListed = async (object: KubernetesObject): Promise<void> => {
    ({ resourceVersion } = object.metadata);
    settings = settingsDigest(object);
    await windows.observe(object, false);
  };
  return {
    onListed,
    async onUpsert(object, from) {
      const previous = resourceVersion;
      if (previous === object.metadata.resourceVersion) return;
      if (previous === undefined && from === 'list') return await onListed(object);
      ({ resourceVersion } = object.metadata);
      await onChange(object, false);
    },
    onDelete: (object) => {
      resourceVersion = undefined;
      return onChange(object, true);
    },
    onSynced: async () => {
      await Promise.all([signalWaitingFor('settings'), windows.signalPostponed()]);
    },
  };
}

/** Of all entries but the renewal windows, whose change concerns no cluster that fails. */
function settingsDigest({ data }: Record<string, unknown>): string {
  const entries = typeof data === 'object' && data !== null ? data : {};
  return digestOf(canonicalJson({ ...entries, [WINDOWS_ENTRY]: undefined }));
}

/** Of DNSZones, on which the clusters of their namespace depend. */
export function dnsZoneHandler(
  { cache, signaller }: ControllerContext,
  { signalWaitingFor }: StuckClusterSignals,
): ResourceEventHandler {
  /** By `namespace/name`. */
  const digests = new Map<string, number>();
  const onListed = (zone: KubernetesObject): void => void digests.set(keyOf(nameOf(zone)), zoneDigest(zone));
  const signal = async (zone: KubernetesObject, event: string): Promise<void> => {
    const { namespace, name } = nameOf(zone);
    await signaller.dependencyChanged(cache.clustersIn(namespace), `The DNSZone ${name} ${event}.`);
  };
  return {
    onListed,
    async onUpsert(zone, from) {
      const previous = digests.get(keyOf(nameOf(zone)));
      onListed(zone);
      if (previous === zoneDigest(zone) || (previous === undefined && from === 'list')) return;
      await signal(zone, 'changed');
    },
    async onDelete(zone) {
      digests.delete(keyOf(nameOf(zone)));
      await signal(zone, 'was deleted');
    },
    onSynced(keys) {
      keepOnly(digests, keys);
      return signalWaitingFor('DNSZones');
    },
  };
}

/** Of name and id only: Hive rewrites the rest of the status every two hours. */
function zoneDigest({ spec, status, metadata }: KubernetesObject): number {
  // A zone of Azure has no id: it is there when it has name servers.
  const isThere = field(spec, 'azure') === undefined ? undefined : field(status, 'nameServers') !== undefined;
  const id = field(field(status, 'aws'), 'zoneID') ?? field(field(status, 'gcp'), 'zoneName') ?? isThere;
  return changeDigestOf(canonicalJson([field(spec, 'zone'), id, metadata.deletionTimestamp]));
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

type SecretRole =
  | { readonly kind: 'operatorWide' }
  | { readonly kind: 'certificate' | 'credentials'; readonly clusters: readonly CachedCluster[] };

/** What is cached of a Secret that is read when it is used: there is one for nearly every cluster. */
interface SecretVersion extends NamespacedName {
  /** By {@link toDigits}, of its resourceVersion. */
  readonly version: number | string;
}

function toSecretVersion(
  { namespace, name }: NamespacedName,
  role: SecretRole,
  version: number | string,
): SecretVersion {
  const [cluster] = role.kind === 'operatorWide' ? [] : role.clusters;
  return {
    namespace: knownText(namespace, cluster?.namespace),
    name: knownText(name, cluster?.credentialsSecret),
    version,
  };
}

/** Of Secrets with a certificate, with credentials, or of the operator. Reads metadata only. */
export function secretHandler(
  { cache, settings, signaller }: ControllerContext,
  { signalAll, signalWaitingFor }: StuckClusterSignals,
): ResourceEventHandler {
  /** Secrets with a role but those of certificates. */
  const versions = new NamespacedMap<SecretVersion>();

  const operatorWide = new Set([
    ACCOUNT_SECRET,
    OPERATOR_AWS_SECRET,
    settings.challengeZoneSecret,
    ...(settings.fallbackAccountSecrets ?? []),
  ]);

  const roleOf = ({ namespace, name }: NamespacedName): SecretRole | undefined => {
    if (namespace === settings.operatorNamespace && operatorWide.has(name)) return { kind: 'operatorWide' };
    const neighbours = cache.clustersIn(namespace);
    const certified = neighbours.filter((cluster) => cluster.gate !== 'decommission' && hasSecret(cluster, name));
    if (certified.length > 0) return { kind: 'certificate', clusters: certified };
    const clusters = neighbours.filter((cluster) => cluster.credentialsSecret === name);
    return clusters.length > 0 ? { kind: 'credentials', clusters } : undefined;
  };

  /** @returns undefined while the request is being deleted, since it is then created again. */
  const requestFor = ({ namespace, certificates }: CachedCluster, secretName: string): ObservedRequest | undefined => {
    const name = certificates.find((certificate) => certificate.secretName === secretName)?.requestName ?? '';
    const request = cache.requests.get({ namespace, name });
    return request?.deleting === true ? undefined : request;
  };

  const onCertificateUpsert = async (
    object: KubernetesObject,
    clusters: readonly CachedCluster[],
    from: 'list' | 'watch',
  ): Promise<void> => {
    const name = nameOf(object);
    const cached = cache.secrets.get(name);
    // What a resync has listed may be the very change that the watch shows now; a list shows what changed since then.
    const previous = cached?.watched === true || from === 'list' ? cached : undefined;
    const now = observeSecret(object, { requestNamed: requestsIn(cache, name), watched: true });
    cache.secrets.set(now);
    const isSame = previous?.resourceVersion === now.resourceVersion;
    if (isSame && previous.watched) return;
    // First seen in a list: those that wait for it are signalled when the list is complete; the resync finds drift.
    const describe = from === 'list' && (previous === undefined || isSame) ? describeListed : changeSince(previous);
    await Promise.all(
      clusters.map(async (cluster) => {
        const what = describe(now, requestFor(cluster, name.name));
        if (what !== undefined) await signaller.drifted([cluster], what, lastOtherManager(object));
      }),
    );
  };

  /** @param manager other than certman that wrote last to it, if known. */
  const handleDelete = async (secret: NamespacedName, manager?: string): Promise<void> => {
    versions.delete(secret);
    cache.secrets.delete(secret);
    const role = roleOf(secret);
    const what = `The Secret ${secret.name} was deleted.`;
    switch (role?.kind) {
      case 'operatorWide':
        return await signalAll(`The Secret ${secret.name} in ${secret.namespace} was deleted.`);
      case 'credentials':
        return await signaller.dependencyChanged(role.clusters, what);
      case 'certificate':
        return await signaller.drifted(role.clusters, what, manager);
      case undefined:
    }
  };

  return {
    async onUpsert(object, from) {
      const secret = nameOf(object);
      const role = roleOf(secret);
      if (role === undefined) return;
      if (role.kind === 'certificate') return await onCertificateUpsert(object, role.clusters, from);
      const version = toDigits(object.metadata.resourceVersion ?? '');
      const previous = versions.get(secret)?.version;
      versions.set(toSecretVersion(secret, role, version));
      if (previous === version || (previous === undefined && from === 'list')) return;
      switch (role.kind) {
        case 'operatorWide':
          return await signalAll(`The Secret ${secret.name} in ${secret.namespace} changed.`);
        case 'credentials':
          return await signaller.dependencyChanged(role.clusters, `The credentials Secret ${secret.name} changed.`);
      }
    },
    onDelete: (object) => handleDelete(nameOf(object), lastOtherManager(object)),
    async onSynced(keys) {
      for (const secret of Array.from(versions.all())) if (!keys.has(keyOf(secret))) versions.delete(secret);
      // Deleted while they were not watched: else the resync would find them in the cache.
      const deleted = [...cache.secrets.all()].filter((secret) => !keys.has(keyOf(secret)));
      await Promise.all([signalWaitingFor('Secrets'), ...deleted.map((secret) => handleDelete(secret))]);
    },
  };
}

type DescribeSecret = (now: ObservedSecret, request: ObservedRequest | undefined) => string | undefined;

function changeSince(previous: ObservedSecret | undefined): DescribeSecret {
  return (now, request) => describeSecretChange(previous, now, request);
}

/** A request whose Secret is another's fails with a reason that no list signals: its user may have given it meanwhile. */
function describeListed(now: ObservedSecret, request: ObservedRequest | undefined): string | undefined {
  return isGivenTo(now, request) ? describeGift(now) : undefined;
}

/** Of what was deleted while it was not watched, nothing is left to compare with. */
function keepOnly(known: Map<string, unknown>, keys: ReadonlySet<string>): void {
  for (const key of known.keys()) if (!keys.has(key)) known.delete(key);
}
