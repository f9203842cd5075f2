/**
 * The budget of a CA's account: when each order may be placed, so that the CA refuses none. Pure and deterministic; the
 * same calls with the same instants give the same answers. docs/decisions/ca-budget.md has the reasons.
 */

import { byKey, type Entry, insertByKey, newEntry } from './budget-entry.ts';
import { type BudgetOrder, isSameOrder, lineOf, scopeOf, scopesOf, URGENCIES, type Urgency } from './budget-order.ts';
import { type CaBudgetState, usedCalendars, waitingEntries, waitingRows } from './ca-budget-state.ts';
import type { CaLimits, Counted } from './ca-limits.ts';
import { FairTurns } from './fair-turns.ts';
import { allowedAt, type RateLimit, recordUse } from './gcra.ts';
import { type Slot, SlotCalendar } from './slot-calendar.ts';
import { WaitingSize } from './waiting-size.ts';

/** An order that does not come at its instant, because its workflow is gone, holds its turn for so long. */
const CLAIM_WITHIN_MS = 6 * 3_600_000;

/** Characters of the orders that wait: they must fit into the input of a workflow (2 MiB). Others ask again later. */
const MAX_WAITING_CHARACTERS = 1_700_000;

/** A new instant is announced only if it differs by so much from the last announced one, and by so large a part of the wait. */
const ANNOUNCED_FROM_MS = 60_000;
const ANNOUNCED_SHARE = 1 / 20;

/** The answer to an order. */
export interface Reservation {
  readonly id: string;
  /** When it may be placed: epoch milliseconds. */
  readonly at: number;
  /** It may be placed now, and was counted. Otherwise it asks again at `at`. */
  readonly granted: boolean;
  /** Where it waits: its place, of how many, and for what: `account`, `domain:<name>`, `exactSet:<digest>`. */
  readonly queue?: { readonly position: number; readonly of: number; readonly scope: string } | undefined;
}

/** An order that waits. */
export interface WaitingOrder {
  readonly id: string;
  readonly urgency: Urgency;
  /** When it may be placed: epoch milliseconds. */
  readonly at: number;
  /** The limit that decides that. */
  readonly scope: string;
}

/** What is left of one limit. */
export interface BudgetUsage {
  readonly scope: string;
  /** What is planned with: slightly less than the limit. */
  readonly burst: number;
  readonly left: number;
  /** When the next order would be allowed if none waited: epoch milliseconds. */
  readonly nextFree: number;
  /** After each of these, one more is allowed. Milliseconds. */
  readonly intervalMs: number;
  readonly waiting: number;
}

/** The budget of one account. Instants are epoch milliseconds and must not decrease from call to call. */
export class CaBudget {
  readonly #limits: Partial<CaLimits>;
  readonly #calendars = new Map<string, SlotCalendar<Entry>>();
  readonly #turns: readonly FairTurns[];
  readonly #entries = new Map<string, Entry>();
  /** Theoretical arrivals of failed authorizations, by name. */
  readonly #failures: Map<string, number>;
  /** Lost a slot to a more urgent order, and have no instant until they are settled. */
  #displaced: Entry[] = [];
  /** Orders with this key or a larger one may come earlier. */
  #freedBy = Number.POSITIVE_INFINITY;
  readonly #changed = new Set<Entry>();
  #sequence: number;
  readonly #size = new WaitingSize();

  /**
   * @param limits what is absent has no limit.
   * @param state of an earlier budget of the account; undefined: nothing is known to be used.
   */
  constructor(limits: Partial<CaLimits>, now: number, state?: CaBudgetState) {
    this.#limits = limits;
    this.#sequence = state?.sequence ?? 0;
    this.#failures = new Map(state?.failures);
    this.#turns = URGENCIES.map((_, index) => new FairTurns(state?.turns[index]));
    for (const [scope, calendar] of state?.calendars ?? []) {
      const limit = this.#limitOf(scope);
      if (limit !== undefined) this.#calendars.set(scope, new SlotCalendar(limit, now, calendar));
    }
    if (state !== undefined) for (const entry of waitingEntries(state)) this.#restore(entry);
    this.#settle(now);
  }

  /** How many orders wait. */
  get waiting(): number {
    return this.#entries.size;
  }

  /** When this order may be placed. Asked again with the same id, it keeps its place. */
  reserve(order: BudgetOrder, now: number): Reservation {
    return this.reserveAll([order], now)[0] as Reservation;
  }

  /** The same for several; the instants of others are worked out once. */
  reserveAll(orders: readonly BudgetOrder[], now: number): readonly Reservation[] {
    const entries = orders.map((order) => this.#entryOf(order));
    const unplaced = new Set(entries.filter(({ held, at }) => held.length === 0 || at <= now));
    for (const entry of [...unplaced].sort(byKey)) {
      this.#releaseSlots(entry);
      this.#place(entry, now);
    }
    this.#settle(now);
    const answers = entries.map((entry) => this.#answer(entry, now));
    for (const entry of entries) this.#changed.delete(entry);
    return answers;
  }

  /** The order is not wanted any more. */
  release(id: string): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    this.#leave(entry, false);
    this.#freedBy = Math.min(this.#freedBy, entry.key);
  }

  /** The CA refused an order by this limit until `until`. */
  refused(order: BudgetOrder, counted: Counted, until: number, now: number): void {
    const scopes = counted === 'domain' ? order.domains.map((domain) => `domain:${domain}`) : [scopeOf(order, counted)];
    for (const scope of scopes) {
      for (const entry of this.#entries.values()) {
        if (entry.held.some((slot) => slot.scope === scope)) this.#displace(entry);
      }
      this.#calendar(scope, now)?.blockUntil(until);
    }
    this.#settle(now);
  }

  /** The CA could not authorize a name. */
  failed(name: string, now: number): void {
    const { failedAuthorizations } = this.#limits;
    if (failedAuthorizations === undefined) return;
    this.#failures.set(name, recordUse(this.#failures.get(name), failedAuthorizations, now));
  }

  /** What was used before there was a budget. @param instants ascending. Call it before the first order. */
  usedBefore(scope: string, instants: readonly number[], now: number): void {
    this.#calendar(scope, now)?.usedBefore(instants);
  }

  /** The orders whose instants have changed since the last announcement, each once. */
  takeMoves(now: number): readonly Reservation[] {
    this.#settle(now);
    const moved = [...this.#changed].filter(
      ({ at, announced }) =>
        Math.abs(at - announced) > Math.max(ANNOUNCED_FROM_MS, (announced - now) * ANNOUNCED_SHARE),
    );
    this.#changed.clear();
    return moved.map((entry) => this.#answer(entry, now, false));
  }

  /** Drops what no longer matters: orders that did not come, limits and names of which nothing is used. */
  prune(now: number): void {
    for (const entry of this.#entries.values()) {
      if (Math.max(entry.at, entry.announced) + CLAIM_WITHIN_MS < now) this.release(entry.order.id);
    }
    for (const [scope, calendar] of this.#calendars) {
      if (calendar.waiting === 0 && calendar.isUnused(now)) this.#calendars.delete(scope);
    }
    for (const [name, arrival] of this.#failures) if (arrival <= now) this.#failures.delete(name);
    this.#settle(now);
  }

  /** What is left of each limit of which something is used or waited for. */
  usage(now: number): readonly BudgetUsage[] {
    return [...this.#calendars].map(([scope, calendar]) => ({
      scope,
      burst: calendar.burst,
      left: calendar.left(now),
      nextFree: calendar.nextFree(now),
      intervalMs: calendar.intervalMs,
      waiting: calendar.waiting,
    }));
  }

  /** The orders that wait, the first ones first. */
  queue(): readonly WaitingOrder[] {
    const entries = [...this.#entries.values()].sort((one, other) => one.at - other.at || byKey(one, other));
    return entries.map(({ order, at, scope }) => ({ id: order.id, urgency: order.urgency, at, scope }));
  }

  /** Everything, as plain data. */
  toState(now: number): CaBudgetState {
    this.prune(now);
    const entries = [...this.#entries.values()].sort(byKey);
    const waiting = new Set(entries.map(({ order }) => `${order.urgency} ${lineOf(order)} ${order.namespace}`));
    return {
      sequence: this.#sequence,
      turns: this.#turns.map((turns, urgency) =>
        turns.toState((domain, namespace) => waiting.has(`${URGENCIES[urgency]} ${domain} ${namespace}`)),
      ),
      failures: [...this.#failures],
      calendars: usedCalendars(this.#calendars, now),
      ...waitingRows(entries),
    };
  }

  #restore(entry: Entry): void {
    const { order, round } = entry;
    this.#add(entry);
    this.#turnsOf(order).rejoin(lineOf(order), order.namespace, round);
    this.#displaced.push(entry);
  }

  #entryOf(order: BudgetOrder): Entry {
    const known = this.#entries.get(order.id);
    if (known !== undefined && isSameOrder(known.order, order)) {
      // Its line and limits are those of its domains, which another Public Suffix List may tell otherwise.
      known.order = { ...order, domains: known.order.domains };
      return known;
    }
    if (known !== undefined) this.release(order.id);
    const round = this.#turnsOf(order).join(lineOf(order), order.namespace);
    this.#sequence += 1;
    const entry = newEntry(order, round, this.#sequence, 0);
    this.#add(entry);
    return entry;
  }

  /** Takes the earliest slots that no order as urgent holds. */
  #place(entry: Entry, now: number): void {
    const { order, key } = entry;
    const calendars = scopesOf(order).flatMap((scope) => {
      const calendar = this.#calendar(scope, now);
      return calendar === undefined ? [] : [{ scope, calendar }];
    });
    let slots: readonly Slot[] = [];
    let at = Math.max(now, this.#failuresEnd(order, now));
    entry.scope = calendars[0]?.scope ?? '';
    // Until one instant suits every limit.
    for (let previous = -1; previous < at; ) {
      previous = at;
      slots = calendars.map(({ scope, calendar }) => {
        const slot = calendar.earliest(at, key);
        if (slot.at > at) [at, entry.scope] = [slot.at, scope];
        return slot;
      });
    }
    entry.at = at;
    for (const [which, { scope, calendar }] of calendars.entries()) {
      const { index } = slots[which] as Slot;
      const victim = calendar.holder(index);
      if (victim !== undefined) this.#displace(victim);
      calendar.hold(index, key, entry);
      entry.held.push({ scope, index });
    }
  }

  /** Gives those that lost their slots new ones, the most urgent first: each is placed once. */
  #settle(now: number): void {
    if (this.#freedBy !== Number.POSITIVE_INFINITY) {
      for (const entry of this.#entries.values()) if (entry.key >= this.#freedBy) this.#displace(entry);
      this.#freedBy = Number.POSITIVE_INFINITY;
    }
    const queue = this.#displaced.sort(byKey);
    this.#displaced = [];
    for (let index = 0; index < queue.length; index += 1) {
      const entry = queue[index] as Entry;
      if (this.#entries.get(entry.order.id) !== entry) continue;
      this.#place(entry, now);
      this.#changed.add(entry);
      // Those that it displaced have larger keys than all that are placed so far.
      for (const victim of this.#displaced) insertByKey(queue, victim, index + 1);
      this.#displaced = [];
    }
  }

  #displace(entry: Entry): void {
    if (entry.held.length === 0) return;
    this.#releaseSlots(entry);
    this.#displaced.push(entry);
  }

  #releaseSlots(entry: Entry): void {
    for (const { scope, index } of entry.held) this.#calendars.get(scope)?.release(index);
    entry.held = [];
  }

  #answer(entry: Entry, now: number, mayGrant = true): Reservation {
    const { order, at, held, scope } = entry;
    entry.announced = at;
    if (mayGrant && at <= now) {
      for (const slot of held) this.#calendars.get(slot.scope)?.use(slot.index, now);
      entry.held = [];
      this.#leave(entry, true);
      return { id: order.id, at, granted: true };
    }
    const index = held.find((slot) => slot.scope === scope)?.index;
    const calendar = this.#calendars.get(scope);
    const queue =
      index === undefined || calendar === undefined
        ? undefined
        : { position: calendar.before(index) + 1, of: calendar.waiting, scope };
    // Announced, but not remembered: it asks again, as one that comes then.
    if (mayGrant && this.#size.characters > MAX_WAITING_CHARACTERS) this.#leave(entry, false);
    return { id: order.id, at, granted: false, queue };
  }

  #add(entry: Entry): void {
    this.#entries.set(entry.order.id, entry);
    this.#size.add(entry.order);
  }

  #leave(entry: Entry, placed: boolean): void {
    if (this.#entries.get(entry.order.id) !== entry) return;
    this.#releaseSlots(entry);
    this.#entries.delete(entry.order.id);
    this.#size.remove(entry.order);
    this.#changed.delete(entry);
    this.#turnsOf(entry.order).leave(lineOf(entry.order), entry.order.namespace, entry.round, placed);
  }

  #calendar(scope: string, now: number): SlotCalendar<Entry> | undefined {
    const known = this.#calendars.get(scope);
    if (known !== undefined) {
      known.advance(now);
      return known;
    }
    const limit = this.#limitOf(scope);
    if (limit === undefined) return undefined;
    const created = new SlotCalendar<Entry>(limit, now);
    this.#calendars.set(scope, created);
    return created;
  }

  #limitOf(scope: string): RateLimit | undefined {
    const { account, domain, domainOverrides, exactSet } = this.#limits;
    if (scope === 'account') return account;
    return scope.startsWith('domain:') ? (domainOverrides?.get(scope.slice('domain:'.length)) ?? domain) : exactSet;
  }

  #failuresEnd({ names, exemption }: BudgetOrder, now: number): number {
    const { failedAuthorizations } = this.#limits;
    if (exemption === 'ari' || failedAuthorizations === undefined) return now;
    const ends = names.map((name) => allowedAt(this.#failures.get(name), failedAuthorizations, now));
    const end = Math.max(now, ...ends);
    return end > now ? Math.ceil(end) : now;
  }

  #turnsOf({ urgency }: BudgetOrder): FairTurns {
    return this.#turns[URGENCIES.indexOf(urgency)] as FairTurns;
  }
}
