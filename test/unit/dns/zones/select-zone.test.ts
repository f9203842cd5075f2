import { describe, expect, it } from 'vitest';
import { type ListedZone, selectZone as select } from '../../../../src/dns/zones/select-zone.ts';

const selectZone = (zones: readonly ListedZone[], name: string) =>
  select(zones, name, { zone: 'hosted zone', account: 'the AWS account' });

const zone = (id: string, name: string, hidden = false): ListedZone => ({ id, name, private: hidden });

describe('choosing a zone by name', () => {
  it('takes the longest suffix', () => {
    const zones = [zone('Z1', 'example.com'), zone('Z2', 'p1.example.com'), zone('Z3', 'q.p1.example.com')];
    expect(selectZone(zones, 'c1.p1.example.com')).toEqual({ id: 'Z2', name: 'p1.example.com' });
  });

  it('compares whole labels', () => {
    expect(() => selectZone([zone('Z1', 'ample.com')], 'example.com')).toThrow(/None of the 1 hosted zones/);
  });

  it('ignores case and trailing dots', () => {
    expect(selectZone([zone('Z1', 'example.com')], 'Example.COM.').id).toBe('Z1');
  });

  it('leaves private zones out, also where they are the better match', () => {
    const zones = [zone('Z1', 'example.com'), zone('Z2', 'example.com', true), zone('Z3', 'p1.example.com', true)];
    expect(selectZone(zones, 'p1.example.com').id).toBe('Z1');
  });

  it('says that only a private zone would match', () => {
    expect(() => selectZone([zone('Z2', 'example.com', true)], 'example.com')).toThrow(
      expect.objectContaining({ code: 'dns/zoneNotFound', message: expect.stringMatching(/Z2 .*is private/) }),
    );
  });

  it('names both of two zones of the same name', () => {
    expect(() => selectZone([zone('ZB', 'example.com'), zone('ZA', 'example.com')], 'x.example.com')).toThrow(
      expect.objectContaining({
        code: 'dns/zoneAmbiguous',
        message: expect.stringMatching(/^The AWS account has 2 .*: ZA and ZB/),
      }),
    );
  });

  it('does not mind two zones of the same name when a longer one matches', () => {
    const zones = [zone('ZA', 'example.com'), zone('ZB', 'example.com'), zone('ZC', 'x.example.com')];
    expect(selectZone(zones, 'x.example.com').id).toBe('ZC');
  });
});
