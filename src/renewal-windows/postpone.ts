import type { Postponement } from '../certificates/postponement.ts';
import { rulePeriodEndingAfter } from './recurrence.ts';
import { type RenewalWindows } from './rules.ts';

/** Renewals that wait for the same opening are spread over it, so that they do not start in the same minute. */
const MAX_SPREAD_MS = 86_400_000;
/** Of a window: its last part is left to orders that take long, and to retries. */
const SPREAD_SHARE = 0.8;
/** Closures that follow each other, after which none is looked for any more. */
const MAX_STEPS = 200;

/** A renewal that is due. Epoch milliseconds. */
export interface DueRenewal {
  /** When it was due. */
  readonly plannedAt: number;
  /** It is postponed until then at most. */
  readonly latest: number;
  readonly now: number;
  /** From 0 to 1, constant for a certificate: its place among those that wait for the same opening. */
  readonly fraction: number;
}

/** Why no renewal may start at an instant, and when that ends (epoch milliseconds; infinite: never). */
export interface Closure {
  readonly reason: 'OutsideWindow' | 'Frozen';
  /** Of the freeze, or of the window that opens next; undefined: none does. */
  readonly name: string | undefined;
  readonly until: number;
}

/** Postpones a renewal that is due by the rules for its cluster; undefined: it may start now. */
export function postponeByWindows(rules: RenewalWindows, due: DueRenewal): Postponement | undefined {
  const { plannedAt, latest, now } = due;
  if (now >= latest) return undefined;
  // By the planned instant, so that it is the same at each evaluation.
  const planned = startFrom(rules, plannedAt, due);
  const chosen = planned.at > now || closureAt(rules, now) === undefined ? planned : startFrom(rules, now, due);
  if (chosen.at <= now || chosen.closure === undefined) return undefined;
  return {
    reason: chosen.closure.reason,
    plannedTime: new Date(plannedAt).toISOString(),
    until: new Date(chosen.at).toISOString(),
    message: describeClosure(chosen.closure, chosen.at >= latest),
  };
}

/** The clause for people. @param isLatest it is renewed before the closure ends. */
export function describeClosure({ reason, name }: Closure, isLatest: boolean): string {
  const why =
    reason === 'Frozen'
      ? `the freeze ${name} is on`
      : `no renewal window is open (${name === undefined ? 'none opens any more' : `next: ${name}`})`;
  return isLatest ? `${why}; it cannot wait for the end of that` : why;
}

/** When a renewal that may start from `from` on does. */
function startFrom(
  rules: RenewalWindows,
  from: number,
  { latest, fraction }: DueRenewal,
): { readonly at: number; readonly closure: Closure | undefined } {
  const opening = nextOpening(rules, from, latest);
  if (opening === undefined) return { at: latest, closure: closureAt(rules, from) };
  const { start, end, closure } = opening;
  if (closure === undefined) return { at: start, closure };
  const spread = Math.min(MAX_SPREAD_MS, (end - start) * SPREAD_SHARE, latest - start);
  // Whole seconds, as instants are shown.
  return { at: Math.floor((start + fraction * spread) / 1000) * 1000, closure };
}

/** When renewals may start. Epoch milliseconds; an infinite end: it is not known. */
export interface Opening {
  readonly start: number;
  readonly end: number;
  /** What keeps them from starting earlier; undefined: nothing does. */
  readonly closure: Closure | undefined;
}

/** The first opening at or after `from`; undefined: none until `latest` (epoch milliseconds). */
export function nextOpening(rules: RenewalWindows, from: number, latest: number): Opening | undefined {
  let start = from;
  let first: Closure | undefined;
  for (let step = 0; step < MAX_STEPS && start <= latest; step += 1) {
    const closure = closureAt(rules, start);
    if (closure === undefined) return { start, end: endOfOpening(rules, start), closure: first };
    first ??= closure;
    start = closure.until;
  }
  return undefined;
}

/** What is closed at an instant; undefined: a renewal may start. A freeze goes before windows. */
export function closureAt({ windows, freezes }: RenewalWindows, at: number): Closure | undefined {
  for (const { name, period } of freezes) {
    const found = rulePeriodEndingAfter(period, at);
    if (found !== undefined && found.start <= at) return { reason: 'Frozen', name, until: found.end };
  }
  if (windows.length === 0) return undefined;
  let next: Closure = { reason: 'OutsideWindow', name: undefined, until: Number.POSITIVE_INFINITY };
  for (const { name, period } of windows) {
    const found = rulePeriodEndingAfter(period, at);
    if (found === undefined) continue;
    if (found.start <= at) return undefined;
    if (found.start < next.until) next = { reason: 'OutsideWindow', name, until: found.start };
  }
  return next;
}

function endOfOpening({ windows, freezes }: RenewalWindows, at: number): number {
  let end = windows.length === 0 ? Number.POSITIVE_INFINITY : at;
  for (const { period } of windows) {
    const found = rulePeriodEndingAfter(period, at);
    if (found !== undefined && found.start <= at) end = Math.max(end, found.end);
  }
  for (const { period } of freezes) {
    const found = rulePeriodEndingAfter(period, at);
    if (found !== undefined) end = Math.min(end, found.start);
  }
  return end;
}
