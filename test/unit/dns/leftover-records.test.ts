import { describe, expect, it } from 'vitest';
import type { TxtRecord } from '../../../src/certificates/dns-name.ts';
import { findOwnRecords } from '../../../src/dns/leftover-records.ts';
import { SEALS } from '../../support/dns/sealed-records.ts';

const NOW = Date.parse('2027-01-10T00:00:00Z');
const HOUR = 3_600_000;
const NAME = '_acme-challenge.api.c1.example.com';

const value = (text: string, name = NAME): TxtRecord => ({ name, value: text });
const tag = (text: string, expiresInHours: number, name = NAME): TxtRecord => ({
  name,
  value: SEALS.ownerTag({ name, value: text }, new Date(NOW + expiresInHours * HOUR)),
});
const find = (...records: readonly TxtRecord[]) => findOwnRecords(records, SEALS, NOW);

describe('the records that no order can need', () => {
  it('are values with a tag that has expired, and the tags, in the order of the zone', () => {
    const records = [value('one'), tag('one', -2), value('two'), tag('two', -50)];
    expect(find(...records)).toEqual({ leftover: records, inUse: 0 });
  });

  it('are not those of an order that may be in progress, also for clocks that differ by an hour', () => {
    expect(find(value('one'), tag('one', 1), value('two'), tag('two', -0.9))).toEqual({ leftover: [], inUse: 2 });
  });

  it('are not those of others at the same name: without a tag, with that of another value, name or account', () => {
    const leftover = [value('mine'), tag('mine', -2)];
    const foreign = [
      value('of cert-manager'),
      { name: NAME, value: tag('mine', -2, 'other.example.com').value },
      value('certman-order=uid/0b7d'),
    ];
    expect(find(...foreign, ...leftover)).toEqual({ leftover, inUse: 0 });
    expect(find(value('of cert-manager'), tag('mine', 5))).toEqual({ leftover: [], inUse: 0 });
  });

  it('are not values that a later order has again; the older tag is', () => {
    const old = tag('one', -40);
    expect(find(value('one'), old, tag('one', 4))).toEqual({ leftover: [old], inUse: 1 });
  });

  it('include a tag whose value is gone', () => {
    const alone = tag('one', -2);
    expect(find(alone, value('another'))).toEqual({ leftover: [alone], inUse: 0 });
  });

  it('are found name by name', () => {
    const other = '_acme-challenge.apps.c1.example.com';
    // The tag stands at another name than the value.
    expect(find(value('one', other), tag('one', -2)).leftover).toEqual([tag('one', -2)]);
  });
});
