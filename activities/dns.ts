import { Context } from '@temporalio/activity';
import type { AcmeClientSource } from '../src/acme/client-source.ts';
import type { Seals } from '../src/acme/seals.ts';
import { isOwnershipValue, normalizeName, ownershipRecords, type TxtRecord } from '../src/certificates/dns-name.ts';
import type { ClusterIdentity } from '../src/clusters/cluster-identity.ts';
import type { ZoneTarget } from '../src/clusters/zone-target.ts';
import type {
  DnsActivities,
  PropagationActivities,
  PublishedRecords,
  PublishedZone,
  PublishTxtRecordsInput,
  TxtRecordsInput,
  VerifiedPropagation,
  VerifyPropagationInput,
} from '../src/contract/activities/dns.ts';
import type { OwnershipProof, SealedTxtRecord } from '../src/contract/activities/txt-records.ts';
import type { ChallengeDelegation } from '../src/dns/challenge-delegation.ts';
import type { PropagationCheck } from '../src/dns/propagation-check.ts';
import type { DnsProvider } from '../src/dns/provider.ts';
import { CertmanError, withOutcomeUnknown } from '../src/failures/failure.ts';
import { oneLine } from '../src/failures/printable.ts';
import { notAskedFor } from '../src/kubernetes/objects/asked-for.ts';
import { isStandalone } from '../src/kubernetes/objects/primary-object.ts';
import type { BundleChecks } from '../src/kubernetes/objects/served-bundles.ts';
import { currentDnsAttempt, type DnsAttempt } from './dns-attempt.ts';
import { TxtPublication } from './txt-publication.ts';
import { withdrawFrom, withPlaces, zonesOf } from './txt-zones.ts';
import { wrapActivity } from './wrap-activity.ts';

/** What the activities on DNS check their inputs by. */
export interface DnsActivityDeps {
  readonly checks: BundleChecks;
  readonly ca: Pick<AcmeClientSource, 'seals' | 'sealsIfUsable'>;
  readonly delegation: ChallengeDelegation;
  /** Reports records that stay in a challenge zone of before: nothing tries again. */
  readonly onLeft?: (cluster: ClusterIdentity, records: readonly TxtRecord[], why: CertmanError) => Promise<void>;
}

/** The steps on the DNS service of a zone, each as the activity of that name. */
export interface DnsSteps {
  readonly publishTxtRecords: (attempt: DnsAttempt, input: PublishTxtRecordsInput) => Promise<PublishedRecords>;
  readonly withdrawTxtRecords: (attempt: Pick<DnsAttempt, 'signal'>, input: TxtRecordsInput) => Promise<void>;
}

/** Creates the steps on a DNS service. */
export function createDnsSteps(dns: DnsProvider, { checks, ca, delegation, onLeft }: DnsActivityDeps): DnsSteps {
  return {
    publishTxtRecords: async (attempt, { cluster, zone, records, waitingSince }) => {
      const { signal, scheduledAt } = attempt;
      const publication = new TxtPublication(dns, attempt);
      try {
        const since = waitingSince === undefined ? scheduledAt : Date.parse(waitingSince);
        const seals = await ca.seals();
        requireOwnRecords(seals, cluster, records);
        await checks.requireZone(cluster, zone, records);
        const isSealed = (record: SealedTxtRecord): boolean => isSealedRecord(seals, cluster, record);
        await delegation.requireUnchanged(zone, records.filter(isSealed), signal);
        const placed = await withPlaces(delegation, zone, records, isSealed, signal);
        const tagged = placed.map((record) => withOwnerTag(seals, cluster, record));
        const zones = zonesOf(delegation, zone, tagged);
        return await publication.publish(seals, cluster, zone.zoneName, zones, since);
      } catch (error) {
        throw publication.mayBeSent && error instanceof CertmanError ? withOutcomeUnknown(error) : error;
      }
    },

    withdrawTxtRecords: async ({ signal }, { cluster, zone, records }) => {
      if (!isZoneOf(cluster, zone)) throw notAskedFor(cluster, 'The zone is for another object.');
      // Of an account that has been replaced since, or is gone, no seal can be verified.
      const seals = await ca.sealsIfUsable();
      const others = foreignRecords(seals, cluster, records);
      if (others.length > 0) await checks.requireChallengeNames(cluster, zone, others);
      const isSealed = (record: SealedTxtRecord): boolean => isSealedRecord(seals, cluster, record);
      const placed = await withPlaces(delegation, zone, records, isSealed, signal, () => undefined);
      // The challenge zone has those of other clusters, too: what no seal vouches for is left there.
      const left = placed.filter((record) => record.at?.challengeZone === true && !isSealed(record));
      const withdrawn = placed.filter((record) => !left.includes(record));
      const tagged = withdrawn.map((record) => withOwnerTag(seals, cluster, record));
      const zones = zonesOf(delegation, zone, tagged);
      await withdrawFrom(dns, zones, signal);
      for (const { records: there, problem } of zones)
        if (problem !== undefined) await onLeft?.(cluster, there, problem);
      const [first] = left;
      if (first === undefined) return;
      // Without an account, it may be vouched for later; under another account, it never is.
      if (seals === undefined) throw notAskedFor(cluster, `${describeRecord(first)} is not of an order of its own.`);
      Context.current().log.warn(
        'TXT records in the challenge zone are left there: no order of the present account made them',
        {
          records: left.map(({ name }) => oneLine(String(name), 300)),
        },
      );
    },
  };
}

/** Creates the activities that publish and withdraw the TXT records of DNS-01 challenges (RFC 8555 §8.4). */
export function createDnsActivities(dns: DnsProvider, deps: DnsActivityDeps): DnsActivities {
  const { publishTxtRecords, withdrawTxtRecords } = createDnsSteps(dns, deps);
  return {
    publishTxtRecords: wrapActivity((input) => publishTxtRecords(currentDnsAttempt(), input)),
    withdrawTxtRecords: wrapActivity((input) => withdrawTxtRecords(currentDnsAttempt(), input)),
  };
}

/** @throws CertmanError `kubernetes/notAskedFor` for a record that is neither of an order nor of the ownership. */
function requireOwnRecords(seals: Seals, cluster: ClusterIdentity, records: readonly SealedTxtRecord[]): void {
  const other = foreignRecords(seals, cluster, records)[0];
  if (other !== undefined) throw notAskedFor(cluster, `${describeRecord(other)} is not of an order of its own.`);
}

/** Those that nothing shows to be the object's own. */
function foreignRecords(
  seals: Seals | undefined,
  cluster: ClusterIdentity,
  records: readonly SealedTxtRecord[],
): readonly SealedTxtRecord[] {
  return records.filter((one) => !isSealedRecord(seals, cluster, one) && !isOwnershipRecord(cluster, one));
}

function isSealedRecord(
  seals: Seals | undefined,
  cluster: ClusterIdentity,
  { name, value, at, seal }: SealedTxtRecord,
): boolean {
  return seals?.verify(cluster, { of: 'record', name, value, at }, seal) === true;
}

/** Whether its value is one of this standalone request's alone: it proves nothing for any other, nor to a CA. */
function isOwnershipRecord(cluster: ClusterIdentity, { value }: SealedTxtRecord): boolean {
  return isStandalone(cluster) && isOwnershipValue(String(value), cluster.uid);
}

/** Adds the owner tag of an ownership record. That of a challenge's record comes from `placeOrder`. */
function withOwnerTag(seals: Seals | undefined, cluster: ClusterIdentity, record: SealedTxtRecord): SealedTxtRecord {
  const expiresAt = Date.parse(record.expires ?? '');
  if (seals === undefined || Number.isNaN(expiresAt) || !isOwnershipRecord(cluster, record)) return record;
  const there = { name: normalizeName(record.at?.name ?? record.name), value: record.value };
  return { ...record, owner: seals.ownerTag(there, new Date(expiresAt)) };
}

/** @throws CertmanError `kubernetes/notAskedFor` unless the records, which were visible, are at each of the names. */
function ownershipProof(
  seals: Seals,
  cluster: ClusterIdentity,
  records: readonly SealedTxtRecord[],
  dnsNames: readonly string[],
): OwnershipProof {
  const proved = new Set(records.filter((record) => isOwnershipRecord(cluster, record)).map(({ name }) => name));
  if (!ownershipRecords(dnsNames, '').every(({ name }) => proved.has(name))) {
    throw notAskedFor(cluster, 'The records do not prove control of all names.');
  }
  const verifiedAt = new Date().toISOString();
  return { verifiedAt, seal: seals.seal(cluster, { of: 'ownership', dnsNames, verifiedAt }) };
}

/** Whose credentials reach the zone. */
function isZoneOf({ kind, namespace, name }: ClusterIdentity, zone: ZoneTarget): boolean {
  return zone.kind === kind && zone.namespace === namespace && zone.clusterName === name;
}

function describeRecord({ name }: SealedTxtRecord): string {
  return `The TXT record ${oneLine(String(name), 300)}`;
}

/** The step on public DNS, as the activity of that name. */
export type VerifyPropagation = (
  attempt: Pick<DnsAttempt, 'attempt' | 'signal'>,
  input: VerifyPropagationInput,
) => Promise<VerifiedPropagation>;

/**
 * Whether public DNS still has records that an earlier order published: who sees them, or undefined where they are not all seen.
 */
export type VerifyStanding = (
  signal: AbortSignal,
  input: Pick<VerifyPropagationInput, 'cluster' | 'zoneName' | 'records'>,
) => Promise<readonly string[] | undefined>;

/** Creates that check. The name servers are not known without a request to the DNS service, so the resolvers decide. */
export function createVerifyStanding(
  propagation: PropagationCheck,
  { ca }: Pick<DnsActivityDeps, 'ca'>,
): VerifyStanding {
  return async (signal, { cluster, zoneName, records }) => {
    requireOwnRecords(await ca.seals(), cluster, records);
    try {
      return await propagation.verify({ zoneName, nameServers: [], records, attempt: 1, mustBePublic: true }, signal);
    } catch (error) {
      if (!(error instanceof CertmanError)) throw error;
      Context.current().log.info('Persistent TXT records are not seen any more, and are published again', {
        zone: zoneName,
        problem: error.message,
      });
      return undefined;
    }
  };
}

/** Creates the step that verifies that TXT records are visible in public DNS before the CA validates them. */
export function createVerifyPropagation(
  propagation: PropagationCheck,
  { ca }: Pick<DnsActivityDeps, 'ca'>,
): VerifyPropagation {
  return async ({ attempt, signal }, { cluster, ownershipOf, seal, challengeZone, zoneName, nameServers, records }) => {
    const seals = await ca.seals();
    requireNameServers(seals, cluster, zoneName, { nameServers, seal });
    requireOwnRecords(seals, cluster, records);
    const own = records.filter(({ at }) => at?.challengeZone !== true);
    const delegated = records.filter(({ at }) => at?.challengeZone === true);
    const challengeZoneName = delegated[0]?.at?.zoneName ?? '';
    if (challengeZone !== undefined) requireNameServers(seals, cluster, challengeZoneName, challengeZone);
    const zones = [
      { zoneName, nameServers, records: own },
      { zoneName: challengeZoneName, nameServers: challengeZone?.nameServers ?? [], records: delegated },
    ].filter((zone) => zone.records.length > 0);
    const mustBePublic = ownershipOf !== undefined;
    const seen = await Promise.all(zones.map((zone) => propagation.verify({ ...zone, attempt, mustBePublic }, signal)));
    const seenBy = [...new Set(seen.flat())];
    if (ownershipOf === undefined) return { seenBy };
    return { seenBy, ownershipProof: ownershipProof(seals, cluster, records, ownershipOf) };
  };
}

/** @throws CertmanError `kubernetes/notAskedFor` for servers that no publication has found for the zone. */
function requireNameServers(
  seals: Seals,
  cluster: ClusterIdentity,
  zoneName: string,
  { nameServers, seal }: Pick<PublishedZone, 'nameServers' | 'seal'>,
): void {
  const isSealed = seals.verify(cluster, { of: 'nameServers', zoneName, nameServers }, seal);
  if (!isSealed) throw notAskedFor(cluster, 'They are not known as the name servers of its zone.');
}

/** Creates the activity of that step. */
export function createPropagationActivities(
  propagation: PropagationCheck,
  deps: Pick<DnsActivityDeps, 'ca'>,
): PropagationActivities {
  const verifyPropagation = createVerifyPropagation(propagation, deps);
  return { verifyPropagation: wrapActivity((input) => verifyPropagation(currentDnsAttempt(), input)) };
}
