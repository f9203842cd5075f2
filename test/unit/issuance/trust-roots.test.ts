import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { TrustRoots } from '../../../src/issuance/trust-roots.ts';
import type { TrustStore } from '../../../src/x509/trust-store.ts';
import { type MadeCertificate, makeCertificate, pemOf } from '../../support/certificates/chains.ts';

const STAGING = 'acme-staging-v02.api.letsencrypt.org';

const folder = mkdtempSync(join(tmpdir(), 'certman-trust-'));
const bundleFile = join(folder, 'trust.pem');
let one: MadeCertificate;
let other: MadeCertificate;
let warnings: string[];

beforeAll(async () => {
  [one, other] = [await makeCertificate({ name: 'One' }), await makeCertificate({ name: 'Other' })];
});
beforeEach(() => void (warnings = []));
afterAll(() => rmSync(folder, { recursive: true }));

const onWarning = (message: string): void => void warnings.push(message);
const storeOf = (roots: TrustRoots, caHost = 'ca.test'): TrustStore => {
  const store = roots.of(caHost);
  if (store === 'any') throw new Error('any root is trusted');
  return store;
};

describe('without a bundle', () => {
  it("trusts Node's roots and what the ACME server is verified with", () => {
    const store = storeOf(new TrustRoots({ acmeCaBundle: one.pem, onWarning }));
    expect(store.has(one.certificate)).toBe(true);
    expect(rootCertificates.every((pem) => store.has(new X509Certificate(pem)))).toBe(true);
    expect(store.has(other.certificate)).toBe(false);
  });

  it("accepts any root of Let's Encrypt's staging only", () => {
    const roots = new TrustRoots({ onWarning });
    expect(roots.of(STAGING)).toBe('any');
    expect(roots.of('acme-v02.api.letsencrypt.org')).not.toBe('any');
  });
});

describe('a bundle', () => {
  it('is all that is trusted, for every CA', () => {
    writeFileSync(bundleFile, pemOf(one));
    const roots = new TrustRoots({ bundleFile, acmeCaBundle: other.pem, onWarning });
    expect(storeOf(roots).size).toBe(1);
    expect(storeOf(roots, STAGING).has(one.certificate)).toBe(true);
    expect(storeOf(roots)).toBe(storeOf(roots));
  });

  it('is read again when it changes', () => {
    writeFileSync(bundleFile, pemOf(one));
    const roots = new TrustRoots({ bundleFile, onWarning });
    expect(storeOf(roots).has(other.certificate)).toBe(false);
    writeFileSync(bundleFile, pemOf(one, other));
    expect(storeOf(roots).has(other.certificate)).toBe(true);
    expect(warnings).toEqual([]);
  });

  it('that cannot be read any more stays trusted as it was, and says so once', () => {
    writeFileSync(bundleFile, pemOf(one));
    const roots = new TrustRoots({ bundleFile, onWarning });
    expect(storeOf(roots).size).toBe(1);
    writeFileSync(bundleFile, 'nothing');
    expect(storeOf(roots).has(one.certificate)).toBe(true);
    expect(storeOf(roots).has(one.certificate)).toBe(true);
    expect(warnings).toEqual([expect.stringContaining('holds no certificate')]);
    writeFileSync(bundleFile, pemOf(other));
    expect(storeOf(roots).has(other.certificate)).toBe(true);
  });
});
