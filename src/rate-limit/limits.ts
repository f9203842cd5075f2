import { perSecond, type RateLimit } from './gcra.ts';

/** A limit of an outside service, with the page that documents it and the date of that page. */
export interface DocumentedRateLimit extends RateLimit {
  readonly source: string;
  readonly asOf: string;
}

/** Milliseconds. */
export const HOUR_MS = 3_600_000;
/** Milliseconds. */
export const WEEK_MS = 7 * 24 * HOUR_MS;

/** Let's Encrypt: certificates for one exact set of names, whichever account orders them; no override exists. */
export const CERTIFICATES_PER_EXACT_SET: DocumentedRateLimit = {
  burst: 5,
  intervalMs: WEEK_MS / 5,
  source: 'https://letsencrypt.org/docs/rate-limits/#new-certificates-per-exact-set-of-identifiers',
  asOf: '2026-08',
};

/** Let's Encrypt: new orders of one account; renewals are exempt. */
export const NEW_ORDERS_PER_ACCOUNT: DocumentedRateLimit = {
  burst: 300,
  intervalMs: (3 * HOUR_MS) / 300,
  source: 'https://letsencrypt.org/docs/rate-limits/#new-orders-per-account',
  asOf: '2026-08',
};

/** Let's Encrypt: failed authorizations of one name by one account. */
export const FAILED_AUTHORIZATIONS_PER_NAME: DocumentedRateLimit = {
  burst: 5,
  intervalMs: HOUR_MS / 5,
  source: 'https://letsencrypt.org/docs/rate-limits/#authorization-failures-per-identifier-per-account',
  asOf: '2026-08',
};

/** Let's Encrypt: certificates below one registered domain, of all accounts; renewals are exempt. */
export const CERTIFICATES_PER_DOMAIN: DocumentedRateLimit = {
  burst: 50,
  intervalMs: WEEK_MS / 50,
  source: 'https://letsencrypt.org/docs/rate-limits/#new-certificates-per-registered-domain',
  asOf: '2026-08',
};

/** Route 53: API requests of one AWS account. */
export const ROUTE53_REQUESTS_PER_ACCOUNT: DocumentedRateLimit = {
  ...perSecond(5),
  source: 'https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DNSLimitations.html#limits-api-requests',
  asOf: '2026-11',
};

/** Signals because others changed what certman owns: a program that undoes each repair at once would make a loop. */
export const DRIFT_SIGNALS_PER_CLUSTER: RateLimit = { burst: 5, intervalMs: 120_000 };

/** Signals because of credentials, a DNSZone or a request of the same name: each is an evaluation, and may be an order. */
export const DEPENDENCY_SIGNALS_PER_CLUSTER: RateLimit = { burst: 5, intervalMs: 120_000 };

/** Probes because another writer removed the condition `Served`: a program that removes each at once would make a loop. */
export const SERVED_RESTORATIONS_PER_CERTIFICATE: RateLimit = { burst: 5, intervalMs: 120_000 };

/** Rounds of signals to all clusters that wait or fail, for a change of the account or the ConfigMap. */
export const STUCK_CLUSTER_ROUNDS: RateLimit = { burst: 10, intervalMs: 30_000 };
