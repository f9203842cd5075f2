import { AsnConvert } from '@peculiar/asn1-schema';
import { IssuingDistributionPoint, id_ce_issuingDistributionPoint } from '@peculiar/asn1-x509';
import { Extension } from '@peculiar/x509';
import * as fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { Crl } from '../../../src/crl/crl.ts';
import { CertmanError } from '../../../src/failures/failure.ts';
import {
  bitString,
  objectIdentifier,
  sequence,
  setOf,
  tlv,
  utf8String,
} from '../../support/certificates/der-writer.ts';
import { IssuingCa } from '../../support/certificates/issuing-ca.ts';

let ca: IssuingCa;

beforeAll(async () => {
  ca = await IssuingCa.create();
});

const decimal = (hex: string): string => BigInt(`0x${hex}`).toString();

async function foundAmong(wanted: readonly string[], listed: readonly string[]): Promise<readonly string[]> {
  const list = new Crl(await ca.crl({ serials: listed }));
  return [...list.revokedAmong(wanted.map(decimal))];
}

describe('listed certificates', () => {
  test.each([
    ['a serial number whose first bit is set, with the zero octet before it', '0087654321'],
    ['a serial number of one octet', '01'],
    ['a serial number with a zero in front in hexadecimal only', '0a0b'],
    ['the longest serial number (RFC 5280 §4.1.2.2)', `00${'ff'.repeat(19)}`],
    ["the serial number of a certificate of Let's Encrypt", '06a1f0c34b5d6e7f8091a2b3c4d5e6f70819'],
  ])('are found by %s', async (_what, hex) => {
    expect(await foundAmong([hex], ['05', hex, '7fffff'])).toEqual([decimal(hex)]);
  });

  test('do not include similar serial numbers', async () => {
    expect(await foundAmong(['87654321', '8765432100', '654321', '02'], ['0007654321', '0200', '43'])).toEqual([]);
  });

  test('are exactly those in the CRL, for any serial numbers', async () => {
    const serial = fc.bigInt({ min: 1n, max: 2n ** 159n - 1n });
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(serial, { maxLength: 20 }),
        fc.array(serial, { maxLength: 5 }),
        async (on, off) => {
          const list = new Crl(await ca.crl({ serials: on.map(octetsOf) }));
          const listed = new Set(on.map(String));
          const asked = [...on, ...off].map(String);
          expect(list.revokedAmong(asked)).toEqual(new Set(asked.filter((one) => listed.has(one))));
        },
      ),
      { numRuns: 40 },
    );
  });

  test('are none of an empty CRL, and exclude malformed serial numbers', async () => {
    expect(await foundAmong(['01'], [])).toEqual([]);
    expect(new Crl(await ca.crl({ serials: ['01'] })).revokedAmong(['one', '', '-1'])).toEqual(new Set());
  });

  test('are found among 100,000', () => {
    const list = new Crl(unsigned(Array.from({ length: 100_000 }, (_, index) => 2n ** 120n + BigInt(index))));
    const [first, last] = [2n ** 120n, 2n ** 120n + 99_999n].map(String);
    expect([...list.revokedAmong(['7', String(2n ** 120n + 100_000n), last ?? '', first ?? ''])]).toEqual([
      first,
      last,
    ]);
  });
});

test('nextUpdate is returned', async () => {
  const nextUpdate = new Date('2026-03-01T00:00:00Z');
  expect(new Crl(await ca.crl({ nextUpdate })).nextUpdate).toEqual(nextUpdate);
  expect(new Crl(unsigned([1n])).nextUpdate).toBeUndefined();
});

describe('a CRL is from the issuer of a certificate', () => {
  test.each(['ecdsa', 'rsa'] as const)('that signed it (%s)', async (key) => {
    const issuer = await IssuingCa.create('Test R98', key);
    const { chainPem } = await issuer.issue({ serialHex: '05' });
    expect(new Crl(await issuer.crl()).isFromIssuerOf(chainPem)).toBe(true);
  });

  test('not when another CA of the same name signed it', async () => {
    const { chainPem } = await ca.issue({ serialHex: '05' });
    expect(new Crl(await (await IssuingCa.create()).crl()).isFromIssuerOf(chainPem)).toBe(false);
  });

  test('not when it was modified', async () => {
    const { chainPem } = await ca.issue({ serialHex: '0504' });
    const der = await ca.crl({ serials: ['0503'] });
    const at = der.indexOf(Buffer.from('02020503', 'hex')) + 3;
    der[at] = 4;
    const list = new Crl(der);
    expect([...list.revokedAmong(['1284'])]).toEqual(['1284']);
    expect(list.isFromIssuerOf(chainPem)).toBe(false);
  });

  test('not when the chain has another CA, or none', async () => {
    const other = await IssuingCa.create();
    const { leafPem, chainPem } = await ca.issue({ serialHex: '05' });
    const list = new Crl(await ca.crl());
    expect(list.isFromIssuerOf(chainPem)).toBe(true);
    expect(list.isFromIssuerOf(leafPem + other.certificatePem)).toBe(false);
    expect(list.isFromIssuerOf(leafPem)).toBe(false);
    expect(list.isFromIssuerOf('')).toBe(false);
    expect(list.isFromIssuerOf(chainPem.replaceAll('M', 'N'))).toBe(false);
  });
});

describe('an unusable CRL', () => {
  test.each([
    ['nothing', Buffer.alloc(0)],
    ['a page', Buffer.from('<html><body>Not found</body></html>')],
    ['another structure', sequence(sequence(), sequence(), bitString(Buffer.alloc(1)))],
    ['an octet behind the list', Buffer.concat([unsigned([1n]), Buffer.alloc(1)])],
    ['a length without end', Buffer.from('3080020100', 'hex')],
    ['a length of more than there is', Buffer.from('3084ffffffff', 'hex')],
  ])('is %s', (_what, der) => {
    expect(() => new Crl(der)).toThrow(UNUSABLE);
  });

  test.each([
    ['parts', sequence(nulls(1_000_000))],
    ['fields', unsigned([1n], nulls(1_000_000))],
  ])('has more %s than fit into memory', (_what, der) => {
    expect(() => new Crl(der)).toThrow(/more than 8 fields/);
  });

  test('has entries without a date', () => {
    const entry = sequence(tlv(0x02, Buffer.from([1])));
    const list = new Crl(unsigned([], Buffer.alloc(0), Buffer.alloc(entry.length * 3, entry)));
    expect(() => list.revokedAmong(['1'])).toThrow(/entry without serial number and date/);
  });

  test('is truncated', async () => {
    const der = await ca.crl({ serials: ['05'] });
    expect(() => new Crl(der.subarray(0, der.length - 1))).toThrow(UNUSABLE);
  });

  test('is indirect', async () => {
    const point = AsnConvert.serialize(new IssuingDistributionPoint({ indirectCRL: true }));
    const der = await ca.crl({ extensions: [new Extension(id_ce_issuingDistributionPoint, true, point)] });
    expect(() => new Crl(der)).toThrow(/other issuers/);
  });

  test('is a delta CRL, or has another unknown critical extension', async () => {
    const der = await ca.crl({ extensions: [new Extension('2.5.29.27', true, Buffer.from('020101', 'hex'))] });
    expect(() => new Crl(der)).toThrow(/critical extension 2\.5\.29\.27/);
  });

  test('is not one of several shards (RFC 5280 §5.2.5)', async () => {
    const point = AsnConvert.serialize(new IssuingDistributionPoint({ onlyContainsUserCerts: true }));
    const extensions = [new Extension(id_ce_issuingDistributionPoint, true, point)];
    const list = new Crl(await ca.crl({ serials: ['05'], extensions }));
    expect([...list.revokedAmong(['5'])]).toEqual(['5']);
  });

  test('is rejected for any modified octets', async () => {
    const der = await ca.crl({ serials: ['05', '0087654321'] });
    const { chainPem } = await ca.issue({ serialHex: '05' });
    const change = fc.record({ at: fc.nat(der.length - 1), to: fc.nat(255) });
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
        const changed = Buffer.from(der);
        for (const { at, to } of changes) changed[at] = to;
        fc.pre(!changed.equals(der));
        try {
          const list = new Crl(changed);
          list.revokedAmong(['5']);
          expect(list.isFromIssuerOf(chainPem)).toBe(false);
        } catch (error) {
          expect(error).toBeInstanceOf(CertmanError);
          expect(error).toMatchObject(UNUSABLE);
        }
      }),
      { numRuns: 300 },
    );
  });
});

const UNUSABLE = expect.objectContaining({ code: 'crl/unusable' }) as Error;

/** As encoded in DER: with a leading zero octet where the first bit would be set. */
function octetsOf(serial: bigint): string {
  const hex = serial.toString(16);
  const whole = hex.length % 2 === 0 ? hex : `0${hex}`;
  return Number.parseInt(whole.slice(0, 2), 16) >= 0x80 ? `00${whole}` : whole;
}

function nulls(count: number): Buffer {
  return Buffer.alloc(2 * count, Buffer.from('0500', 'hex'));
}

/** A CRL without nextUpdate (RFC 5280 §5.1) and with an invalid signature. @param more behind its entries. */
function unsigned(
  serials: readonly bigint[],
  more: Buffer = Buffer.alloc(0),
  moreEntries: Buffer = Buffer.alloc(0),
): Buffer {
  const algorithm = sequence(objectIdentifier('1.2.840.10045.4.3.2'));
  const then = tlv(0x17, Buffer.from('260101000000Z'));
  const name = sequence(setOf(sequence(objectIdentifier('2.5.4.3'), utf8String('Test R99'))));
  const entries = serials.map((serial) => sequence(tlv(0x02, Buffer.from(octetsOf(serial), 'hex')), then));
  const list = tlv(0x30, Buffer.concat(entries), moreEntries);
  const body = sequence(tlv(0x02, Buffer.from([1])), algorithm, name, then, list, more);
  return sequence(body, algorithm, bitString(Buffer.alloc(8)));
}
