import { LoadingCache } from '../../cache/loading-cache.ts';
import { canonicalJson } from '../../certificates/digest.ts';
import {
  dns01RecordName,
  identifierOf,
  normalizeName,
  persistentRecordName,
  type TxtRecord,
} from '../../certificates/dns-name.ts';
import type { ClusterRef, ObjectRef } from '../../clusters/cluster-identity.ts';
import type { BundleView, ClusterView } from '../../clusters/cluster-view.ts';
import { requestName } from '../../clusters/request-name.ts';
import { type ZoneTarget, zoneTargetOf } from '../../clusters/zone-target.ts';
import type { BundleRef } from '../../contract/activities/bundle-ref.ts';
import { isFailure } from '../../failures/failure.ts';
import { oneLine } from '../../failures/printable.ts';
import type { KubernetesApi } from '../api/kubernetes-api.ts';
import { notAskedFor, requireServed, requireServedBundle, type ViewSettings, viewOf } from './asked-for.ts';
import { requestOwnershipOf } from './certificate-request.ts';
import { listCertificateRequests } from './observed-request.ts';
import { findPrimaryObject, isStandalone } from './primary-object.ts';
import { CERTIFICATE_REQUESTS } from './resources.ts';

/** An order takes seconds: the steps of most share one read. What was cached never refuses: it is read again first. */
const CACHE_OPTIONS = { max: 500, ttlMs: 30_000 };

/** What a step of an order is for. Absent: it does not matter. */
export interface ExpectedBundle {
  readonly dnsNames: readonly string[];
  readonly commonName?: string | undefined;
  readonly secretName?: string;
  readonly request?: ObjectRef;
}

/** Checks the steps of orders against the objects that they are for. All throw CertmanError `kubernetes/notAskedFor`. */
export interface BundleChecks {
  /** The object is served and asks for a certificate with these names, in this Secret, by this request. */
  requireBundle(bundle: BundleRef, expected: ExpectedBundle): Promise<void>;
  /** The object is served, names this zone, with these credentials, and proves the names of these records by DNS-01. */
  requireZone(cluster: ClusterRef, zone: ZoneTarget, records: readonly TxtRecord[]): Promise<void>;
  /** The zone that the object names. */
  zoneOf(cluster: ClusterRef): Promise<ZoneTarget>;
  /** The object, or a request that it owns, names this zone and proves these names by DNS-01; it may be deleted. */
  requireChallengeNames(cluster: ClusterRef, zone: ZoneTarget, records: readonly TxtRecord[]): Promise<void>;
}

/** {@link BundleChecks} by reading the objects, about once for each order. */
export class ServedBundles implements BundleChecks {
  readonly #kubernetes: KubernetesApi;
  readonly #projection: ViewSettings;
  readonly #views = new LoadingCache<ClusterView>(CACHE_OPTIONS);
  /** uid of the CertificateRequest of a ClusterDeployment's bundle. */
  readonly #requests = new LoadingCache<string>(CACHE_OPTIONS);

  /** @param kubernetes without the signal of an activity: several share a read. */
  constructor(kubernetes: KubernetesApi, projection: ViewSettings) {
    this.#kubernetes = kubernetes;
    this.#projection = projection;
  }

  /** What an evaluation has just read: the order that follows need not read it again. */
  cache(view: ClusterView, bundle: BundleView, { uid }: ObjectRef): void {
    const { ttlMs } = CACHE_OPTIONS;
    this.#views.set(keyOf(view.identity), view, ttlMs);
    if (!isStandalone(view.identity)) this.#requests.set(requestKeyOf(view, bundle), uid, ttlMs);
  }

  async requireBundle({ cluster, bundleName }: BundleRef, expected: ExpectedBundle): Promise<void> {
    const view = await this.#require(cluster, (found) => {
      const problem = mismatchOf(requireServedBundle(found, bundleName), expected);
      if (problem !== undefined) throw notAskedFor(cluster, problem);
    });
    if (expected.request !== undefined) {
      await this.#requireRequest(view, requireServedBundle(view, bundleName), expected.request);
    }
  }

  async requireZone(cluster: ClusterRef, zone: ZoneTarget, records: readonly TxtRecord[]): Promise<void> {
    await this.#require(cluster, (view) => {
      requireServed(view);
      requireZoneAndNames(cluster, { zone: zoneTargetOf(view), dnsNames: dnsNamesOf(view) }, zone, records);
    });
  }

  async zoneOf(cluster: ClusterRef): Promise<ZoneTarget> {
    return zoneTargetOf(await this.#require(cluster, requireServed));
  }

  async requireChallengeNames(cluster: ClusterRef, zone: ZoneTarget, records: readonly TxtRecord[]): Promise<void> {
    const asked = await this.#zoneAndNames(cluster);
    if (asked === undefined) throw notAskedFor(cluster, 'It is gone, and so are its CertificateRequests.');
    requireZoneAndNames(cluster, asked, zone, records);
  }

  /** @param check throws. @returns the view that it accepted. */
  async #require(cluster: ClusterRef, check: (view: ClusterView) => void): Promise<ClusterView> {
    const cached = await this.#view(cluster);
    try {
      check(cached);
      return cached;
    } catch (error) {
      if (!isFailure(error, 'kubernetes/notAskedFor')) throw error;
      this.#views.delete(keyOf(cluster));
      const fresh = await this.#view(cluster);
      check(fresh);
      return fresh;
    }
  }

  #view(cluster: ClusterRef): Promise<ClusterView> {
    return this.#views.get(keyOf(cluster), async () => {
      const found = await findPrimaryObject(this.#kubernetes, cluster);
      if (found === undefined) throw notAskedFor(cluster, 'It does not exist (any more).');
      return viewOf(found, cluster, this.#projection);
    });
  }

  async #requireRequest(view: ClusterView, bundle: BundleView, request: ObjectRef): Promise<void> {
    const { identity } = view;
    const name = isStandalone(identity) ? identity.name : requestName(identity.name, bundle.name);
    const isNamed = request.namespace === identity.namespace && request.name === name;
    const key = requestKeyOf(view, bundle);
    const isOwn = async (): Promise<boolean> => {
      if (isStandalone(identity)) return request.uid === identity.uid;
      return request.uid === (await this.#requests.get(key, () => this.#requestUid(identity, name)));
    };
    if (isNamed && (await isOwn())) return;
    this.#requests.delete(key);
    if (isNamed && (await isOwn())) return;
    throw notAskedFor(identity, `CertificateRequest ${request.name} (uid ${request.uid}) is not that of the bundle.`);
  }

  async #requestUid(identity: ClusterView['identity'], name: string): Promise<string> {
    const { namespace } = identity;
    const found = await this.#kubernetes.get(CERTIFICATE_REQUESTS, { namespace, name });
    const isOwned = found !== undefined && requestOwnershipOf(found.metadata, identity).kind === 'owned';
    if (isOwned && found.metadata.uid !== undefined) return found.metadata.uid;
    throw notAskedFor(identity, `It owns no CertificateRequest ${name}.`);
  }

  /** Of the object; of one that is gone, or whose spec cannot be read, by the requests that it owned. */
  async #zoneAndNames(cluster: ClusterRef): Promise<ZoneAndNames | undefined> {
    const found = await findPrimaryObject(this.#kubernetes, cluster);
    const view = found && viewOf(found, cluster, this.#projection);
    if (view !== undefined && view.bundles.length > 0) return { zone: zoneTargetOf(view), dnsNames: dnsNamesOf(view) };
    if (isStandalone(cluster)) return undefined;
    const { namespace, name: clusterName, uid } = cluster;
    const all = await listCertificateRequests(this.#kubernetes, { namespace });
    const [first, ...others] = all.filter(({ owner }) => owner?.uid === uid && owner.name === clusterName);
    if (first === undefined) return undefined;
    const { zoneName, platform } = first;
    const dnsNames = [first, ...others].flatMap((request) => request.dnsNames);
    return { zone: view === undefined ? { namespace, clusterName, zoneName, platform } : zoneTargetOf(view), dnsNames };
  }
}

/** What an object, or its requests, prove by DNS-01. */
interface ZoneAndNames {
  readonly zone: ZoneTarget;
  readonly dnsNames: readonly string[];
}

function dnsNamesOf({ bundles }: ClusterView): readonly string[] {
  return bundles.flatMap(({ names }) => (names.kind === 'valid' ? names.dnsNames : []));
}

function requireZoneAndNames(
  cluster: ClusterRef,
  asked: ZoneAndNames,
  zone: ZoneTarget,
  records: readonly TxtRecord[],
): void {
  if (!isSame(asked.zone, zone)) throw notAskedFor(cluster, 'It names another zone or other credentials.');
  const identifiers = asked.dnsNames.map(identifierOf);
  const names = new Set([...identifiers.map(dns01RecordName), ...identifiers.map(persistentRecordName)]);
  const other = records.find(({ name }) => !names.has(normalizeName(name)));
  if (other === undefined) return;
  throw notAskedFor(cluster, `${oneLine(String(other.name), 300)} is not the record of its names.`);
}

function mismatchOf(bundle: BundleView, expected: ExpectedBundle): string | undefined {
  const { names } = bundle;
  if (names.kind !== 'valid') return names.message;
  if (!isSame([...names.dnsNames].sort(), [...expected.dnsNames].sort())) {
    return `Its bundle ${bundle.name} has other names.`;
  }
  if (expected.commonName !== undefined && expected.commonName !== names.commonName) {
    return `Its bundle ${bundle.name} has another common name.`;
  }
  if (expected.secretName !== undefined && expected.secretName !== bundle.secretName) {
    return `Its bundle ${bundle.name} names another Secret.`;
  }
  return undefined;
}

function isSame(left: unknown, right: unknown): boolean {
  return canonicalJson(left) === canonicalJson(right);
}

function keyOf({ kind, namespace, name, uid }: ClusterRef): string {
  return JSON.stringify([kind, namespace, name, uid]);
}

function requestKeyOf({ identity }: ClusterView, { name }: BundleView): string {
  return `${keyOf(identity)} ${name}`;
}
