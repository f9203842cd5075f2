/** The limits of an account as plain data: those that certman knows of its CA, and those that a setting states. Pure. */
import { type CaLimits, caLimitsOf } from './ca-limits.ts';
import type { RateLimit } from './gcra.ts';

/** Limits by what a setting calls them. */
export const LIMIT_NAMES = {
  orders: 'account',
  certificates: 'domain',
  'exact-set': 'exactSet',
  'failed-authorizations': 'failedAuthorizations',
} as const satisfies Readonly<Record<string, keyof AccountLimits>>;

type LimitName = keyof typeof LIMIT_NAMES;

/** A limit that a setting states, instead of the one that certman knows, or for a CA of which it knows none. */
export interface StatedLimit {
  /** Name of the CA: host of its directory, with the path unless that is the usual one. */
  readonly ca: string;
  /** What it limits; a registered domain: certificates below it. */
  readonly of: LimitName | { readonly domain: string };
  readonly limit: RateLimit;
}

/** What is absent has no limit. As a message or the input of a workflow. */
export interface AccountLimits {
  readonly account?: RateLimit;
  readonly domain?: RateLimit;
  /** Instead of `domain`, by registered domain. */
  readonly domainOverrides?: readonly (readonly [domain: string, limit: RateLimit])[];
  readonly exactSet?: RateLimit;
  readonly failedAuthorizations?: RateLimit;
}

/** @returns undefined for a CA that has no limits, as far as certman knows and the setting says. */
export function accountLimitsOf(ca: string, stated: readonly StatedLimit[]): AccountLimits | undefined {
  const known = caLimitsOf(ca);
  const own = stated.filter((one) => one.ca === ca);
  if (known === undefined && own.length === 0) return undefined;
  const documented = known === undefined ? {} : plainLimits(known);
  const named = own.flatMap(({ of, limit }) => (typeof of === 'string' ? [[LIMIT_NAMES[of], limit] as const] : []));
  const domains = own.flatMap(({ of, limit }) => (typeof of === 'string' ? [] : [[of.domain, limit] as const]));
  return {
    ...documented,
    ...Object.fromEntries(named),
    ...(domains.length === 0 ? {} : { domainOverrides: domains }),
  };
}

/** For `CaBudget`. */
export function caLimitsFrom({ domainOverrides = [], ...limits }: AccountLimits): Partial<CaLimits> {
  return { ...limits, domainOverrides: new Map(domainOverrides) };
}

function plainLimits({ account, domain, exactSet, failedAuthorizations }: CaLimits): AccountLimits {
  return {
    account: plain(account),
    domain: plain(domain),
    exactSet: plain(exactSet),
    failedAuthorizations: plain(failedAuthorizations),
  };
}

function plain({ burst, intervalMs }: RateLimit): RateLimit {
  return { burst, intervalMs };
}
