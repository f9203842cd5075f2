/** What CAA records allow (RFC 8659; RFC 8657 for accounts and methods of validation). Pure. */
import { identifierOf, normalizeName } from '../certificates/dns-name.ts';
import { oneLine } from '../failures/printable.ts';

/** A CAA record (RFC 8659 §4.1). */
export interface CaaRecord {
  /** The CA must understand the tag. */
  readonly critical: boolean;
  readonly tag: string;
  readonly value: string;
}

/** Who would issue, and how. */
export interface CaaApplicant {
  /** Names of the CA (`meta.caaIdentities` of its directory). */
  readonly identities: readonly string[];
  /** URL of the ACME account. */
  readonly accountUrl: string;
  /** Name of the challenge type, such as `dns-01`. */
  readonly method: string;
}

/** Tags that a CA may understand: IANA's registry of CAA property tags. Others are unknown to all. */
const REGISTERED_TAGS = new Set([
  'issue',
  'issuewild',
  'iodef',
  'issuemail',
  'issuevmc',
  'contactemail',
  'contactphone',
]);

const MAX_SHOWN_RECORDS = 4;
const MAX_SHOWN_LENGTH = 200;

/** The names whose CAA records may apply, the first that has any counts (RFC 8659 §3). @param name a wildcard or not. */
export function caaNamesOf(name: string): readonly string[] {
  const labels = identifierOf(name).split('.');
  return labels.map((_, index) => labels.slice(index).join('.'));
}

/**
 * Why the records of a name forbid the applicant to issue for it, as the end of a sentence; undefined when they allow it.
 * @param records the relevant set: not empty, all at one name.
 */
export function caaProblem(
  records: readonly CaaRecord[],
  isWildcard: boolean,
  applicant: CaaApplicant,
): string | undefined {
  const properties = records.map((record) => ({ ...record, tag: record.tag.toLowerCase() }));
  const unknown = properties.find(({ critical, tag }) => critical && !REGISTERED_TAGS.has(tag));
  if (unknown !== undefined) return `the critical tag ${quote(unknown.tag)} is unknown to CAs (RFC 8659 §4.1)`;
  const wild = isWildcard ? properties.filter(({ tag }) => tag === 'issuewild') : [];
  const relevant = wild.length > 0 ? wild : properties.filter(({ tag }) => tag === 'issue');
  if (relevant.length === 0) return undefined;
  const problems = relevant.map(({ value }) => issuerProblem(value, applicant));
  if (problems.includes(undefined)) return undefined;
  // Of the records that name the CA, what they ask for besides says more.
  const [nearest] = problems.filter((problem) => problem !== OTHER_ISSUER);
  const why = nearest ?? `none of ${relevant.length === 1 ? 'it' : 'them'} names ${applicant.identities.join(' or ')}`;
  return `${why}: ${relevant.slice(0, MAX_SHOWN_RECORDS).map(describe).join(', ')}${relevant.length > MAX_SHOWN_RECORDS ? ', …' : ''}`;
}

const OTHER_ISSUER = 'it names another CA';

/** Why an `issue` or `issuewild` property does not authorize the applicant. */
function issuerProblem(value: string, { identities, accountUrl, method }: CaaApplicant): string | undefined {
  const property = parseIssuer(value);
  if (!identities.some((identity) => normalizeName(identity) === property?.issuer)) return OTHER_ISSUER;
  const accounts = valuesOf(property, 'accounturi');
  if (accounts.length > 1) return 'it has several accounturi (RFC 8657 §3)';
  if (accounts.length === 1 && accounts[0] !== accountUrl) {
    return `its accounturi is not that of the ACME account ${accountUrl}`;
  }
  const methods = valuesOf(property, 'validationmethods').map((list) => list.split(','));
  return methods.every((list) => list.includes(method)) ? undefined : `its validationmethods are without ${method}`;
}

interface Issuer {
  /** In lower case; empty: no CA may issue. */
  readonly issuer: string;
  readonly parameters: readonly (readonly [tag: string, value: string])[];
}

const DOMAIN = /^[a-z0-9-]+(\.[a-z0-9-]+)*$/i;
const PARAMETER = /^([a-z0-9-]+)[ \t]*=[ \t]*([\x21-\x3a\x3c-\x7e]*)$/i;

/** RFC 8659 §4.2: `issuer; tag=value; tag=value`. @returns undefined for a malformed value, which authorizes no CA. */
function parseIssuer(value: string): Issuer | undefined {
  const [domain = '', ...rest] = value.split(';').map((part) => part.trim());
  if (domain !== '' && !DOMAIN.test(domain)) return undefined;
  const parameters: (readonly [string, string])[] = [];
  for (const part of rest.filter((text) => text !== '')) {
    const [, tag, parameter] = PARAMETER.exec(part) ?? [];
    if (tag === undefined || parameter === undefined) return undefined;
    parameters.push([tag.toLowerCase(), parameter]);
  }
  return { issuer: normalizeName(domain), parameters };
}

function valuesOf(property: Issuer | undefined, wanted: string): readonly string[] {
  return (property?.parameters ?? []).filter(([tag]) => tag === wanted).map(([, value]) => value);
}

function describe({ critical, tag, value }: CaaRecord): string {
  return `${critical ? 128 : 0} ${oneLine(tag, 20)} ${quote(value)}`;
}

function quote(text: string): string {
  return `"${oneLine(text, MAX_SHOWN_LENGTH)}"`;
}
