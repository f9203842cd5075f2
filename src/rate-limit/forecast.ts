/** When clusters to come would have their certificates, by the limits of a CA. Pure. */
import { CaBudget } from './ca-budget.ts';
import { type CaLimits, domainLimitOf } from './ca-limits.ts';
import { HOUR_MS, WEEK_MS } from './limits.ts';

/** Shares of the clusters whose instants are given. */
const SHARES = [0.1, 0.25, 0.5, 0.75, 0.9, 1];

/** The smallest that Let's Encrypt grants. Source: its form for overrides, 2026-08. */
const MIN_ORDERS_OVERRIDE = 1_000;
const MIN_DOMAIN_OVERRIDE = 300;

/** A forecast. */
export interface Forecast {
  /** How many have their certificates after how long: milliseconds from the first order. */
  readonly milestones: readonly { readonly clusters: number; readonly afterMs: number }[];
  /** The limit that decides when the last one is ordered. */
  readonly limitedBy: 'account' | 'domain' | undefined;
  /** What to ask the CA for so that all are ordered within a week; undefined: they are. */
  readonly overrides?: {
    /** Orders of the account in three hours. */
    readonly ordersPerAccount?: number | undefined;
    /** Certificates of the domain in seven days. */
    readonly certificatesPerDomain?: number | undefined;
  };
}

/**
 * As if nothing were used and nobody else waited.
 * @param clusters each with one certificate below the registered `domain`.
 */
export function forecastOnboarding(limits: CaLimits, clusters: number, domain: string): Forecast {
  const budget = new CaBudget(limits, 0);
  const orders = Array.from({ length: clusters }, (_, index) => ({
    id: `${index}`,
    namespace: `${index}`,
    urgency: 'new' as const,
    domains: [domain],
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
  return { milestones, limitedBy, ...(last > WEEK_MS ? { overrides: overridesFor(limits, clusters, domain) } : {}) };
}

/** Limits that admit all clusters in a week by their rate alone, so that the first burst is room for others. */
function overridesFor(limits: CaLimits, clusters: number, domain: string): Forecast['overrides'] {
  const ofAccount = Math.ceil((clusters * 3 * HOUR_MS) / WEEK_MS);
  return {
    ordersPerAccount: ofAccount > limits.account.burst ? Math.max(MIN_ORDERS_OVERRIDE, ofAccount) : undefined,
    certificatesPerDomain:
      clusters > domainLimitOf(limits, domain).burst ? Math.max(MIN_DOMAIN_OVERRIDE, clusters) : undefined,
  };
}
