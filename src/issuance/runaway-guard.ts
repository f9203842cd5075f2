import { LRUCache } from 'lru-cache';
import { maxEntries } from '../cache/max-entries.ts';
import { nameSetDigest } from '../certificates/digest.ts';
import { normalizeName } from '../certificates/dns-name.ts';
import { counted } from '../failures/counted.ts';
import { CertmanError } from '../failures/failure.ts';
import { TimeLimit } from '../network/time-limit.ts';
import {
  MAX_CERTIFICATES_PER_SET,
  MAX_ORDERS_PER_SET,
  nextAllowedAt,
  orderPeriodMs,
  runawayPeriodMs,
} from '../rate-limit/runaway-limit.ts';

/** An order does not wait longer for what visibility knows. */
const LIST_TIMEOUT_MS = 10_000;

/** Sets whose orders this process remembers. */
const MAX_SETS = 20_000;

/** Clusters that a failure names. */
const MAX_NAMED = 3;

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** A certificate that was issued for a set of names. */
export interface IssuanceOfSet {
  /** Epoch milliseconds. */
  readonly closeTime: number;
  /** The first ten. */
  readonly dnsNames: readonly string[];
  /** `<management cluster> <namespace>/<name>` of what ordered it. */
  readonly cluster: string;
}

/** What a guard needs from the worker. */
export interface RunawayGuardOptions {
  /**
   * Certificates for a set (`nameSetDigest`) of all clusters of the Temporal namespace, the newest first.
   * @param closedSince epoch milliseconds.
   */
  readonly list: (nameSet: string, closedSince: number, signal: AbortSignal) => AsyncIterable<IssuanceOfSet>;
  readonly onOutcome?: (outcome: (typeof GUARD_OUTCOMES)[number]) => void;
}

/** Of a check; `unavailable`: visibility did not answer, and what this process knows decided. */
export const GUARD_OUTCOMES = ['passed', 'refused', 'unavailable'] as const;

/** An order that is to be placed. */
export interface GuardedOrder {
  readonly dnsNames: readonly string[];
  /** Of the certificates of the set; undefined when not known. */
  readonly lifetimeMs?: number | undefined;
  /** A person wants it all the same: only what this process has ordered counts. */
  readonly exceedLimit?: true | undefined;
}

/**
 * No runaway: refuses an order for names for which too many certificates were issued, whatever asks (docs/decisions/no-runaway.md).
 * Visibility has the certificates of all workers, management clusters and CAs; a process also counts its own orders, so that
 * an outage of visibility, or orders that all fail, end no bound.
 */
export class RunawayGuard {
  readonly #options: RunawayGuardOptions;
  /** Instants of this process's orders (epoch milliseconds), the newest last, by set. */
  readonly #orders = new LRUCache<string, readonly number[]>(maxEntries(MAX_SETS));

  constructor(options: RunawayGuardOptions) {
    this.#options = options;
  }

  /** Call before newOrder. @throws CertmanError `rateLimit/runaway` with the instant of the next order. */
  async require(order: GuardedOrder, signal: AbortSignal): Promise<void> {
    const { onOutcome } = this.#options;
    const names = new Set(order.dnsNames.map(normalizeName));
    const nameSet = nameSetDigest([...names]);
    const periodMs = runawayPeriodMs(order.lifetimeMs);
    const now = Date.now();
    const own = this.#orders.get(nameSet) ?? [];
    const refuse = (at: number, what: string): never => {
      onOutcome?.('refused');
      throw runawayError(at, `${what}, within ${timeText(periodMs)}`, EXCEEDABLE);
    };
    const ownPeriodMs = orderPeriodMs(order.lifetimeMs);
    const ownAt = nextAllowedAt(own, MAX_ORDERS_PER_SET, ownPeriodMs, now);
    if (ownAt !== undefined) {
      onOutcome?.('refused');
      throw runawayError(ownAt, `${MAX_ORDERS_PER_SET} orders by this worker, within ${timeText(ownPeriodMs)}`);
    }
    if (order.exceedLimit === true) return onOutcome?.('passed');
    const found = await this.#issuances(nameSet, names, now - periodMs, signal);
    if (found === undefined) {
      const at = nextAllowedAt(own, MAX_CERTIFICATES_PER_SET, periodMs, now);
      if (at !== undefined)
        refuse(at, `${MAX_CERTIFICATES_PER_SET} orders by this worker, and Temporal's visibility does not answer`);
      return onOutcome?.('unavailable');
    }
    const instants = found.map(({ closeTime }) => closeTime);
    const at = nextAllowedAt(instants, MAX_CERTIFICATES_PER_SET, periodMs, now);
    if (at !== undefined) refuse(at, `${MAX_CERTIFICATES_PER_SET} certificates, ordered by ${orderedBy(found)}`);
    onOutcome?.('passed');
  }

  /** Call after newOrder has succeeded. */
  ordered({ dnsNames }: Pick<GuardedOrder, 'dnsNames'>): void {
    const nameSet = nameSetDigest([...new Set(dnsNames.map(normalizeName))]);
    const before = this.#orders.get(nameSet) ?? [];
    this.#orders.set(nameSet, [...before, Date.now()].slice(-MAX_ORDERS_PER_SET));
  }

  /** Undefined: visibility does not answer. */
  async #issuances(
    nameSet: string,
    names: ReadonlySet<string>,
    closedSince: number,
    signal: AbortSignal,
  ): Promise<readonly IssuanceOfSet[] | undefined> {
    const found: IssuanceOfSet[] = [];
    const limit = new TimeLimit(LIST_TIMEOUT_MS, signal);
    try {
      for await (const issuance of this.#options.list(nameSet, closedSince, limit.signal)) {
        // The digest is short, and others may have found names that have the same.
        if (issuance.dnsNames.every((name) => names.has(normalizeName(name)))) found.push(issuance);
        if (found.length >= MAX_CERTIFICATES_PER_SET) break;
      }
      return found;
    } catch {
      signal.throwIfAborted();
      return undefined;
    } finally {
      limit.end();
    }
  }
}

function orderedBy(found: readonly IssuanceOfSet[]): string {
  const counts = new Map<string, number>();
  for (const { cluster } of found) counts.set(cluster, (counts.get(cluster) ?? 0) + 1);
  const sorted = [...counts].sort(([, one], [, other]) => other - one);
  const named = sorted.slice(0, MAX_NAMED).map(([cluster, count]) => `${cluster} (${count})`);
  const others = sorted.length - named.length;
  return `${named.join(', ')}${others > 0 ? ` and ${counted(others, 'other')}` : ''}`;
}

function timeText(ms: number): string {
  if (ms > DAY_MS) return counted(Math.round(ms / DAY_MS), 'day');
  return ms > HOUR_MS ? counted(Math.round(ms / HOUR_MS), 'hour') : counted(Math.ceil(ms / 60_000), 'minute');
}

const EXCEEDABLE = '; where one is needed at once, as for a compromised key: certman renew --exceed-limit';

function runawayError(at: number, what: string, exception = ''): CertmanError {
  const notBefore = new Date(at);
  return new CertmanError({
    code: 'rateLimit/runaway',
    message: `Nothing was ordered: for exactly these names, there were ${what}. No more are ordered, whatever asks.`,
    remedy: `Find out what keeps ordering them. The next one is ordered at ${notBefore.toISOString()}${exception}.`,
    notBefore,
  });
}
