/**
 * Simulates clusters that are installed in the same minute, each with one new order, under the CA's limits, in virtual
 * time: the limits as Let's Encrypt keeps them (GCRA), and certman's retry schedule, turns and budget.
 */
import { NewOrderLimit } from '../../../src/acme/new-order-limit.ts';
import { errorFromResponse } from '../../../src/acme/problems.ts';
import { stableFraction } from '../../../src/certificates/digest.ts';
import { RETRY_DELAYS_MS } from '../../../src/certificates/retry-schedule.ts';
import { type ScheduledRetry, scheduleRetry } from '../../../src/certificates/scheduled-retry.ts';
import { CertmanError, type FailureInfo, isTurn } from '../../../src/failures/failure.ts';
import type { BudgetOrder } from '../../../src/rate-limit/budget-order.ts';
import { CaBudget } from '../../../src/rate-limit/ca-budget.ts';
import { type CaLimits, caLimitsOf } from '../../../src/rate-limit/ca-limits.ts';
import type { RateLimit } from '../../../src/rate-limit/gcra.ts';
import { CERTIFICATES_PER_DOMAIN, NEW_ORDERS_PER_ACCOUNT } from '../../../src/rate-limit/limits.ts';
import { LimitedCa, type Refusal } from '../rate-limit/limited-ca.ts';
import { EventQueue } from './event-queue.ts';

const CA = 'acme-v02.api.letsencrypt.org';
const INSTALLATION_MS = 60_000;
const DAY_MS = 24 * 3_600_000;
/** An evaluation and the request, each: at most. */
const MAX_LATENCY_MS = 2_000;

/** A registered domain for which the CA has granted as many certificates as are ordered. */
const GRANTED_DOMAIN = 'granted.example';
const LIMITS = caLimitsOf(CA, { certificatesPerDomain: { [GRANTED_DOMAIN]: 1_000_000 } }) as CaLimits;

/**
 * - `budget`: an instant for each order before it is sent, by one budget that all workers share.
 * - `turns`: once the CA refused an order, by each worker.
 * - `jitter`: certman's retry schedule alone.
 * - `fixed`: each by itself, by the same delays without jitter, never before Retry-After.
 */
export type OnboardingPolicy = 'budget' | 'turns' | 'jitter' | 'fixed';

/** What is simulated. */
export interface OnboardingOptions {
  readonly clusters: number;
  readonly policy: OnboardingPolicy;
  /** Worker processes; each has turns of its own. */
  readonly workers: number;
  /** Registered domains of the clusters, each with the CA's limit; undefined: one, of which the CA has raised it. */
  readonly domains?: number | undefined;
}

/** What came of it. */
export interface OnboardingResult {
  /** Orders that the CA refused. */
  readonly rateLimited: number;
  /** When the last cluster got its certificate, after the installation. */
  readonly lastIssuedDays: number;
  /** When it would have at best, by the CA's limit. */
  readonly optimumDays: number;
  /** 95th percentile of the seconds between the first instant that a cluster got and that of its certificate. */
  readonly promiseErrorP95: number;
  /** The most attempts within one minute, once the limit is reached. */
  readonly attemptsPerMinute: number;
}

interface Cluster {
  readonly key: string;
  readonly order: BudgetOrder;
  /** Number of its next evaluation: a moved instant replaces the one before. */
  wake: number;
  previous?: ScheduledRetry;
  promised?: number;
  issued?: number;
}

/** Runs the simulation; the same options give the same result. */
export function simulateOnboarding({ clusters, policy, workers, domains }: OnboardingOptions): OnboardingResult {
  const ca = new SimulatedCa();
  const budget = policy === 'budget' ? new CaBudget(LIMITS, 0) : undefined;
  const limits = Array.from({ length: workers }, () => new NewOrderLimit());
  const perMinute = new Map<number, number>();
  const queue = new EventQueue();
  const all = Array.from({ length: clusters }, (_, index) => newCluster(index, domains));
  const byKey = new Map(all.map((cluster) => [cluster.key, cluster]));

  let draws = 0;
  const random = (): number => stableFraction(`draw ${draws++}`);
  const countAttempt = (now: number): void => {
    const minute = Math.floor(now / 60_000);
    if (minute > 2) perMinute.set(minute, (perMinute.get(minute) ?? 0) + 1);
  };
  const wakeAt = (cluster: Cluster, at: number): void => {
    cluster.wake += 1;
    const { wake } = cluster;
    queue.add(at, (now) => {
      if (cluster.wake === wake) evaluate(cluster, now);
    });
  };
  const fail = (cluster: Cluster, failure: FailureInfo, now: number): void => {
    const retry = scheduleRetry(failure, now, cluster.key, cluster.previous);
    const next = policy === 'fixed' ? fixedRetry(failure, retry.attempts, now) : Date.parse(retry.nextAttempt);
    cluster.previous = retry;
    cluster.promised ??= next;
    wakeAt(cluster, next);
  };
  const evaluate = (cluster: Cluster, at: number): void => {
    countAttempt(at);
    queue.add(at + random() * MAX_LATENCY_MS, (now) => placeOrder(cluster, now));
  };
  /** @returns whether the order may be placed now. */
  const reserve = (cluster: Cluster, now: number): boolean => {
    if (budget === undefined) return true;
    const { at, granted } = budget.reserve(cluster.order, now);
    if (!granted) {
      cluster.promised ??= at;
      wakeAt(cluster, at);
    }
    for (const moved of budget.takeMoves(now)) wakeAt(byKey.get(moved.id) as Cluster, moved.at);
    return granted;
  };
  const placeOrder = (cluster: Cluster, now: number): void => {
    if (!reserve(cluster, now)) return;
    const limit = policy === 'turns' ? limits[Math.floor(random() * workers)] : undefined;
    const { failure } = cluster.previous ?? {};
    const turn = failure !== undefined && isTurn(failure.code) ? Date.parse(failure.notBefore ?? '') : undefined;
    try {
      limit?.admit(CA, { exempt: false, turn }, now);
    } catch (error) {
      return fail(cluster, infoOf(error), now);
    }
    queue.add(now + random() * MAX_LATENCY_MS, (answered) => {
      const refusal = ca.order(cluster.order, answered);
      if (refusal === undefined) {
        cluster.issued = answered;
        return;
      }
      const { error, counted, until } = refusal;
      budget?.refused(cluster.order, counted, until, answered);
      fail(cluster, infoOf(limit?.onRefused(error, { exempt: false, turn }, answered) ?? error), answered);
    });
  };

  for (const cluster of all) wakeAt(cluster, random() * INSTALLATION_MS);
  queue.run();
  const errors = all.flatMap(({ promised, issued }) =>
    promised === undefined || issued === undefined ? [] : [Math.abs(issued - promised)],
  );
  return {
    rateLimited: ca.refused,
    lastIssuedDays: Math.max(...all.map(({ issued = Number.POSITIVE_INFINITY }) => issued)) / DAY_MS,
    optimumDays:
      Math.max(
        lastAt(NEW_ORDERS_PER_ACCOUNT, clusters),
        domains === undefined ? 0 : lastAt(CERTIFICATES_PER_DOMAIN, Math.ceil(clusters / domains)),
      ) / DAY_MS,
    promiseErrorP95: percentile(errors, 0.95) / 1000,
    attemptsPerMinute: Math.max(0, ...perMinute.values()),
  };
}

/** Let's Encrypt's limits, and how Boulder refuses. */
class SimulatedCa {
  refused = 0;
  readonly #ca = new LimitedCa(LIMITS);

  /** @returns the refusal, if it is one. */
  order(order: BudgetOrder, now: number): (Refusal & { readonly error: unknown }) | undefined {
    const refusal = this.#ca.order(order, now);
    if (refusal === undefined) return undefined;
    this.refused += 1;
    const detail =
      refusal.counted === 'account'
        ? 'too many new orders (300) from this account in the last 3h0m0s, retry after some time'
        : `too many certificates (50) already issued for "${order.domains[0]}" in the last 168h0m0s, retry after some time`;
    const problem = { type: 'urn:ietf:params:acme:error:rateLimited', detail };
    const seconds = Math.max(1, Math.round((refusal.until - now) / 1000));
    const answer = { status: 429, headers: { 'retry-after': String(seconds) }, data: problem };
    return { ...refusal, error: errorFromResponse(CA, 'the new order', answer, new Date(now)) };
  }
}

function newCluster(index: number, domains: number | undefined): Cluster {
  const key = `cluster-${index}/api`;
  const domain = domains === undefined ? GRANTED_DOMAIN : `domain-${index % domains}.example`;
  const order: BudgetOrder = {
    id: key,
    namespace: `cluster-${index}`,
    urgency: 'new',
    domains: [domain],
    nameSet: key,
    names: [],
  };
  return { key, order, wake: 0 };
}

/** When the last of so many is allowed, after the first. */
function lastAt({ burst, intervalMs }: RateLimit, count: number): number {
  return Math.max(0, count - burst) * intervalMs;
}

function fixedRetry({ notBefore = '' }: FailureInfo, attempts: number, now: number): number {
  const delay = RETRY_DELAYS_MS[Math.min(attempts, RETRY_DELAYS_MS.length) - 1] ?? DAY_MS;
  return Math.max(now + delay, Date.parse(notBefore));
}

function infoOf(error: unknown): FailureInfo {
  if (error instanceof CertmanError) return error.info;
  throw error;
}

function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}
