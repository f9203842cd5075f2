import { X509Certificate } from 'node:crypto';
import { expect, test } from 'vitest';
import { certIdOf } from '../../../src/x509/cert-id.ts';
import { serialNumberOf } from '../../../src/x509/certificate.ts';
import { ariCertId } from '../../../src/x509/certificate-extensions.ts';
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
