import { registeredDomains } from '../acme/registered-domains.ts';
import type { OrderReason } from '../certificates/renewal-policy.ts';
import type { UsedBefore } from '../contract/ca-budget.ts';

/** An issuance that Temporal completed. */
export interface CountedIssuance {
  /** Epoch milliseconds. */
  readonly closeTime: number;
  /** The first ten. */
  readonly dnsNames: readonly string[];
  readonly nameSet: string | undefined;
  /** Why it was ordered: an OrderReason. */
  readonly reason?: string;
}

/** Of one limit: more are used up only where an override allows more at once. */
const MAX_INSTANTS = 2_000;
/** Of all limits: what a workflow's input has room for. */
const MAX_ALL_INSTANTS = 40_000;

/** Orders for the names of an earlier certificate, which the CA exempts from the limits of account and domain. */
const EXEMPT_REASONS: ReadonlySet<string | undefined> = new Set<OrderReason>([
  'RenewalDue',
  'SuggestedByCa',
  'Expired',
]);

/**
 * What a new budget counts as used. Of exact sets only those with several certificates: each cluster's workflow counts
 * its own set as well.
 */
export function usedBefore(issuances: Iterable<CountedIssuance>): UsedBefore {
  const instants = new Map<string, number[]>();
  const add = (scope: string, at: number): void => {
    const known = instants.get(scope);
    if (known === undefined) instants.set(scope, [at]);
    else known.push(at);
  };
  for (const { closeTime, dnsNames, nameSet, reason } of issuances) {
    if (nameSet !== undefined) add(`exactSet:${nameSet}`, closeTime);
    if (EXEMPT_REASONS.has(reason)) continue;
    add('account', closeTime);
    for (const domain of registeredDomains(dnsNames)) add(`domain:${domain}`, closeTime);
  }
  const counted = [...instants]
    .filter(([scope, all]) => !scope.startsWith('exactSet:') || all.length > 1)
    .map(([scope, all]) => [scope, all.sort((one, other) => one - other).slice(-MAX_INSTANTS)] as const)
    .sort(([, one], [, other]) => other.length - one.length);
  let count = 0;
  return counted.filter(([, all]) => {
    count += all.length;
    return count <= MAX_ALL_INSTANTS;
  });
}
