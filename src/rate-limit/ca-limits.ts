/** The limits of CAs on orders and certificates, and what is exempt from them, as data. Pure. */

import type { RateLimit } from './gcra.ts';
import {
  CERTIFICATES_PER_DOMAIN,
  CERTIFICATES_PER_EXACT_SET,
  type DocumentedRateLimit,
  FAILED_AUTHORIZATIONS_PER_NAME,
  HOUR_MS,
  NEW_ORDERS_PER_ACCOUNT,
  WEEK_MS,
} from './limits.ts';

/** What a CA counts, apart from failures. */
export const COUNTED = ['account', 'domain', 'exactSet'] as const;
export type Counted = (typeof COUNTED)[number];

/** The limits of a CA for one account. */
export interface CaLimits {
  /** New orders of the account. */
  readonly account: RateLimit;
  /** Certificates below one registered domain. */
  readonly domain: RateLimit;
  /** Of these domains, instead of `domain`: what the CA has granted. */
  readonly domainOverrides: ReadonlyMap<string, RateLimit>;
  /** Certificates for one exact set of names. */
  readonly exactSet: RateLimit;
  /** Failed authorizations of one name by the account. */
  readonly failedAuthorizations: RateLimit;
}

/** Why the CA does not count an order: for exactly the names of an earlier certificate, or as a renewal by ARI. */
export type Exemption = 'sameSet' | 'ari';

/**
 * What an exempt order does not count for.
 * Source: https://letsencrypt.org/docs/rate-limits/#limit-exemptions-for-renewals, 2026-08.
 */
export const EXEMPT_FROM: Readonly<Record<Exemption, readonly Counted[]>> = {
  sameSet: ['account', 'domain'],
  ari: COUNTED,
};

const PRODUCTION = {
  account: NEW_ORDERS_PER_ACCOUNT,
  domain: CERTIFICATES_PER_DOMAIN,
  exactSet: CERTIFICATES_PER_EXACT_SET,
  failedAuthorizations: FAILED_AUTHORIZATIONS_PER_NAME,
};

/** By host of the ACME directory. A CA that is not here has no limits that certman knows of. */
const LIMITS: Readonly<Record<string, Readonly<Record<keyof typeof PRODUCTION, DocumentedRateLimit>>>> = {
  'acme-v02.api.letsencrypt.org': PRODUCTION,
  'acme-staging-v02.api.letsencrypt.org': {
    account: staging(1_500, 3 * HOUR_MS),
    // 30,000 a second there, which no account reaches. So many slots would not fit into a calendar.
    domain: staging(30_000, 3 * HOUR_MS),
    exactSet: staging(30_000, WEEK_MS),
    failedAuthorizations: staging(200, HOUR_MS),
  },
};

/**
 * What the CA has granted beyond its documented limits: a count and burst of so many a week.
 * Source: Boulder, sfe/overridesimporter.go, 2026.
 */
export interface CaOverrides {
  /** New orders of the account in seven days: what the form asks for, although the documented limit is for three hours. */
  readonly ordersPerAccount?: number | undefined;
  /** Certificates in seven days, by registered domain: granted to the domain, or to the account for it. */
  readonly certificatesPerDomain?: Readonly<Record<string, number>> | undefined;
}

/** @param host of the ACME directory. @returns undefined for a CA without limits. */
export function caLimitsOf(host: string, overrides: CaOverrides = {}): CaLimits | undefined {
  const limits = Object.hasOwn(LIMITS, host) ? LIMITS[host] : undefined;
  if (limits === undefined) return undefined;
  const { ordersPerAccount, certificatesPerDomain = {} } = overrides;
  const granted = Object.entries(certificatesPerDomain).map(
    ([domain, count]) => [domain, within(count, WEEK_MS)] as const,
  );
  return {
    ...limits,
    account: ordersPerAccount === undefined ? limits.account : within(ordersPerAccount, WEEK_MS),
    domainOverrides: new Map(granted),
  };
}

/** The limit for certificates below a registered domain. */
export function domainLimitOf({ domain, domainOverrides }: CaLimits, name: string): RateLimit {
  return domainOverrides.get(name) ?? domain;
}

function within(count: number, periodMs: number): RateLimit {
  return { burst: count, intervalMs: periodMs / count };
}

function staging(count: number, periodMs: number): DocumentedRateLimit {
  const source = 'https://letsencrypt.org/docs/staging-environment/#rate-limits';
  return { ...within(count, periodMs), source, asOf: '2026-04' };
}
