/** When clusters to come would have their certificates, by the limits of a CA. Pure. */
import { CaBudget } from './ca-budget.ts';
import type { CaLimits } from './ca-limits.ts';
import { WEEK_MS } from './limits.ts';

/** Shares of the clusters whose instants are given. */
const SHARES = [0.1, 0.25, 0.5, 0.75, 0.9, 1];

/** What Let's Encrypt's form offers a domain, certificates in seven days. Source: Boulder, sfe/overrides.go, 2026. */
const DOMAIN_TIERS = [300, 1_000, 5_000, 10_000, 25_000, 50_000, 75_000, 100_000, 175_000, 250_000, 500_000, 1_000_000];

/** A forecast. */
export interface Forecast {
  /** How many have their certificates after how long: milliseconds from the first order. */
  readonly milestones: readonly { readonly clusters: number; readonly afterMs: number }[];
  /** The limit that decides when the last one is ordered. */
  readonly limitedBy: 'account' | 'domain' | undefined;
  /** Certificates of the domain in seven days, to ask the CA for so that all are ordered within a week; undefined: they are. */
  readonly domainOverride?: number | undefined;
}

/**
 * As if nothing were used and no other order waited.
 * @param clusters each with one certificate below the registered `domain`; absent: each below a domain of its own.
 */
export function forecastOnboarding(limits: CaLimits, clusters: number, domain?: string): Forecast {
  const budget = new CaBudget(limits, 0);
  const orders = Array.from({ length: clusters }, (_, index) => ({
    id: `${index}`,
    namespace: `${index}`,
    urgency: 'new' as const,
    domains: domain === undefined ? [] : [domain],
    nameSet: `${index}`,
    names: [],
  }));
  const reservations = budget.reserveAll(orders, 0);
  const instants = reservations.map(({ at }) => at).sort((one, other) => one - other);
  const counts = [...new Set(SHARES.map((share) => Math.ceil(share * clusters)))];
  const milestones = counts.map((count) => ({ clusters: count, afterMs: instants[count - 1] ?? 0 }));
  const last = milestones.at(-1)?.afterMs ?? 0;
  const scope = reservations.find(({ at }) => at === last)?.queue?.scope;
  const limitedBy = scope === undefined ? undefined : scope === 'account' ? 'account' : 'domain';
  const isTooLate = limitedBy === 'domain' && last > WEEK_MS;
  // By their rate alone, so that the first burst is room for others.
  const domainOverride = isTooLate ? DOMAIN_TIERS.find((tier) => tier >= clusters) : undefined;
  return { milestones, limitedBy, ...(domainOverride === undefined ? {} : { domainOverride }) };
}
