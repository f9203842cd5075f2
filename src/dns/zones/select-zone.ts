import { isInZone, normalizeName } from '../../certificates/dns-name.ts';
import { counted } from '../../failures/counted.ts';
import { CertmanError } from '../../failures/failure.ts';

/** A zone that a DNS service lists. */
export interface ListedZone {
  readonly id: string;
  readonly name: string;
  readonly private: boolean;
}

/** How a service's users call its zones. */
export interface ZoneWords {
  /** One of them, as in "Create the public …". */
  readonly zone: string;
  /** Whose they are, as in "None of the 3 zones of …". */
  readonly account: string;
}

/**
 * The public zone with the longest name that is the wanted one or a parent of it. Pure.
 * @throws CertmanError `dns/zoneNotFound`; `dns/zoneAmbiguous` for two of that name: only one can be the delegated one.
 */
export function selectZone(
  zones: readonly ListedZone[],
  zoneName: string,
  { zone: word, account }: ZoneWords,
): Pick<ListedZone, 'id' | 'name'> {
  const candidates = zones.filter((zone) => isInZone(zoneName, zone.name));
  const publicZones = candidates.filter((zone) => !zone.private);
  const longest = Math.max(0, ...publicZones.map((zone) => zone.name.length));
  const [only, ...others] = publicZones.filter((zone) => zone.name.length === longest);
  if (only === undefined) {
    const hidden =
      candidates.length === 0 ? '' : `; ${candidates.map((zone) => zone.id).join(', ')} would match, but is private`;
    throw new CertmanError({
      code: 'dns/zoneNotFound',
      message: `None of the ${zones.length} ${word}s of ${account} is ${normalizeName(zoneName)} or a parent of it${hidden}.`,
      remedy: `Create the public ${word}, or correct the base domain or the credentials of the ClusterDeployment.`,
    });
  }
  if (others.length > 0) {
    const ids = [only, ...others].map((zone) => zone.id).toSorted();
    const [first = '', ...rest] = account;
    throw new CertmanError({
      code: 'dns/zoneAmbiguous',
      message: `${first.toUpperCase()}${rest.join('')} has ${counted(ids.length, `public ${word}`)} of the name ${only.name}: ${ids.join(' and ')}.`,
      remedy: 'Delete all but the one that the domain is delegated to, or let Hive manage the zone.',
    });
  }
  return { id: only.id, name: only.name };
}
