import { X509Certificate } from 'node:crypto';
import { DistributionPoint, DistributionPointName, GeneralName, Reason, ReasonFlags } from '@peculiar/asn1-x509';
import { CRLDistributionPointsExtension, type Extension } from '@peculiar/x509';
import { beforeAll, describe, expect, test } from 'vitest';
import { readLeaf } from '../../../src/acme/certificate.ts';
import { certificateFacts } from '../../../src/kubernetes/objects/certificate-facts.ts';
import { crlUrlOf, isCrlUrl } from '../../../src/x509/certificate-extensions.ts';
import { bitString, objectIdentifier, octetString, sequence, tlv } from '../../support/certificates/der-writer.ts';
import { IssuingCa } from '../../support/certificates/issuing-ca.ts';

const URL = 'http://r99.c.lencr.org/7.crl';

let ca: IssuingCa;

beforeAll(async () => {
  ca = await IssuingCa.create();
});

async function urlIn(...extensions: readonly Extension[]): Promise<string | undefined> {
  const { leafPem } = await ca.issue({ serialHex: '01', extensions });
  return crlUrlOf(new X509Certificate(leafPem).raw);
}

const named = (...urls: readonly string[]): DistributionPointName =>
  new DistributionPointName({
    fullName: urls.map((uniformResourceIdentifier) => new GeneralName({ uniformResourceIdentifier })),
  });

describe('the CRL URL of a certificate', () => {
  test('is that of its distribution point', async () => {
    expect(await urlIn(new CRLDistributionPointsExtension([URL]))).toBe(URL);
  });

  test('is the first http URL', async () => {
    const point = new DistributionPoint({ distributionPoint: named('ldap://ca.example/cn=R99', URL) });
    expect(await urlIn(new CRLDistributionPointsExtension([point]))).toBe(URL);
  });

  test('is not that of a point limited to some reasons or with another issuer', async () => {
    const partial = new DistributionPoint({
      distributionPoint: named('http://ca.example/compromised.crl'),
      reasons: new Reason(ReasonFlags.keyCompromise),
    });
    const indirect = new DistributionPoint({
      distributionPoint: named('http://ca.example/indirect.crl'),
      cRLIssuer: [new GeneralName({ dNSName: 'other.example' })],
    });
    expect(await urlIn(new CRLDistributionPointsExtension([partial, indirect]))).toBeUndefined();
  });

  test('is undefined without distribution points, and for input that is not a certificate', async () => {
    expect(await urlIn()).toBeUndefined();
    expect(crlUrlOf(Buffer.from('3003020101', 'hex'))).toBeUndefined();
  });

  test('is found among thousands of other extensions, which are not decoded', () => {
    const others = Array.from({ length: 3_000 }, (_, index) =>
      sequence(objectIdentifier(`1.2.3.${index}`), octetString(Buffer.from([5, 0]))),
    );
    const own = Buffer.from(new CRLDistributionPointsExtension([URL]).rawData);
    const fields = [tlv(0xa0, tlv(0x02, Buffer.from([2]))), tlv(0x02, Buffer.from([1]))];
    const body = sequence(...fields, tlv(0xa3, sequence(...others, own)));
    expect(crlUrlOf(sequence(body, sequence(), bitString(Buffer.alloc(8))))).toBe(URL);
  });

  test('is not looked for in an extension that is too large to be that of a CA', async () => {
    const urls = Array.from({ length: 200 }, (_, index) => `${URL}?${index}`);
    expect(await urlIn(new CRLDistributionPointsExtension(urls))).toBeUndefined();
  });

  test('is part of the facts of a certificate that has one', async () => {
    const { chainPem } = await ca.issue({ serialHex: '02', crlUrl: URL });
    expect(certificateFacts(readLeaf(chainPem))).toMatchObject({ serialNumber: '2', crlUrl: URL });
    expect(certificateFacts(readLeaf((await ca.issue({ serialHex: '03' })).chainPem)).crlUrl).toBeUndefined();
  });
});

test.each([
  ['a file', 'file:///etc/passwd'],
  ['one with credentials', 'http://user:secret@ca.example/1.crl'],
  ['one without a host', 'http:/1.crl'],
  ['one without end', `http://ca.example/${'1'.repeat(3000)}.crl`],
  ['what is none', 'crl'],
])('%s is not a CRL URL', (_what, url) => {
  expect(isCrlUrl(url)).toBe(false);
});
