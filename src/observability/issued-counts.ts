/** From the issuances that Temporal completed: every process counts the same, and a restart loses nothing. */
import { ORDER_REASONS, type OrderReason } from '../certificates/renewal-policy.ts';

const DAY_MS = 86_400_000;
const WEEK_MS = 7 * DAY_MS;

/** Visibility lags behind the execution, by seconds as a rule. Issuances that are listed twice are recognized by their run ID. */
const OVERLAP_MS = 60_000;
/** Of the listing that finds what visibility shows later than that. */
const LATE_OVERLAP_MS = 10 * 60_000;
const LATE_INTERVAL_MS = 5 * 60_000;

/** A completed issuance in the visibility store. */
export interface ClosedIssuance {
  readonly runId: string;
  /** Epoch milliseconds. */
  readonly startTime: number;
  readonly closeTime: number;
  /** The first ten. */
  readonly dnsNames: readonly string[];
  /** Digest of the exact set of names. */
  readonly nameSet: string | undefined;
  /** Why it was ordered: an OrderReason. */
  readonly reason?: string;
}

/** Lists issuances completed at or after an instant (epoch milliseconds), in any order. */
export type ListCompletedIssuances = (closedSince: number, signal: AbortSignal) => AsyncIterable<ClosedIssuance>;

/** Counts at one instant. */
export interface IssuedCounts {
  readonly lastDay: DomainCounts;
  readonly lastWeek: DomainCounts;
  /** By why they were ordered, those of no known reason left out; a reason without any has none. */
  readonly lastDayByReason: Readonly<Partial<Record<OrderReason, number>>>;
  /** Of the last week, beyond the first of their exact set of names, except up to three scheduled renewals. */
  readonly duplicatesInLastWeek: number;
}

/** A certificate counts once for a domain, whatever the number of its names there. */
export interface DomainCounts {
  readonly openshiftCom: number;
  readonly openshiftAppsCom: number;
}

const RENEWAL_REASONS: ReadonlySet<string | undefined> = new Set<OrderReason>([
  'RenewalDue',
  'SuggestedByCa',
  'Expired',
]);

/** Certificates of six days are renewed every three or four days, up to three times a week. More is a defect. */
const MAX_RENEWALS_PER_WEEK = 3;

/** @param now epoch milliseconds. */
export function countIssued(issuances: Iterable<ClosedIssuance>, now: number): IssuedCounts {
  const lastWeek = [...issuances].filter(({ closeTime }) => now - closeTime < WEEK_MS);
  const lastDay = lastWeek.filter(({ closeTime }) => now - closeTime < DAY_MS);
  const withNameSet = lastWeek.filter(({ nameSet }) => nameSet !== undefined);
  const byNameSet = Map.groupBy(withNameSet, ({ nameSet }) => nameSet);
  return {
    lastDay: domainCounts(lastDay),
    lastWeek: domainCounts(lastWeek),
    lastDayByReason: countByReason(lastDay),
    duplicatesInLastWeek: [...byNameSet.values()].reduce((sum, same) => sum + duplicatesAmong(same), 0),
  };
}

function countByReason(issuances: readonly ClosedIssuance[]): IssuedCounts['lastDayByReason'] {
  const counts = ORDER_REASONS.map(
    (known) => [known, issuances.filter(({ reason }) => reason === known).length] as const,
  );
  return Object.fromEntries(counts.filter(([, count]) => count > 0));
}

function domainCounts(issuances: readonly ClosedIssuance[]): DomainCounts {
  const under = (domain: string) =>
    issuances.filter(({ dnsNames }) => dnsNames.some((name) => name.toLowerCase().endsWith(`.${domain}`))).length;
  return { openshiftCom: under('openshift.com'), openshiftAppsCom: under('openshiftapps.com') };
}

/** @param issuances of one set of names in one week, at least one. */
function duplicatesAmong(issuances: readonly ClosedIssuance[]): number {
  const due = issuances.filter(({ reason }) => RENEWAL_REASONS.has(reason));
  const first = issuances.reduce((one, other) => (other.closeTime < one.closeTime ? other : one));
  const expected = Math.min(due.length, MAX_RENEWALS_PER_WEEK) + Number(!RENEWAL_REASONS.has(first.reason));
  return issuances.length - expected;
}

/** The issuances of the last week. The first refresh lists it all, later ones what closed since; one runs at a time. */
export class IssuanceHistory {
  readonly #list: ListCompletedIssuances;
  readonly #onNew: (issuance: ClosedIssuance) => void;
  readonly #known = new Map<string, ClosedIssuance>();
  #listedUntil: number | undefined;
  /** By the last listing with the longer overlap. */
  #lateListedUntil: number | undefined;
  #running: Promise<number> | undefined;

  /** @param onNew called for each issuance that a refresh after the first one finds. */
  constructor(list: ListCompletedIssuances, onNew: (issuance: ClosedIssuance) => void = () => undefined) {
    this.#list = list;
    this.#onNew = onNew;
  }

  /**
   * @returns how many issuances were listed, known ones included.
   * @throws the error of the listing; the known issuances are kept, and the next refresh lists the rest again.
   */
  refresh(now: number, signal: AbortSignal): Promise<number> {
    this.#running ??= this.#refresh(now, signal).finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #refresh(now: number, signal: AbortSignal): Promise<number> {
    const first = this.#listedUntil === undefined;
    const listsLate = now - (this.#lateListedUntil ?? 0) >= LATE_INTERVAL_MS;
    const overlapped = listsLate
      ? (this.#lateListedUntil ?? 0) - LATE_OVERLAP_MS
      : (this.#listedUntil ?? 0) - OVERLAP_MS;
    const found = new Map<string, ClosedIssuance>();
    let listed = 0;
    for await (const issuance of this.#list(Math.max(overlapped, now - WEEK_MS), signal)) {
      listed += 1;
      if (!this.#known.has(issuance.runId)) found.set(issuance.runId, issuance);
    }
    for (const [runId, issuance] of found) {
      this.#known.set(runId, issuance);
      if (!first) this.#onNew(issuance);
    }
    for (const [runId, issuance] of this.#known) {
      if (now - issuance.closeTime >= WEEK_MS + LATE_OVERLAP_MS) this.#known.delete(runId);
    }
    this.#listedUntil = now;
    if (listsLate) this.#lateListedUntil = now;
    return listed;
  }

  /** Without a listing. @returns undefined before the first refresh. */
  counts(now: number): IssuedCounts | undefined {
    return this.#listedUntil === undefined ? undefined : countIssued(this.#known.values(), now);
  }
}
