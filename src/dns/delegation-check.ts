import type packet from 'dns-packet';
import { isInZone, normalizeName } from '../certificates/dns-name.ts';
import { oneLine } from '../failures/printable.ts';
import { type Finding, PASSED, undecided, withoutAnswer } from './finding.ts';
import type { ZoneDelegation } from './provider.ts';
import type { PublicView } from './public-dns.ts';

const MAX_SERVERS = 8;

/**
 * Whether public DNS leads to the servers of the zone that certman writes to. One of its servers among those of the
 * delegation is enough: the rest is for the CA to judge. Other names can be the same servers under names of their own, or
 * servers in front of them: the zone's SOA, and the addresses, then decide.
 */
export async function checkDelegation(view: PublicView, { name, nameServers }: ZoneDelegation): Promise<Finding> {
  const zone = normalizeName(name);
  const found = await view.lookUp(zone, 'NS');
  if (found.kind === 'absent') return notDelegated(view, { zone, nameServers }, found.zone);
  if (found.kind !== 'records') return withoutAnswer(view.name, zone, found);
  const own = nameServers.map(normalizeName);
  const delegated = found.records.map(hostOf);
  if (own.length === 0 || overlap(own, delegated)) return PASSED;
  const soa = await view.lookUp(zone, 'SOA');
  if (soa.kind === 'bogus' || soa.kind === 'inconclusive') return withoutAnswer(view.name, zone, soa);
  if (soa.kind === 'records' && overlap(own, soa.records.map(primaryOf))) return PASSED;
  const [ownAddresses, addresses] = [await addressesOf(view, own), await addressesOf(view, delegated)];
  if (ownAddresses === undefined || ownAddresses.length === 0 || addresses === undefined) {
    return undecided(view.name, `the addresses of the servers of ${zone} cannot be compared`);
  }
  if (overlap(ownAddresses, addresses)) return PASSED;
  return {
    kind: 'refused',
    refusal: {
      code: 'dns/notDelegated',
      message: `Public DNS delegates ${zone} to ${list(delegated)} (by ${view.name}), but the zone that certman writes to is on ${list(own)}: the CA would not see its TXT records.`,
      remedy: `Correct the NS records of ${zone} in its parent zone, or delete the zone that is not delegated where there are two of the name.`,
    },
  };
}

/** No server at the apex: definite when a zone above says so, since the zone itself always has NS records. */
function notDelegated(view: PublicView, { zone, nameServers }: ZoneUnderCheck, parent: string | undefined): Finding {
  if (parent === undefined || parent === zone || !isInZone(zone, parent)) {
    return undecided(view.name, `no NS records of ${zone}`);
  }
  const servers = nameServers.length === 0 ? 'its name servers' : list(nameServers.map(normalizeName));
  return {
    kind: 'refused',
    refusal: {
      code: 'dns/notDelegated',
      message: `Public DNS does not delegate ${zone}: ${view.name} finds no NS records, by the zone ${parent} above it. The CA would not see its TXT records.`,
      remedy: `Add NS records of ${zone} in its parent zone, with ${servers}.`,
    },
  };
}

type ZoneUnderCheck = Pick<ZoneDelegation, 'nameServers'> & { readonly zone: string };

/** @returns undefined when one of them cannot be looked up. */
async function addressesOf(view: PublicView, hosts: readonly string[]): Promise<readonly string[] | undefined> {
  const lookups = await Promise.all(
    hosts.slice(0, MAX_SERVERS).flatMap((host) => (['A', 'AAAA'] as const).map((type) => view.lookUp(host, type))),
  );
  if (lookups.some(({ kind }) => kind === 'inconclusive' || kind === 'bogus')) return undefined;
  return lookups.flatMap((lookup) => (lookup.kind === 'records' ? lookup.records.map(hostOf) : []));
}

/** Of a record whose data is a text: a name or an address. */
function hostOf(record: packet.Answer): string {
  return 'data' in record && typeof record.data === 'string' ? normalizeName(record.data) : '';
}

function primaryOf(record: packet.Answer): string {
  return record.type === 'SOA' ? normalizeName(record.data.mname) : '';
}

function overlap(some: readonly string[], others: readonly string[]): boolean {
  return some.some((one) => others.includes(one));
}

function list(names: readonly string[]): string {
  return oneLine(names.slice(0, MAX_SERVERS).join(', '), 400);
}
