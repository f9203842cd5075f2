/**
 * Plans the changes of one zone in batches. Pure. A change replaces all values of a name: the challenges of `x`
 * and `*.x` share one, and other programs may have values there. So a plan starts from the sets that the zone has, read
 * or assumed: a CREATE is refused when the set exists, a DELETE when it is another. Both in one batch, which is applied
 * as a whole or not at all, are a compare-and-swap: workers and other programs cannot overwrite each other, and a wrong
 * assumption changes nothing.
 */
import type { TxtRecord } from '../../certificates/dns-name.ts';
import { quoteTxt } from './quote-txt.ts';

/** TTL in seconds of the record sets that certman makes. */
export const TXT_TTL_SECONDS = 60;

/** Records of one zone to publish or withdraw, names normalized. */
export interface TxtRequest {
  readonly action: 'publish' | 'withdraw';
  readonly records: readonly TxtRecord[];
}

/** All TXT values of one name; `values` as the service writes them, quoted. */
export interface TxtRecordSet {
  readonly name: string;
  readonly ttlSeconds: number;
  readonly values: readonly string[];
}

/** By name; a name that is absent has none. */
export type TxtRecordSets = ReadonlyMap<string, TxtRecordSet>;

/** One change of a record set; a batch has several. */
export interface TxtChange {
  readonly action: 'CREATE' | 'DELETE';
  readonly set: TxtRecordSet;
}

/** A batch that the service has accepted; `live` when all of its servers have it. */
export interface SubmittedChange {
  readonly id: string;
  readonly live: boolean;
  /** In epoch milliseconds. */
  readonly sentAt: number;
}

/**
 * Quotas of one batch: the smallest of the services. ChangeResourceRecordSets of AWS ("Quotas", "Maximums on API requests")
 * has less room than changes.create of Google (1,000 additions, 1,000 deletions, 100,000 bytes).
 */
export interface BatchLimits {
  /** ResourceRecord elements. */
  readonly elements: number;
  /** Characters of all Value elements. */
  readonly characters: number;
}

/** The quotas of one batch. */
export const BATCH_LIMITS: BatchLimits = Object.freeze({ elements: 1_000, characters: 32_000 });

/** The sets after `requests` in this order; a set whose values end as they were stays as it is, TTL and order included. */
export function applyRequests(known: TxtRecordSets, requests: readonly TxtRequest[]): TxtRecordSets {
  const sets = new Map(known);
  for (const [name, ofName] of editsByName(requests)) {
    const before = known.get(name);
    const values = new Set(before?.values);
    let ttlSeconds = before?.ttlSeconds ?? TXT_TTL_SECONDS;
    for (const { action, value } of ofName) {
      const quoted = quoteTxt(value);
      if (action === 'publish' && !values.has(quoted)) ttlSeconds = Math.min(ttlSeconds, TXT_TTL_SECONDS);
      if (action === 'publish') values.add(quoted);
      else values.delete(quoted);
    }
    const after = { name, ttlSeconds, values: [...values] };
    if (values.size === 0) sets.delete(name);
    else if (!hasSameValues(before, after)) sets.set(name, after);
  }
  return sets;
}

/**
 * What the zone most likely has, for a plan that the service verifies by carrying it out: what is known, else what the
 * withdrawals withdraw, else nothing.
 */
export function assumeSets(known: TxtRecordSets, requests: readonly TxtRequest[]): TxtRecordSets {
  const sets = new Map(known);
  for (const [name, edits] of editsByName(requests)) {
    if (known.has(name)) continue;
    const values = edits.filter(({ action }) => action === 'withdraw').map(({ value }) => quoteTxt(value));
    if (values.length > 0) sets.set(name, { name, ttlSeconds: TXT_TTL_SECONDS, values: [...new Set(values)] });
  }
  return sets;
}

/**
 * The names that must be read, since no change would verify what is assumed of them: a value that is assumed to be
 * there already, or gone already, or that several of the requests are about.
 */
export function unverifiedNames(assumed: TxtRecordSets, requests: readonly TxtRequest[]): ReadonlySet<string> {
  const names = new Set<string>();
  for (const [name, edits] of editsByName(requests)) {
    const values = new Set(assumed.get(name)?.values);
    const seen = new Set<string>();
    for (const { action, value } of edits) {
      const quoted = quoteTxt(value);
      if (seen.has(quoted) || values.has(quoted) === (action === 'publish')) names.add(name);
      seen.add(quoted);
    }
  }
  return names;
}

type Edit = TxtRecord & Pick<TxtRequest, 'action'>;

function editsByName(requests: readonly TxtRequest[]): ReadonlyMap<string, readonly Edit[]> {
  const edits = requests.flatMap(({ action, records }) => records.map((record) => ({ action, ...record })));
  return Map.groupBy(edits, (edit) => edit.name);
}

/** The changes that turn the known sets into the requested ones; none for names that stay as they are. */
export function planChanges(known: TxtRecordSets, requests: readonly TxtRequest[]): readonly TxtChange[] {
  const wanted = applyRequests(known, requests);
  const changes: TxtChange[] = [];
  for (const name of namesOf(requests)) {
    const before = known.get(name);
    const after = wanted.get(name);
    if (before === after) continue;
    if (before !== undefined) changes.push({ action: 'DELETE', set: before });
    if (after !== undefined) changes.push({ action: 'CREATE', set: after });
  }
  return changes;
}

/** Whether two sets have the same values, in any order. */
export function hasSameValues(a: TxtRecordSet | undefined, b: TxtRecordSet | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.values.length === b.values.length && a.values.every((value) => b.values.includes(value));
}

/** Whether two sets are one to the service, which refuses a DELETE of any other. */
export function isSameSet(a: TxtRecordSet | undefined, b: TxtRecordSet | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  const { length } = a.values;
  return a.ttlSeconds === b.ttlSeconds && length === b.values.length && a.values.every((v, n) => v === b.values[n]);
}

/** What changes count towards the limits. */
export function quotaCost(changes: readonly TxtChange[]): BatchLimits {
  let elements = 0;
  let characters = 0;
  for (const { set } of changes) {
    elements += set.values.length;
    for (const value of set.values) characters += value.length;
  }
  return { elements, characters };
}

/** The names of all records of some requests. */
export function namesOf(requests: readonly TxtRequest[]): ReadonlySet<string> {
  return new Set(requests.flatMap((request) => request.records.map((record) => record.name)));
}

/**
 * Packs requests, in order, into groups of one batch each, each planned on the result of the one before. A request that
 * does not fit alone is split by names; a name that does not fit alone is a group for the API to refuse.
 */
export function packRequests<Request extends TxtRequest>(
  known: TxtRecordSets,
  requests: readonly Request[],
  limits: BatchLimits = BATCH_LIMITS,
): readonly (readonly Request[])[] {
  const groups: (readonly Request[])[] = [];
  const rest = [...requests];
  let before = known;
  for (let [first] = rest; first !== undefined; [first] = rest) {
    const size = longestFit(rest, (group) => {
      const { elements, characters } = quotaCost(planChanges(before, group));
      return elements <= limits.elements && characters <= limits.characters;
    });
    const parts = size === 0 ? splitByName(first) : [];
    if (parts.length > 1) {
      rest.splice(0, 1, ...parts);
      continue;
    }
    const group = rest.splice(0, Math.max(1, size));
    groups.push(group);
    before = applyRequests(before, group);
  }
  return groups;
}

function longestFit<Request>(requests: readonly Request[], fit: (group: readonly Request[]) => boolean): number {
  let fitting = 0;
  let tooMany = requests.length + 1;
  while (tooMany - fitting > 1) {
    // All of them first, which is the usual case.
    const size = tooMany > requests.length ? requests.length : Math.ceil((fitting + tooMany) / 2);
    if (fit(requests.slice(0, size))) fitting = size;
    else tooMany = size;
  }
  return fitting;
}

function splitByName<Request extends TxtRequest>(request: Request): readonly Request[] {
  const names = [...namesOf([request])];
  if (names.length < 2) return [request];
  const first = new Set(names.slice(0, Math.ceil(names.length / 2)));
  return [
    { ...request, records: request.records.filter((record) => first.has(record.name)) },
    { ...request, records: request.records.filter((record) => !first.has(record.name)) },
  ];
}
