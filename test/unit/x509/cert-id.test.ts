import { X509Certificate } from 'node:crypto';
import { expect, test } from 'vitest';
import { certIdOf } from '../../../src/x509/cert-id.ts';
import { serialNumberOf } from '../../../src/x509/certificate.ts';
import { ariCertId } from '../../../src/x509/certificate-extensions.ts';
import { bitString, objectIdentifier, octetString, sequence, tlv } from '../../support/certificates/der-writer.ts';
import { IssuingCa } from '../../support/certificates/issuing-ca.ts';

test('is made as in the example of RFC 9773 §4.1', () => {
  expect(certIdOf('aYhba4dGQEHhs3uEe6CuLN4ByNQ', String(0x87654321))).toBe('aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE');
});

test.each(['01', '7f', '0080', '00ff00', '0100', '7fffffffffffffffffffffffffffffffffffffff'])(
  'is that of a certificate with the serial number %s',
  async (serialHex) => {
    const ca = await IssuingCa.create();
    const certificate = new X509Certificate((await ca.issue({ serialHex })).leafPem);
    const certId = ariCertId(certificate.raw) ?? '';
    expect(certIdOf(certId.slice(0, certId.indexOf('.')), serialNumberOf(certificate))).toBe(certId);
  },
);

const KEY = Buffer.from('69885b6b', 'hex');

/** With the serial number 1, and this as the value of the authority key identifier. */
function certIdWith(value: Buffer): string | undefined {
  const extension = sequence(objectIdentifier('2.5.29.35'), octetString(value));
  const fields = [tlv(0xa0, tlv(0x02, Buffer.of(2))), tlv(0x02, Buffer.of(1))];
  const body = sequence(...fields, tlv(0xa3, sequence(extension)));
  return ariCertId(sequence(body, sequence(), bitString(Buffer.alloc(8))));
}

test('is made of the key identifier alone, where the extension has the issuer and its serial number too', () => {
  expect(certIdWith(sequence(tlv(0x80, KEY), tlv(0xa1), tlv(0x82, Buffer.of(7))))).toBe('aYhbaw.AQ');
});

test.each([
  ['has no key identifier', sequence(tlv(0xa1), tlv(0x82, Buffer.of(7)))],
  ['has an empty one', sequence(tlv(0x80))],
  ['has a constructed one', sequence(tlv(0xa0, tlv(0x04, KEY)))],
  ['has a very long one', sequence(tlv(0x80, Buffer.alloc(200)))],
  ['is no sequence', tlv(0x80, KEY)],
  ['is empty', Buffer.alloc(0)],
  ['is cut off', sequence(tlv(0x80, KEY)).subarray(0, -1)],
  ['has a field that is longer than itself', sequence(Buffer.of(0x80, 0x84, 0xff, 0xff, 0xff, 0xff))],
  ['has no length', Buffer.concat([Buffer.of(0x30, 0x80), tlv(0x80, KEY), Buffer.alloc(2)])],
])('there is none where the authority key identifier %s', (_what, value) => {
  expect(certIdWith(value)).toBeUndefined();
});
