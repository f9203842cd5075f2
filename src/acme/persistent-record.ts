/**
 * The persistent TXT record of a name: the challenge `dns-persist-01` of draft-ietf-acme-dns-persist (2026-03, -01). It names
 * the CA and the ACME account, and is the same for every order.
 */
import { dnsNameProblem, persistentRecordName, type TxtRecord } from '../certificates/dns-name.ts';
import type { Authorization, Challenge } from './authorization.ts';

/** Parameter values of the record: RFC 8659 §4.2, without what a resolver or a parser may treat in its own way. */
const PARAMETER_VALUE = /^[\x21-\x3a\x3c-\x7e]{1,512}$/;

/** How persistent records are made. */
export interface PersistentRecordSettings {
  /** Until when the CA accepts a record at least, from now; absent: without an end. */
  readonly validForMs?: number | undefined;
}

/** A `dns-persist-01` challenge, and the record that it asks for. */
export interface PersistentChallenge {
  readonly challenge: Challenge;
  readonly record: TxtRecord;
}

/**
 * The `dns-persist-01` challenge of an authorization; undefined where the CA offers none, or one that is not as the draft has
 * it: `dns-01` remains.
 * @param wildcard whether the record must also authorize `*.` of the identifier. @param now epoch milliseconds.
 */
export function persistentChallenge(
  { identifier, challenges }: Authorization,
  accountUrl: string,
  wildcard: boolean,
  { validForMs }: PersistentRecordSettings,
  now: number,
): PersistentChallenge | undefined {
  const challenge = challenges.find(({ type }) => type === 'dns-persist-01');
  const issuer = challenge?.['issuer-domain-names']?.filter(isIssuerName).toSorted()[0];
  if (challenge === undefined || issuer === undefined) return undefined;
  // The CA must accept the account's own URL; another one that it names may be of another account.
  const stated = challenge.accounturi;
  if ((stated !== undefined && stated !== accountUrl) || !PARAMETER_VALUE.test(accountUrl)) return undefined;
  const value = [
    issuer,
    `accounturi=${accountUrl}`,
    ...(wildcard ? ['policy=wildcard'] : []),
    ...(validForMs === undefined ? [] : [`persistUntil=${persistUntil(validForMs, now)}`]),
  ].join('; ');
  return { challenge, record: { name: persistentRecordName(identifier.value), value } };
}

/** In seconds. Changes once in `validForMs`, so that orders in between find the record as it is. */
function persistUntil(validForMs: number, now: number): number {
  return Math.round(((Math.floor(now / validForMs) + 2) * validForMs) / 1_000);
}

function isIssuerName(name: string): boolean {
  return name === name.toLowerCase() && !name.includes('*') && dnsNameProblem(name) === undefined;
}
