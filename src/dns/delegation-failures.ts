/** Failures of records that CNAMEs delegate: each says which name leads where, and the record to create. */
import { createHash } from 'node:crypto';
import { MAX_NAME_LENGTH, quoted } from '../certificates/dns-name.ts';
import type { ZoneTarget } from '../clusters/zone-target.ts';
import type { SealedTxtRecord, TxtRecordPlace } from '../contract/activities/txt-records.ts';
import { CertmanError } from '../failures/failure.ts';
import { CHALLENGE_ZONE_LABEL } from '../kubernetes/objects/aws-credentials.ts';

const CHALLENGE_PREFIX = '_acme-challenge.';

/** A condition's message is for people. */
const MAX_RECORDS_SHOWN = 5;

/** No CNAME leads to the challenge zone. @param why as the end of a sentence. */
export function missingDelegation(recordName: string, challengeZone: string, why: string): CertmanError {
  return new CertmanError({
    code: 'dns/delegationMissing',
    message: `No CNAME delegates ${quoted(recordName, MAX_NAME_LENGTH)} to the challenge zone ${challengeZone}, ${why}.`,
    remedy: creationOf([recordName], challengeZone),
  });
}

/** What to create so that records are delegated, and what happens then, as a sentence. */
export function creationOf(recordNames: readonly string[], challengeZone: string): string {
  const all = [...new Set(recordNames)].toSorted();
  const shown = all.slice(0, MAX_RECORDS_SHOWN).map((name) => `\`${delegatingRecord(name, challengeZone)}\``);
  const more = all.length > MAX_RECORDS_SHOWN ? `, and so for ${all.length - MAX_RECORDS_SHOWN} more` : '';
  const what = all.length === 1 ? 'record' : 'records';
  return `Create the DNS ${what} ${shown.join(', ')}${more}; then certman continues at its next attempt, or at once with \`certman renew\`.`;
}

/** A CNAME leads to a name that certman has no zone for. @param chain the names behind the record's, in order. */
export function delegatedElsewhere(
  { kind, namespace, clusterName, zoneName }: ZoneTarget,
  recordName: string,
  chain: readonly string[],
  challengeZone: string | undefined,
): CertmanError {
  const name = quoted(recordName, MAX_NAME_LENGTH);
  const end = quoted(chain.at(-1) ?? '', MAX_NAME_LENGTH);
  const via =
    chain.length > 1
      ? ` (through ${chain
          .slice(0, -1)
          .map((one) => quoted(one, 100))
          .join(', ')
          .slice(0, 400)})`
      : '';
  const known = challengeZone === undefined ? '' : `, nor in the challenge zone ${challengeZone}`;
  const remedy =
    kind !== undefined
      ? `Let it lead into ${zoneName}, which the credentials of ${namespace}/${clusterName} change: a standalone CertificateRequest uses no challenge zone. Or remove the CNAME.`
      : challengeZone === undefined
        ? 'Remove the CNAME; or have certman write there, by CERTMAN_CHALLENGE_ZONE.'
        : `Change it to \`${delegatingRecord(recordName, challengeZone)}\`, or remove it.`;
  return new CertmanError({
    code: 'dns/delegationElsewhere',
    message: `A CNAME delegates ${name} to ${end}${via}, which is not in the zone ${zoneName}${known}: certman cannot put the TXT record there.`,
    remedy,
  });
}

/** The namespace has not been allowed to use the challenge zone. */
export function challengeZoneNotAllowed(
  { namespace, clusterName }: ZoneTarget,
  recordName: string,
  challengeZone: string,
): CertmanError {
  return new CertmanError({
    code: 'dns/credentialsMissing',
    message: `A CNAME delegates ${quoted(recordName, MAX_NAME_LENGTH)} to the challenge zone ${challengeZone}, whose credentials are not allowed for the namespace of ClusterDeployment ${namespace}/${clusterName}.`,
    remedy: `Allow them: kubectl label namespace ${namespace} ${CHALLENGE_ZONE_LABEL}=true, for every namespace CERTMAN_CHALLENGE_ZONE_NAMESPACES=all. To continue at once then: certman renew ${namespace}/${clusterName}.`,
  });
}

/** @param how what the CNAME does, as the end of a sentence. */
export function brokenDelegation(recordName: string, how: string): CertmanError {
  return new CertmanError({
    code: 'dns/delegationBroken',
    message: `The CNAME of ${quoted(recordName, MAX_NAME_LENGTH)} ${how}.`,
    remedy: 'Correct the CNAME; then certman continues at its next attempt, or at once with `certman renew`.',
  });
}

/** Since the order was placed, the CNAME has changed. */
export function changedDelegation({ name, at }: SealedTxtRecord, now: TxtRecordPlace | undefined): CertmanError {
  const text = (place: TxtRecordPlace | undefined): string =>
    place === undefined ? 'nowhere' : quoted(place.name, MAX_NAME_LENGTH);
  return new CertmanError({
    code: 'dns/delegationChanged',
    message: `The CNAME of ${quoted(name, MAX_NAME_LENGTH)} led to ${text(at)} when the order was placed, and leads to ${text(now)} now.`,
    remedy: 'Nothing: the next attempt resumes the order with what DNS says then.',
  });
}

/** Records are in a challenge zone that the settings no longer name: they are left there. */
export function challengeZoneGone(zoneName: string, present: string | undefined): CertmanError {
  const now = present === undefined ? 'there is none' : `it is ${present}`;
  return new CertmanError({
    code: 'configuration/invalid',
    message: `TXT records are in ${quoted(zoneName, MAX_NAME_LENGTH)}, which is no longer the challenge zone: ${now}.`,
    remedy: `They prove nothing any more and are left there. \`certman dns sweep --zone ${printableZone(zoneName)}\` removes them once their orders have expired.`,
  });
}

/** A zone comes through Temporal: only a plain name is proposed for a command line. */
function printableZone(zoneName: string): string {
  return /^[\w.-]{1,253}$/.test(zoneName) ? zoneName : '<zone>';
}

/** As in a zone file. The target names what it proves, so that no two names share one. */
function delegatingRecord(recordName: string, challengeZone: string): string {
  const identifier = recordName.startsWith(CHALLENGE_PREFIX) ? recordName.slice(CHALLENGE_PREFIX.length) : recordName;
  const target = `${identifier}.${challengeZone}`;
  const short = createHash('sha256').update(identifier).digest('hex').slice(0, 32);
  return `${recordName}. CNAME ${target.length > MAX_NAME_LENGTH ? `${short}.${challengeZone}` : target}.`;
}
