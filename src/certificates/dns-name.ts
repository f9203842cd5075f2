/** DNS names in certificates: host names (RFC 1123 §2.1) and wildcards (RFC 6125 §6.4.3). Pure. */

/** In presentation form without the trailing dot (RFC 1035 §2.3.4: 255 octets on the wire). */
export const MAX_NAME_LENGTH = 253;

/** RFC 5280 appendix A: ub-common-name. */
export const MAX_COMMON_NAME_LENGTH = 64;

const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** Why a certificate cannot contain `name` (lower case), as the end of a sentence; undefined when it can. */
export function dnsNameProblem(name: string): string | undefined {
  if (name === '') return 'it is empty';
  if (name.length > MAX_NAME_LENGTH) return `it has ${name.length} characters, more than ${MAX_NAME_LENGTH}`;
  const labels = name.split('.');
  const hostLabels = labels[0] === '*' ? labels.slice(1) : labels;
  if (hostLabels.some((label) => label.includes('*'))) return '"*" may only be the whole leftmost label';
  if (hostLabels.some((label) => !LABEL.test(label))) {
    return 'its labels must be 1 to 63 letters, digits and hyphens, with no hyphen at either end';
  }
  if (hostLabels.length < 2) return 'it needs at least two labels besides "*"';
  if (/^\d+$/.test(hostLabels.at(-1) ?? '')) return 'it is, or ends like, an IP address';
  return undefined;
}

/** `name` in lower case, without a trailing dot. */
export function normalizeName(name: string): string {
  return (name.endsWith('.') ? name.slice(0, -1) : name).toLowerCase();
}

/** The name that the CA authorizes for a name of a certificate: normalized, without `*.` (RFC 8555 §7.1.4). */
export function identifierOf(name: string): string {
  return normalizeName(name).replace(/^\*\./, '');
}

/** Whether `name` (a wildcard or not) is the zone or below it. */
export function isInZone(name: string, zone: string): boolean {
  const host = identifierOf(name);
  const apex = normalizeName(zone);
  return host === apex || host.endsWith(`.${apex}`);
}

/** Quotes untrusted text for a message: truncated, without control and invisible characters. */
export function quoted(value: string, longest = 80): string {
  const short = value.length > longest ? `${value.slice(0, longest)}…` : value;
  return JSON.stringify(short).replace(/[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g, '\ufffd');
}

/** Name of the TXT record that authorizes an identifier, without trailing dot (RFC 8555 §8.4). */
export function dns01RecordName(identifier: string): string {
  return `_acme-challenge.${identifier}`;
}

/** Name of the TXT record that authorizes an identifier for good, without trailing dot (draft-ietf-acme-dns-persist). */
export function persistentRecordName(identifier: string): string {
  return `_validation-persist.${identifier}`;
}

/**
 * TXT records, beside those of challenges, that prove control of every name of a standalone request. Threat: the CA
 * reuses authorizations that other clusters' orders obtained (RFC 8555 §7.4.1). @param value by {@link ownershipValue}.
 */
export function ownershipRecords(dnsNames: readonly string[], value: string): readonly TxtRecord[] {
  const identifiers = new Set(dnsNames.map((name) => name.replace(/^\*\./, '')));
  return [...identifiers].map((identifier) => ({ name: dns01RecordName(identifier), value }));
}

const OWNERSHIP_PREFIX = 'certman-order=';
const ORDER_ID = /^[0-9a-f-]{36}$/;

/**
 * Value of a request's ownership records. With its uid: the records of other requests, which anyone can read, prove
 * nothing for it. No value of a challenge is like it (RFC 8555 §8.4: 43 characters of base64url).
 * @param orderId a UUID of no other order.
 */
export function ownershipValue(requestUid: string, orderId: string): string {
  return `${OWNERSHIP_PREFIX}${requestUid}/${orderId}`;
}

/** Whether a value is one of {@link ownershipValue} for this request. */
export function isOwnershipValue(value: string, requestUid: string): boolean {
  const start = `${OWNERSHIP_PREFIX}${requestUid}/`;
  return value.startsWith(start) && ORDER_ID.test(value.slice(start.length));
}

/** One TXT record: `name` without trailing dot (`_acme-challenge.api.x.example.com`), `value` unquoted. */
export interface TxtRecord {
  readonly name: string;
  readonly value: string;
}

/** Those of the records that differ, in their order. */
export function uniqueRecords<Record extends TxtRecord>(records: readonly Record[]): readonly Record[] {
  return [...new Map(records.map((record) => [`${record.name} ${record.value}`, record])).values()];
}
