/** Users can write anything into a Secret: whatever it is, it is judged without an exception and within bounds. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isPrivateKeyOf } from '../../../src/acme/private-key.ts';
import { observationOf, parseTlsData } from '../../../src/kubernetes/objects/tls-secret.ts';
import { decodeCertificate } from '../../../src/x509/certificate.ts';
import { decodePrivateKey } from '../../../src/x509/private-key.ts';
import { selfSigned } from '../../support/certificates/self-signed.ts';

/** A bound in time as well: fast-check stops after it, whatever the machine's speed. */
const LIMITS = { interruptAfterTimeLimit: 5_000, numRuns: 300 };
/** Of the status of a CertificateRequest, and of a workflow's state. */
const MAX_OBSERVATION_LENGTH = 64 * 1024;

const pair = selfSigned({ issuerCommonName: 'R11', authorityKeyHex: '0102030405' });
const other = selfSigned();
const encode = (text: string): string => Buffer.from(text).toString('base64');

function derOf(pem: string): Buffer {
  return Buffer.from(pem.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64');
}

function pemOf(label: string, der: Uint8Array): string {
  return `-----BEGIN ${label}-----\n${Buffer.from(der).toString('base64')}\n-----END ${label}-----\n`;
}

/** Octets of an original, some of them overwritten, inserted or removed. */
function mutated(original: Buffer): fc.Arbitrary<Buffer> {
  const edit = fc.tuple(fc.nat(original.length), fc.nat(3), fc.uint8Array({ maxLength: 12 }));
  return fc
    .array(edit, { minLength: 1, maxLength: 6 })
    .map((edits) =>
      edits.reduce<Buffer>(
        (der, [at, removed, inserted]) =>
          Buffer.concat([der.subarray(0, at), Buffer.from(inserted), der.subarray(at + removed)]),
        original,
      ),
    );
}

const certificate = mutated(derOf(pair.chainPem)).map((der) => pemOf('CERTIFICATE', der));
const key = fc
  .tuple(
    mutated(derOf(pair.keyPem)),
    fc.constantFrom('PRIVATE KEY', 'RSA PRIVATE KEY', 'EC PRIVATE KEY', 'DSA PRIVATE KEY'),
  )
  .map(([der, label]) => pemOf(label, der));
const text = fc.string({ unit: 'binary', maxLength: 300 });
const entry = fc.oneof(
  fc.oneof(certificate, key, text, fc.constantFrom(pair.chainPem, pair.keyPem, other.keyPem)).map(encode),
  fc.anything(),
);

describe('whatever a Secret contains', () => {
  test('is valid, broken or missing, within bounds', () => {
    const data = fc.oneof(fc.record({ 'tls.crt': entry, 'tls.key': entry }, { requiredKeys: [] }), fc.anything());
    fc.assert(
      fc.property(data, (anything) => {
        const judged = parseTlsData(anything);
        const observation = observationOf(judged);
        expect(['valid', 'broken']).toContain(observation.kind);
        expect(JSON.stringify(observation).length).toBeLessThan(MAX_OBSERVATION_LENGTH);
        if (observation.kind !== 'valid') return;
        const { serialNumber, issuerName, notBefore, notAfter } = observation.certificate;
        expect(serialNumber).toMatch(/^\d{1,49}$/);
        expect(issuerName.length).toBeLessThanOrEqual(257);
        expect(Date.parse(notBefore) + Date.parse(notAfter)).not.toBeNaN();
      }),
      LIMITS,
    );
  });

  test('its certificate is decoded or refused with a reason', () => {
    fc.assert(
      fc.property(fc.oneof(certificate, text), (pem) => {
        const { certificate: decoded, why } = decodeCertificate(pem);
        expect(decoded === undefined).toBe(why !== undefined);
      }),
      LIMITS,
    );
  });

  test('its key is decoded or refused with a reason that does not quote it, and proves nothing for another', async () => {
    const { certificate: leaf } = decodeCertificate(other.chainPem);
    await fc.assert(
      fc.asyncProperty(fc.oneof(key, text), async (pem) => {
        const { key: decoded, why = '' } = decodePrivateKey(pem);
        expect(decoded === undefined).toBe(why !== '');
        expect(why).toMatch(/^[\w ,.]*$/);
        expect(leaf && (await isPrivateKeyOf(pem, leaf.publicKey))).toBe(false);
      }),
      LIMITS,
    );
  });
});
