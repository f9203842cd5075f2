/**
 * Turns requests to publish and withdraw TXT values of one zone into Route 53 change batches. Pure.
 *
 * A record set is all values of one name, and a change replaces it whole: `x` and `*.x` are answered under one name, and
 * other programs may have values there. So every plan starts from the sets as they were just read (`KnownSets`), and says
 * so to Route 53: CREATE is refused when a set has come into being since, DELETE when it has changed. A DELETE and a CREATE
 * of one name in one batch, which is carried out whole or not at all, are a compare-and-swap; workers in several pods, and
 * programs that are not ours, cannot overwrite each other.
 */

import { type TxtRecord } from '../../certificates/dns-name.ts';
import { quoteTxt } from './record-format.ts';

/** TTL in seconds of the record sets that certman makes. */
export const TXT_TTL_SECONDS = 60;

/** What somebody wants done; the records of one request are of one zone, names normalized. */
export interface TxtRequest {
  readonly action: 'publish' | 'withdraw';
  readonly records: readonly TxtRecord[];
}

/** All TXT values of one name; `values` as Route 53 writes them, quoted. */
export interface TxtRecordSet {
  readonly name: string;
  readonly ttlSeconds: number;
  readonly values: readonly string[];
}

/** What is there, by name; a name that is absent has no TXT record. */
export type TxtRecordSets = ReadonlyMap<string, TxtRecordSet>;

export interface TxtChange {
  readonly action: 'CREATE' | 'DELETE' | 'UPSERT';
  readonly set: TxtRecordSet;
}

/** A batch of changes that Route 53 has taken, as one; `inSync` once all of its servers have it. */
export interface SubmittedChange {
  readonly id: string;
  readonly inSync: boolean;
}

/**
 * `compare`: refused when what is there is not what was read. `overwrite`: UPSERT, for an API that refuses the former
 * although what it lists has not changed.
 */
export type ChangeMode = 'compare' | 'overwrite';

/** Quotas of ChangeResourceRecordSets (Route 53 developer guide, "Quotas", "Maximums on API requests"). */
export interface BatchLimits {
  /** ResourceRecord elements, those of an UPSERT counted twice. */
  readonly elements: number;
  /** Characters of all Value elements, those of an UPSERT counted twice. */
  readonly characters: number;
}

export const ROUTE53_BATCH_LIMITS: BatchLimits = Object.freeze({ elements: 1_000, characters: 32_000 });

/** The sets as they are once `requests`, in this order, have been carried out. */
export function applyRequests(known: TxtRecordSets, requests: readonly TxtRequest[]): TxtRecordSets {
  const sets = new Map(known);
  for (const { action, records } of requests) {
    for (const { name, value } of records) {
      const changed =
        action === 'publish' ? withValue(name, sets.get(name), value) : withoutValue(sets.get(name), value);
      if (changed === undefined) sets.delete(name);
      else sets.set(name, changed);
    }
  }
  // What comes and goes again leaves the set untouched, its TTL and order included.
  for (const name of namesOf(requests)) {
    const set = known.get(name);
    if (set !== undefined && hasSameValues(set, sets.get(name))) sets.set(name, set);
  }
  return sets;
}

function withValue(name: string, set: TxtRecordSet | undefined, value: string): TxtRecordSet {
  const quoted = quoteTxt(value);
  if (set === undefined) return { name, ttlSeconds: TXT_TTL_SECONDS, values: [quoted] };
  if (set.values.includes(quoted)) return set;
  return { name, ttlSeconds: Math.min(set.ttlSeconds, TXT_TTL_SECONDS), values: [...set.values, quoted] };
}

function withoutValue(set: TxtRecordSet | undefined, value: string): TxtRecordSet | undefined {
  const quoted = quoteTxt(value);
  if (set === undefined || !set.values.includes(quoted)) return set;
  const values = set.values.filter((kept) => kept !== quoted);
  return values.length === 0 ? undefined : { ...set, values };
}

/** The changes that lead from what is there to what is wanted; names that stay as they are give none. */
export function planChanges(
  known: TxtRecordSets,
  requests: readonly TxtRequest[],
  mode: ChangeMode = 'compare',
): readonly TxtChange[] {
  const wanted = applyRequests(known, requests);
  return [...namesOf(requests)].flatMap((name) => changesOf(known.get(name), wanted.get(name), mode));
}

function changesOf(
  before: TxtRecordSet | undefined,
  after: TxtRecordSet | undefined,
  mode: ChangeMode,
): readonly TxtChange[] {
  if (hasSameValues(before, after)) return [];
  if (after === undefined) return before === undefined ? [] : [{ action: 'DELETE', set: before }];
  if (mode === 'overwrite') return [{ action: 'UPSERT', set: after }];
  const create: TxtChange = { action: 'CREATE', set: after };
  return before === undefined ? [create] : [{ action: 'DELETE', set: before }, create];
}

/** Whether two sets hold the same values, in whatever order. */
export function hasSameValues(a: TxtRecordSet | undefined, b: TxtRecordSet | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.values.length === b.values.length && a.values.every((value) => b.values.includes(value));
}

/** What changes count towards the limits. */
export function quotaCost(changes: readonly TxtChange[]): BatchLimits {
  let elements = 0;
  let characters = 0;
  for (const { action, set } of changes) {
    const times = action === 'UPSERT' ? 2 : 1;
    elements += times * set.values.length;
    for (const value of set.values) characters += times * value.length;
  }
  return { elements, characters };
}

export function namesOf(requests: readonly TxtRequest[]): ReadonlySet<string> {
  return new Set(requests.flatMap((request) => request.records.map((record) => record.name)));
}

/**
 * Cuts requests, in their order, into groups that fit one batch each. A request that does not fit alone is cut by names
 * into parts of its own; a name that does not fit alone is a group for the API to refuse.
 *
 * `known` is what is there before the first group; the plan of each further group starts where the one before left off.
 */
export function packRequests<Request extends TxtRequest>(
  known: TxtRecordSets,
  requests: readonly Request[],
  mode: ChangeMode = 'compare',
  limits: BatchLimits = ROUTE53_BATCH_LIMITS,
): readonly (readonly Request[])[] {
  const groups: Request[][] = [];
  let group: Request[] = [];
  /** What is there when the group is sent, and once it has been; the latter only where it differs. */
  let before = known;
  let after = new Map<string, TxtRecordSet | undefined>();
  const costs = new Map<string, BatchLimits>();
  const close = (): void => {
    groups.push(group);
    before = applyRequests(before, group);
    after = new Map();
    costs.clear();
    group = [];
  };
  const add = (request: Request): boolean => {
    const names = namesOf([request]);
    const now = new Map<string, TxtRecordSet>();
    for (const name of names) {
      const set = after.has(name) ? after.get(name) : before.get(name);
      if (set !== undefined) now.set(name, set);
    }
    const then = applyRequests(now, [request]);
    const changed = [...names].map(
      (name) => [name, quotaCost(changesOf(before.get(name), then.get(name), mode))] as const,
    );
    const total = totalCost(costs, new Map(changed));
    if (total.elements > limits.elements || total.characters > limits.characters) return false;
    for (const [name, cost] of changed) costs.set(name, cost);
    for (const name of names) after.set(name, then.get(name));
    group.push(request);
    return true;
  };
  const take = (request: Request): void => {
    if (add(request)) return;
    if (group.length > 0) {
      close();
      take(request);
      return;
    }
    const parts = splitByName(request);
    if (parts.length > 1) for (const part of parts) take(part);
    else {
      group.push(request);
      close();
    }
  };
  for (const request of requests) take(request);
  if (group.length > 0) close();
  return groups;
}

/** Costs by name, those of `changed` in the place of the earlier ones. */
function totalCost(costs: ReadonlyMap<string, BatchLimits>, changed: ReadonlyMap<string, BatchLimits>): BatchLimits {
  let elements = 0;
  let characters = 0;
  const add = (cost: BatchLimits): void => {
    elements += cost.elements;
    characters += cost.characters;
  };
  for (const [name, cost] of costs) if (!changed.has(name)) add(cost);
  for (const cost of changed.values()) add(cost);
  return { elements, characters };
}

/** Two requests with half of the names each, or the request itself when it has one name. */
function splitByName<Request extends TxtRequest>(request: Request): readonly Request[] {
  const names = [...namesOf([request])];
  if (names.length < 2) return [request];
  const first = new Set(names.slice(0, Math.ceil(names.length / 2)));
  return [
    { ...request, records: request.records.filter((record) => first.has(record.name)) },
    { ...request, records: request.records.filter((record) => !first.has(record.name)) },
  ];
}
