/**
 * Simulates clusters that are installed in the same minute, each with one new order, under the CA's limit of new orders
 * per account, in virtual time: the limit as Let's Encrypt keeps it (GCRA), and certman's retry schedule and turns.
 */
import { NewOrderLimit } from '../../../src/acme/new-order-limit.ts';
import { errorFromResponse } from '../../../src/acme/problems.ts';
import { stableFraction } from '../../../src/certificates/digest.ts';
import { RETRY_DELAYS_MS } from '../../../src/certificates/retry-schedule.ts';
import { type ScheduledRetry, scheduleRetry } from '../../../src/certificates/scheduled-retry.ts';
import { CertmanError, type FailureInfo, isTurn } from '../../../src/failures/failure.ts';
import { allowedAt, recordUse } from '../../../src/rate-limit/gcra.ts';
import { NEW_ORDERS_PER_ACCOUNT } from '../../../src/rate-limit/limits.ts';

const CA = 'acme-v02.api.letsencrypt.org';
const INSTALLATION_MS = 60_000;
const DAY_MS = 24 * 3_600_000;
/** An evaluation and the request, each: at most. */
const MAX_LATENCY_MS = 2_000;

/**
 * - `turns`: certman's.
 * - `jitter`: certman's retry schedule alone.
 * - `fixed`: each by itself, by the same delays without jitter, never before Retry-After.
 */
export type OnboardingPolicy = 'turns' | 'jitter' | 'fixed';

/** What is simulated. */
export interface OnboardingOptions {
  readonly clusters: number;
  readonly policy: OnboardingPolicy;
  /** Worker processes; each has turns of its own. */
  readonly workers: number;
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
  previous?: ScheduledRetry;
  promised?: number;
  issued?: number;
}

/** Runs the simulation; the same options give the same result. */
export function simulateOnboarding({ clusters, policy, workers }: OnboardingOptions): OnboardingResult {
  const account = new LimitedAccount();
  const limits = Array.from({ length: workers }, () => new NewOrderLimit());
  const perMinute = new Map<number, number>();
  const queue = new EventQueue();
  const all = Array.from({ length: clusters }, (_, index): Cluster => ({ key: `cluster-${index}/api` }));

  let draws = 0;
  const random = (): number => stableFraction(`draw ${draws++}`);
  const countAttempt = (now: number): void => {
    const minute = Math.floor(now / 60_000);
    if (minute > 2) perMinute.set(minute, (perMinute.get(minute) ?? 0) + 1);
  };
  const fail = (cluster: Cluster, failure: FailureInfo, now: number): void => {
    const retry = scheduleRetry(failure, now, cluster.key, cluster.previous);
    const next = policy === 'fixed' ? fixedRetry(failure, retry.attempts, now) : Date.parse(retry.nextAttempt);
    cluster.previous = retry;
    cluster.promised ??= next;
    queue.add(next, (at) => evaluate(cluster, at));
  };
  const evaluate = (cluster: Cluster, at: number): void => {
    countAttempt(at);
    queue.add(at + random() * MAX_LATENCY_MS, (now) => placeOrder(cluster, now));
  };
  const placeOrder = (cluster: Cluster, now: number): void => {
    const limit = policy === 'turns' ? limits[Math.floor(random() * workers)] : undefined;
    const { failure } = cluster.previous ?? {};
    const turn = failure !== undefined && isTurn(failure.code) ? Date.parse(failure.notBefore ?? '') : undefined;
    try {
      limit?.admit(CA, { exempt: false, turn }, now);
    } catch (error) {
      return fail(cluster, infoOf(error), now);
    }
    queue.add(now + random() * MAX_LATENCY_MS, (answered) => {
      const refusal = account.order(answered);
      if (refusal === undefined) cluster.issued = answered;
      else fail(cluster, infoOf(limit?.onRefused(refusal, { exempt: false, turn }, answered) ?? refusal), answered);
    });
  };

  for (const cluster of all) queue.add(random() * INSTALLATION_MS, (at) => evaluate(cluster, at));
  queue.run();
  const errors = all.flatMap(({ promised, issued }) =>
    promised === undefined || issued === undefined ? [] : [Math.abs(issued - promised)],
  );
  return {
    rateLimited: account.refused,
    lastIssuedDays: Math.max(...all.map(({ issued = Number.POSITIVE_INFINITY }) => issued)) / DAY_MS,
    optimumDays: (Math.max(0, clusters - NEW_ORDERS_PER_ACCOUNT.burst) * NEW_ORDERS_PER_ACCOUNT.intervalMs) / DAY_MS,
    promiseErrorP95: percentile(errors, 0.95) / 1000,
    attemptsPerMinute: Math.max(0, ...perMinute.values()),
  };
}

/** Let's Encrypt's limit of new orders, and how Boulder refuses. */
class LimitedAccount {
  refused = 0;
  #arrival: number | undefined;

  /** @returns the refusal, if it is one. */
  order(now: number): CertmanError | undefined {
    const allowed = allowedAt(this.#arrival, NEW_ORDERS_PER_ACCOUNT, now);
    if (allowed <= now) {
      this.#arrival = recordUse(this.#arrival, NEW_ORDERS_PER_ACCOUNT, now);
      return undefined;
    }
    this.refused += 1;
    const problem = {
      type: 'urn:ietf:params:acme:error:rateLimited',
      detail: 'too many new orders (300) from this account in the last 3h0m0s, retry after some time',
    };
    const seconds = Math.max(1, Math.round((allowed - now) / 1000));
    const answer = { status: 429, headers: { 'retry-after': String(seconds) }, data: problem };
    return errorFromResponse(CA, 'the new order', answer, new Date(now));
  }
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

interface Event {
  readonly at: number;
  readonly run: (at: number) => void;
}

/** Runs events in the order of their instants. A binary heap. */
class EventQueue {
  readonly #heap: Event[] = [];

  add(at: number, run: Event['run']): void {
    const heap = this.#heap;
    let index = heap.push({ at, run }) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (this.#at(parent) <= this.#at(index)) break;
      this.#swap(index, parent);
      index = parent;
    }
  }

  run(): void {
    for (let next = this.#take(); next !== undefined; next = this.#take()) next.run(next.at);
  }

  #take(): Event | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return first;
    heap[0] = last;
    for (let index = 0; ; ) {
      const [left, right] = [2 * index + 1, 2 * index + 2];
      const least = this.#at(right) < this.#at(left) ? right : left;
      if (this.#at(least) >= this.#at(index)) return first;
      this.#swap(index, least);
      index = least;
    }
  }

  #at(index: number): number {
    return this.#heap[index]?.at ?? Number.POSITIVE_INFINITY;
  }

  #swap(one: number, other: number): void {
    const heap = this.#heap;
    [heap[one], heap[other]] = [heap[other] as Event, heap[one] as Event];
  }
}
