import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  applyRequests,
  BATCH_LIMITS,
  packRequests,
  planChanges,
  quotaCost,
  type TxtRecordSet,
  type TxtRecordSets,
  type TxtRequest,
} from '../../../../src/dns/zone-changes/change-batch.ts';
import { SEALS } from '../../../support/dns/sealed-records.ts';
import { applyChanges } from './strict-zone.ts';

const NAMES = ['a.example.com', 'b.example.com', 'c.b.example.com', 'd.example.com'];
const record = fc.record({ name: fc.constantFrom(...NAMES), value: fc.constantFrom('v1', 'v2', 'v3', 'v4') });
const request: fc.Arbitrary<TxtRequest> = fc.record({
  action: fc.constantFrom('publish' as const, 'withdraw' as const),
  records: fc.array(record, { minLength: 1, maxLength: 6 }),
});
const knownSets: fc.Arbitrary<TxtRecordSets> = fc
  .uniqueArray(fc.constantFrom(...NAMES))
  .chain((names) =>
    fc.tuple(
      ...names.map((name) =>
        fc.record({
          name: fc.constant(name),
          ttlSeconds: fc.constantFrom(30, 60, 300),
          values: fc.uniqueArray(fc.constantFrom('"v1"', '"v2"', '"foreign"', '"more" "foreign"'), { minLength: 1 }),
        }),
      ),
    ),
  )
  .map((sets) => new Map(sets.map((set) => [set.name, set])));

const valuesOf = (sets: TxtRecordSets) => new Map([...sets].map(([name, set]) => [name, set.values.toSorted()]));
const setOf = (name: string, ...values: string[]): TxtRecordSet => ({ name, ttlSeconds: 60, values });
const publish = (...records: [string, string][]): TxtRequest => ({
  action: 'publish',
  records: records.map(([name, value]) => ({ name, value })),
});
const withdraw = (...records: [string, string][]): TxtRequest => ({ ...publish(...records), action: 'withdraw' });
const known = (...sets: TxtRecordSet[]): TxtRecordSets => new Map(sets.map((set) => [set.name, set]));

describe('planning changes', () => {
  it('puts the values of x and *.x, which share a name, into one record set of TTL 60', () => {
    expect(planChanges(known(), [publish(['x', 'one'], ['x', 'two'])])).toEqual([
      { action: 'CREATE', set: { name: 'x', ttlSeconds: 60, values: ['"one"', '"two"'] } },
    ]);
  });

  it('merges the values of concurrent requests for one name', () => {
    expect(planChanges(known(), [publish(['x', 'one']), publish(['x', 'two'])])).toEqual([
      { action: 'CREATE', set: setOf('x', '"one"', '"two"') },
    ]);
  });

  it('replaces a set that is there only if it is still as it was read', () => {
    const there = setOf('x', '"foreign"');
    expect(planChanges(known(there), [publish(['x', 'ours'])])).toEqual([
      { action: 'DELETE', set: there },
      { action: 'CREATE', set: setOf('x', '"foreign"', '"ours"') },
    ]);
  });

  it('lowers a longer TTL to 60 and keeps a shorter one', () => {
    const after = [300, 60, 5].map((ttlSeconds) =>
      planChanges(known({ ...setOf('x', '"foreign"'), ttlSeconds }), [publish(['x', 'ours'])]).at(-1),
    );
    expect(after.map((change) => change?.set.ttlSeconds)).toEqual([60, 60, 5]);
  });

  it('withdraws exactly the given value and leaves the others', () => {
    const there = setOf('x', '"foreign"', '"ours"');
    expect(planChanges(known(there), [withdraw(['x', 'ours'])]).at(-1)).toEqual({
      action: 'CREATE',
      set: setOf('x', '"foreign"'),
    });
  });

  it('deletes the record set with its last value', () => {
    const there = setOf('x', '"ours"');
    expect(planChanges(known(there), [withdraw(['x', 'ours'])])).toEqual([{ action: 'DELETE', set: there }]);
  });

  it('changes nothing for values that are there already or not there any more', () => {
    const there = known({ ...setOf('x', '"a"', '"b"'), ttlSeconds: 300 });
    expect(planChanges(there, [publish(['x', 'a']), withdraw(['x', 'c'], ['y', 'a'])])).toEqual([]);
  });

  it('turns any known sets into the requested ones, by Route 53’s rules', () => {
    fc.assert(
      fc.property(knownSets, fc.array(request, { maxLength: 6 }), (there, requests) => {
        expect(applyChanges(there, planChanges(there, requests))).toEqual(applyRequests(there, requests));
      }),
    );
  });

  it('never loses a value that no request withdraws', () => {
    fc.assert(
      fc.property(knownSets, fc.array(request, { maxLength: 6 }), (there, requests) => {
        const after = applyRequests(there, requests);
        for (const set of there.values()) {
          for (const value of set.values.filter((text) => text.includes('foreign'))) {
            expect(after.get(set.name)?.values).toContain(value);
          }
        }
      }),
    );
  });
});

describe('the cost of changes', () => {
  it('counts each value with its quotes', () => {
    const set = setOf('x', '"abc"', '"d"');
    expect(quotaCost([{ action: 'CREATE', set }])).toEqual({ elements: 2, characters: 8 });
    expect(quotaCost([{ action: 'DELETE', set }])).toEqual({ elements: 2, characters: 8 });
  });

  it('lets 711 new values of 43 characters into one batch', () => {
    const requests = Array.from({ length: 800 }, (_, n) => publish([`n${n}.example.com`, 'v'.repeat(43)]));
    expect(packRequests(known(), requests).map((group) => group.length)).toEqual([711, 89]);
  });

  it('lets 367 of them into one batch with their owner tags', () => {
    const requests = Array.from({ length: 400 }, (_, n) => {
      const name = `n${n}.example.com`;
      const value = 'v'.repeat(43);
      return publish([name, value], [name, SEALS.ownerTag({ name, value }, new Date('2027-01-01'))]);
    });
    expect(packRequests(known(), requests).map((group) => group.length)).toEqual([367, 33]);
  });

  it('keeps the records of one request in one batch', () => {
    const requests = Array.from({ length: 400 }, (_, n) =>
      publish([`a${n}.example.com`, 'v'.repeat(43)], [`b${n}.example.com`, 'w'.repeat(43)]),
    );
    for (const group of packRequests(known(), requests)) {
      expect(group.every((packed) => packed.records.length === 2)).toBe(true);
    }
  });

  it('cuts a request that is too large for a batch by its names', () => {
    const large = publish(...Array.from({ length: 1_500 }, (_, n): [string, string] => [`n${n}`, 'v'.repeat(43)]));
    const groups = packRequests(known(), [large]);
    expect(groups.length).toBeGreaterThan(2);
    expect(groups.flat().flatMap((part) => part.records)).toEqual(large.records);
  });

  it('keeps every batch within the limits, in order, with nothing lost or doubled', () => {
    const limits = { elements: 6, characters: 60 };
    fc.assert(
      fc.property(knownSets, fc.array(request, { maxLength: 12 }), (there, requests) => {
        let now = there;
        const groups = packRequests(there, requests, limits);
        for (const group of groups) {
          const changes = planChanges(now, group);
          const cost = quotaCost(changes);
          const names = new Set(changes.map((change) => change.set.name));
          const fits = cost.elements <= limits.elements && cost.characters <= limits.characters;
          expect(fits || names.size === 1).toBe(true);
          now = applyChanges(now, changes);
        }
        expect(valuesOf(now)).toEqual(valuesOf(applyRequests(there, requests)));
        const packed = groups.flat().flatMap((part) => part.records);
        expect(packed.map((entry) => JSON.stringify(entry)).toSorted()).toEqual(
          requests
            .flatMap((part) => part.records)
            .map((entry) => JSON.stringify(entry))
            .toSorted(),
        );
      }),
    );
  });

  it('knows the quotas of ChangeResourceRecordSets', () => {
    expect(BATCH_LIMITS).toEqual({ elements: 1_000, characters: 32_000 });
  });
});
