import { X509Certificate } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { readLeaf } from '../../../src/acme/certificate.ts';
import { certificateFacts } from '../../../src/kubernetes/objects/certificate-facts.ts';
import { ariCertId } from '../../../src/x509/certificate-extensions.ts';
import { type SelfSignedOptions, selfSigned } from '../../support/certificates/self-signed.ts';

/** RFC 9773, Appendix A. */
const EXAMPLE = `-----BEGIN CERTIFICATE-----
MIIBQzCB66ADAgECAgUAh2VDITAKBggqhkjOPQQDAjAVMRMwEQYDVQQDEwpFeGFt
cGxlIENBMCIYDzAwMDEwMTAxMDAwMDAwWhgPMDAwMTAxMDEwMDAwMDBaMBYxFDAS
BgNVBAMTC2V4YW1wbGUuY29tMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEeBZu
7cbpAYNXZLbbh8rNIzuOoqOOtmxA1v7cRm//AwyMwWxyHz4zfwmBhcSrf47NUAFf
qzLQ2PPQxdTXREYEnKMjMCEwHwYDVR0jBBgwFoAUaYhba4dGQEHhs3uEe6CuLN4B
yNQwCgYIKoZIzj0EAwIDRwAwRAIge09+S5TZAlw5tgtiVvuERV6cT4mfutXIlwTb
+FYN/8oCIClDsqBklhB9KAelFiYt9+6FDj3z4KGVelYM5MdsO3pK
-----END CERTIFICATE-----`;

const KEY_HEX = '69885b6b87464041e1b37b847ba0ae2cde01c8d4';
const KEY = 'aYhba4dGQEHhs3uEe6CuLN4ByNQ';

const made = (options: SelfSignedOptions): string | undefined =>
  ariCertId(new X509Certificate(selfSigned(options).chainPem).raw);

describe('the ARI certificate identifier', () => {
  test('equals that of the example in RFC 9773', () => {
    expect(ariCertId(new X509Certificate(EXAMPLE).raw)).toBe(`${KEY}.AIdlQyE`);
  });

  test.each([
    ['a serial number whose first bit is set, with the zero octet before it', '0087654321', 'AIdlQyE'],
    ['a serial number whose first bit is not set, as it is', '07654321', 'B2VDIQ'],
    ['a serial number of one octet', '01', 'AQ'],
    [
      'the longest serial number (RFC 5280 §4.1.2.2), with its zero octet',
      `00${'ff'.repeat(19)}`,
      'AP________________________8',
    ],
  ])('has %s', (_what, serialHex, expected) => {
    expect(made({ authorityKeyHex: KEY_HEX, serialHex })).toBe(`${KEY}.${expected}`);
  });

  test('has no padding, whatever the length of the key identifier', () => {
    expect(made({ authorityKeyHex: 'fb', serialHex: '05' })).toBe('-w.BQ');
  });

  test('is undefined for a certificate without an authority key identifier', () => {
    expect(made({})).toBeUndefined();
  });

  test('is undefined for input that is not a certificate', () => {
    expect(ariCertId(Buffer.from('3003020101', 'hex'))).toBeUndefined();
  });

  test('is part of the facts of a certificate that has one', () => {
    const pair = selfSigned({ authorityKeyHex: KEY_HEX, serialHex: '0087654321' });
    expect(certificateFacts(readLeaf(pair.chainPem))).toMatchObject({
      certId: `${KEY}.AIdlQyE`,
      serialNumber: '2271560481',
    });
    expect(certificateFacts(readLeaf(selfSigned().chainPem)).certId).toBeUndefined();
  });
});
