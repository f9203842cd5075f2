import { Context } from '@temporalio/activity';
import { z } from 'zod';
import type { AcmeClientSource } from '../src/acme/client-source.ts';
import type { Seals } from '../src/acme/seals.ts';
import { isOwnershipValue, ownershipRecords } from '../src/certificates/dns-name.ts';
import type { ClusterIdentity } from '../src/clusters/cluster-identity.ts';
import type { ZoneTarget } from '../src/clusters/zone-target.ts';
import type {
  DnsActivities,
  OwnershipProof,
  PropagationActivities,
  PublishedRecords,
  PublishTxtRecordsInput,
  SealedTxtRecord,
  TxtRecordsInput,
  VerifiedPropagation,
  VerifyPropagationInput,
} from '../src/contract/activities.ts';
import type { PropagationCheck } from '../src/dns/propagation-check.ts';
import type { DnsProvider } from '../src/dns/provider.ts';
import { CertmanError, withOutcomeUnknown } from '../src/failures/failure.ts';
import { oneLine } from '../src/failures/printable.ts';
import { notAskedFor } from '../src/kubernetes/objects/asked-for.ts';
import { isStandalone } from '../src/kubernetes/objects/primary-object.ts';
import type { BundleChecks } from '../src/kubernetes/objects/served-bundles.ts';
import { heartbeat, wrapActivity } from './wrap-activity.ts';

/** What an attempt records for the next one: the publication whose change is not live yet. */
const pendingPublicationSchema = z.object({
  zoneId: z.string().max(512),
  nameServers: z.array(z.string().max(255)).max(32),
  change: z.string().max(512),
  seal: z.string().max(64).optional(),
});

/** What the activities on DNS check their inputs by. */
export interface DnsActivityDeps {
  readonly checks: BundleChecks;
  readonly ca: Pick<AcmeClientSource, 'seals' | 'sealsIfUsable'>;
}

/** An attempt of an activity on DNS. */
export interface DnsAttempt {
  /** From 1. */
  readonly attempt: number;
  /** Epoch milliseconds. */
  readonly scheduledAt: number;
  readonly signal: AbortSignal;
  /** What an earlier attempt recorded last; not validated. */
  readonly recorded: unknown;
  readonly record: (progress: unknown) => void;
}

/** The attempt of the activity that it is called in. */
export function currentDnsAttempt(): DnsAttempt {
  const { info, cancellationSignal: signal } = Context.current();
  const { attempt, scheduledTimestampMs: scheduledAt, heartbeatDetails: recorded } = info;
  return { attempt, scheduledAt, signal, recorded, record: heartbeat };
}

/** The steps on the DNS service of a zone, each as the activity of that name. */
export interface DnsSteps {
  readonly publishTxtRecords: (attempt: DnsAttempt, input: PublishTxtRecordsInput) => Promise<PublishedRecords>;
  readonly withdrawTxtRecords: (attempt: Pick<DnsAttempt, 'signal'>, input: TxtRecordsInput) => Promise<void>;
}

/** Creates the steps on a DNS service. */
export function createDnsSteps(dns: DnsProvider, { checks, ca }: DnsActivityDeps): DnsSteps {
  return {
    publishTxtRecords: async (
      { attempt, scheduledAt, signal, recorded: earlier, record },
      { cluster, zone, records, waitingSince },
    ) => {
      // An attempt whose worker died may have sent its change without recording it.
      let mayBeSent = attempt > 1;
      try {
        const since = waitingSince === undefined ? scheduledAt : Date.parse(waitingSince);
        const seals = await ca.seals();
        requireOwnRecords(seals, cluster, records);
        await checks.requireZone(cluster, zone, records);
        const isSealed = ({ nameServers, seal }: PublishedRecords): boolean =>
          seals.verify(cluster, { of: 'nameServers', zoneName: zone.zoneName, nameServers }, seal);
        const recorded = pendingPublicationSchema.safeParse(earlier).data;
        // Heartbeats go through Temporal, too.
        const pending = recorded !== undefined && isSealed(recorded) ? recorded : undefined;
        const { change, ...found } = pending ?? (await dns.publish(zone, records, signal, since));
        const { nameServers } = found;
        const seal = seals.seal(cluster, { of: 'nameServers', zoneName: zone.zoneName, nameServers });
        const published = { ...found, seal };
        if (change === undefined) return published;
        mayBeSent = true;
        record({ ...published, change });
        await dns.awaitLive(zone, change, signal);
        return published;
      } catch (error) {
        throw mayBeSent && error instanceof CertmanError ? withOutcomeUnknown(error) : error;
      }
    },

    withdrawTxtRecords: async ({ signal }, { cluster, zone, records }) => {
      if (!isZoneOf(cluster, zone)) throw notAskedFor(cluster, 'The zone is for another object.');
      // Of an account that has been replaced since, or is gone, no seal can be verified.
      const others = foreignRecords(await ca.sealsIfUsable(), cluster, records);
      if (others.length > 0) await checks.requireChallengeNames(cluster, zone, others);
      await dns.withdraw(zone, records, signal);
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
  return records.filter((record) => {
    const { name, value, seal } = record;
    const isSealed = seals?.verify(cluster, { of: 'record', name, value }, seal) === true;
    return !isSealed && !isOwnershipRecord(cluster, record);
  });
}

/** Whether its value is one of this standalone request's alone: it proves nothing for any other, nor to a CA. */
function isOwnershipRecord(cluster: ClusterIdentity, { value }: SealedTxtRecord): boolean {
  return isStandalone(cluster) && isOwnershipValue(String(value), cluster.uid);
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

/** Creates the step that verifies that TXT records are visible in public DNS before the CA validates them. */
export function createVerifyPropagation(
  propagation: PropagationCheck,
  { ca }: Pick<DnsActivityDeps, 'ca'>,
): VerifyPropagation {
  return async ({ attempt, signal }, { cluster, ownershipOf, seal, ...input }) => {
    const { zoneName, nameServers, records } = input;
    const seals = await ca.seals();
    const isSealed = seals.verify(cluster, { of: 'nameServers', zoneName, nameServers }, seal);
    if (!isSealed) throw notAskedFor(cluster, `They are not known as the name servers of its zone.`);
    requireOwnRecords(seals, cluster, records);
    const seenBy = await propagation.verify({ ...input, attempt, mustBePublic: ownershipOf !== undefined }, signal);
    if (ownershipOf === undefined) return { seenBy };
    return { seenBy, ownershipProof: ownershipProof(seals, cluster, records, ownershipOf) };
  };
}

/** Creates the activity of that step. */
export function createPropagationActivities(
  propagation: PropagationCheck,
  deps: Pick<DnsActivityDeps, 'ca'>,
): PropagationActivities {
  const verifyPropagation = createVerifyPropagation(propagation, deps);
  return { verifyPropagation: wrapActivity((input) => verifyPropagation(currentDnsAttempt(), input)) };
}
