import { z } from 'zod';
import type { Seals } from '../src/acme/seals.ts';
import type { ClusterIdentity } from '../src/clusters/cluster-identity.ts';
import type { PublishedRecords, PublishedZone } from '../src/contract/activities/dns.ts';
import type { DnsProvider } from '../src/dns/provider.ts';
import { inZone } from '../src/dns/record-zone.ts';
import type { DnsAttempt } from './dns-attempt.ts';
import type { RecordsOfZone } from './txt-zones.ts';

const pendingSchema = z.object({
  zoneId: z.string().max(512),
  nameServers: z.array(z.string().max(255)).max(32),
  change: z.string().max(512),
  seal: z.string().max(64).optional(),
});

/** What an attempt records for the next one: the publications whose changes are not live yet. */
const progressSchema = pendingSchema.partial().extend({ challengeZone: pendingSchema.optional() });

interface Published extends PublishedZone {
  readonly change?: string;
}

/** An attempt at publishing the records of an order in their zones. */
export class TxtPublication {
  readonly #dns: DnsProvider;
  readonly #attempt: DnsAttempt;
  /** Whether records may be published; an attempt whose worker died may have sent its change without recording it. */
  mayBeSent: boolean;

  constructor(dns: DnsProvider, attempt: DnsAttempt) {
    this.#dns = dns;
    this.#attempt = attempt;
    this.mayBeSent = attempt.attempt > 1;
  }

  /** @param ownZoneName of the cluster's own zone. @param since epoch milliseconds. @returns once all records are live. */
  async publish(
    seals: Seals,
    cluster: ClusterIdentity,
    ownZoneName: string,
    zones: readonly RecordsOfZone[],
    since: number,
  ): Promise<PublishedRecords> {
    const { signal, recorded, record } = this.#attempt;
    const earlier = progressSchema.safeParse(recorded).data;
    const earlierOwn = pendingSchema.safeParse(earlier).data;
    let [own, challengeZone]: [Published?, Published?] = [];
    for (const zone of zones) {
      const isChallengeZone = zone.target.isChallengeZone === true;
      const { zoneName } = zone.target;
      const pending = isChallengeZone ? earlier?.challengeZone : earlierOwn;
      // Heartbeats go through Temporal, too.
      const isOwn =
        pending !== undefined &&
        seals.verify(cluster, { of: 'nameServers', zoneName, nameServers: pending.nameServers }, pending.seal);
      const found: Published = isOwn
        ? pending
        : await inZone(zone, () => this.#dns.publish(zone.target, zone.records, signal, since));
      const { nameServers } = found;
      const published = { ...found, seal: seals.seal(cluster, { of: 'nameServers', zoneName, nameServers }) };
      if (isChallengeZone) challengeZone = published;
      else own = published;
      if (found.change === undefined) continue;
      this.mayBeSent = true;
      record({ ...(own?.change === undefined ? {} : own), challengeZone });
    }
    for (const zone of zones) {
      const { change } = (zone.target.isChallengeZone === true ? challengeZone : own) ?? {};
      if (change !== undefined) await this.#dns.awaitLive(zone.target, change, signal);
    }
    const ofCluster = own ?? nothingIn(seals, cluster, ownZoneName);
    return challengeZone === undefined
      ? withoutChange(ofCluster)
      : { ...withoutChange(ofCluster), challengeZone: withoutChange(challengeZone) };
  }
}

function withoutChange({ zoneId, nameServers, seal }: Published): PublishedZone {
  return { zoneId, nameServers, seal };
}

function nothingIn(seals: Seals, cluster: ClusterIdentity, zoneName: string): PublishedZone {
  return { zoneId: '', nameServers: [], seal: seals.seal(cluster, { of: 'nameServers', zoneName, nameServers: [] }) };
}
