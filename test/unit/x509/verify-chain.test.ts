/** The rules of the chain gate, on chains with one fault each. */
import { beforeAll, describe, expect, it } from 'vitest';
import { clientRefusal, createTlsClient } from '../../../src/x509/client-verdict.ts';
import { TrustStore } from '../../../src/x509/trust-store.ts';
import { type ChainExpectation, verifyChain } from '../../../src/x509/verify-chain.ts';
import {
  type CertificateOptions,
  CLIENT_AUTH,
  type MadeCertificate,
  makeCertificate,
  pemOf,
  SERVER_AUTH,
} from '../../support/certificates/chains.ts';

const DAY_MS = 86_400_000;
const NAMES = ['api.c1.example.com', '*.apps.c1.example.com'];
const inDays = (days: number): Date => new Date(Date.now() + days * DAY_MS);

let root: MadeCertificate;
let upper: MadeCertificate;
let lower: MadeCertificate;
let leaf: MadeCertificate;

const makeLeaf = (issuer: MadeCertificate, options: Partial<CertificateOptions> = {}) =>
  makeCertificate({ name: 'api.c1.example.com', issuer, dnsNames: NAMES, extendedUsages: [SERVER_AUTH], ...options });

beforeAll(async () => {
  const long = { notBefore: inDays(-400), notAfter: inDays(4000) };
  root = await makeCertificate({ name: 'Root', ...long });
  upper = await makeCertificate({ name: 'Upper', issuer: root, pathLength: 1, ...long });
  lower = await makeCertificate({
    name: 'Lower',
    issuer: upper,
    pathLength: 0,
    extendedUsages: [SERVER_AUTH],
    ...long,
  });
  leaf = await makeLeaf(lower);
});

function verdict(chain: readonly MadeCertificate[], options: Partial<ChainExpectation> = {}) {
  const [first = leaf] = chain;
  return verifyChain(
    chain.map(({ certificate }) => certificate),
    { key: first.key, dnsNames: NAMES, trust: new TrustStore([root.pem]), now: new Date(), ...options },
  );
}

const clientOf = (...trusted: MadeCertificate[]) => createTlsClient(trusted.map(({ pem }) => pem));

describe('a chain', () => {
  it('that leads to a trusted root is accepted, as by a TLS client', async () => {
    const { refusal, anchor } = verdict([leaf, lower, upper]);
    expect(refusal).toBeUndefined();
    expect(anchor?.subject).toBe('CN=Root');
    const { keyPem } = leaf;
    expect(await clientRefusal(clientOf(root), { chainPem: pemOf(leaf, lower, upper), keyPem })).toBeUndefined();
  });

  it('may end with its root', () => {
    expect(verdict([leaf, lower, upper, root]).refusal).toBeUndefined();
  });

  it('may lead on to an older root by a cross-signed certificate, whichever of the two is trusted', async () => {
    const older = await makeCertificate({ name: 'Older', notAfter: inDays(4000) });
    const crossSigned = await makeCertificate({ name: 'Root', issuer: older, keysOf: root, notAfter: inDays(4000) });
    const chain = [leaf, lower, upper, crossSigned];
    for (const trusted of [root, older]) {
      expect(verdict(chain, { trust: new TrustStore([trusted.pem]) }).refusal).toBeUndefined();
      const { keyPem } = leaf;
      expect(await clientRefusal(clientOf(trusted), { chainPem: pemOf(...chain), keyPem })).toBeUndefined();
    }
    expect(verdict(chain, { trust: new TrustStore([upper.pem]) }).refusal).toBeUndefined();
  });

  it('is refused for an expired cross-signed certificate behind the trusted path: some clients follow it', async () => {
    const older = await makeCertificate({ name: 'Older' });
    const expired = { notBefore: inDays(-9), notAfter: inDays(-1) };
    const crossSigned = await makeCertificate({ name: 'Root', issuer: older, keysOf: root, ...expired });
    expect(verdict([leaf, lower, upper, crossSigned]).refusal).toMatchObject({ reason: 'expired', position: 3 });
  });

  it('of a CA that no client trusts has to come whole as far as can be seen', () => {
    expect(verdict([leaf, lower], { trust: 'any' }).refusal).toBeUndefined();
    expect(verdict([leaf], { trust: 'any' }).refusal).toMatchObject({ reason: 'issuerMissing', position: 0 });
    expect(verdict([leaf, upper], { trust: 'any' }).refusal).toMatchObject({ reason: 'issuerMissing', position: 0 });
  });
});

describe('a chain is refused, naming the certificate', () => {
  it.each<[string, () => readonly MadeCertificate[], string, number, RegExp]>([
    [
      'without an intermediate',
      () => [leaf, upper],
      'issuerMissing',
      0,
      /signed by "CN=Lower", which is not in the chain/,
    ],
    [
      'of two certificates out of three',
      () => [leaf, lower],
      'noTrustedRoot',
      1,
      /signed by "CN=Upper", which is neither/,
    ],
    ['of the leaf alone', () => [leaf], 'noTrustedRoot', 0, /certificate 1 of 1 \(CN=api\.c1\.example\.com\)/],
    ['in another order', () => [leaf, upper, lower], 'wrongOrder', 0, /by certificate 3, which does not follow it/],
    ['whose leaf does not come first', () => [lower, leaf, upper], 'wrongOrder', 1, /does not come first/],
    ['without any certificate', () => [], 'malformed', -1, /has 0 certificates/],
  ])('%s', (_what, chain, reason, position, message) => {
    const { refusal } = verdict(chain(), { key: leaf.key });
    expect(refusal).toMatchObject({ reason, ...(position >= 0 && { position }) });
    expect(refusal?.message).toMatch(message);
  });

  it('for a stray certificate behind a whole one', async () => {
    const stranger = await makeCertificate({ name: 'Stranger', issuer: root, notAfter: inDays(4000) });
    expect(verdict([leaf, lower, upper, stranger]).refusal).toMatchObject({ reason: 'wrongOrder', position: 3 });
  });

  it('of a root that is not trusted, even one of the same name', async () => {
    const impostor = await makeCertificate({ name: 'Root', notAfter: inDays(4000) });
    const trust = new TrustStore([impostor.pem]);
    expect(verdict([leaf, lower, upper], { trust }).refusal).toMatchObject({ reason: 'noTrustedRoot', position: 2 });
    const whole = verdict([leaf, lower, upper, root], { trust }).refusal;
    expect(whole).toMatchObject({ reason: 'noTrustedRoot', position: 3 });
    expect(whole?.message).toContain('is a root that is not trusted');
  });

  it('for another key, and for a missing name', async () => {
    const other = await makeLeaf(lower);
    expect(verdict([leaf, lower, upper], { key: other.key }).refusal).toMatchObject({
      reason: 'wrongKey',
      position: 0,
    });
    const { refusal } = verdict([leaf, lower, upper], { dnsNames: [...NAMES, 'rh-api.c1.example.com'] });
    expect(refusal).toMatchObject({ reason: 'wrongNames', position: 0 });
    expect(refusal?.message).toContain('does not cover rh-api.c1.example.com');
  });

  const SOON = { notBefore: inDays(-2), notAfter: inDays(5) };
  it.each<[string, string, Partial<CertificateOptions>]>([
    ['expired', 'expired', { notBefore: inDays(-9), notAfter: inDays(-1) }],
    ['not yet valid', 'notYetValid', { notBefore: inDays(1) }],
    ['about to expire', 'expiresSoon', SOON],
    ['no CA', 'notCa', { isCa: false }],
    ['not allowed to sign certificates', 'notCa', { mayCertSign: false }],
    ['without serverAuth', 'notForServers', { extendedUsages: [CLIENT_AUTH] }],
    ['with a weak key', 'weakKey', { keyType: 'rsa-1024' }],
    ['signed with SHA-1', 'weakSignature', { hash: 'SHA-1' }],
  ])('whose intermediate is %s', async (_what, reason, options) => {
    const long = { notBefore: inDays(-9), notAfter: inDays(4000) };
    const unfit = await makeCertificate({ name: 'Unfit', issuer: root, ...long, ...options });
    const below = await makeLeaf(unfit);
    const { refusal } = verdict([below, unfit]);
    expect(refusal).toMatchObject({ reason, position: 1 });
    expect(refusal?.message).toContain('certificate 2 of 2 (CN=Unfit)');
  });

  it.each<[string, string, Partial<CertificateOptions>]>([
    ['expired', 'expired', { notBefore: inDays(-9), notAfter: inDays(-1) }],
    ['from tomorrow', 'notYetValid', { notBefore: inDays(1) }],
    ['with little of its lifetime left', 'expiresSoon', { notBefore: inDays(-86), notAfter: inDays(4) }],
    ['for clients only', 'notForServers', { extendedUsages: [CLIENT_AUTH] }],
  ])('whose leaf is %s', async (_what, reason, options) => {
    const unfit = await makeLeaf(lower, options);
    expect(verdict([unfit, lower, upper]).refusal).toMatchObject({ reason, position: 0 });
  });

  it('with more CA certificates than one of them allows', async () => {
    const extra = await makeCertificate({ name: 'Extra', issuer: lower, notAfter: inDays(4000) });
    const below = await makeLeaf(extra);
    const { refusal } = verdict([below, extra, lower, upper]);
    expect(refusal).toMatchObject({ reason: 'notCa', position: 2 });
    expect(refusal?.message).toContain('allows 0 CA certificates below it, and there are 1');
  });
});

describe('a TLS client', () => {
  const refusal = (chain: readonly MadeCertificate[], keyPem = chain[0]?.keyPem ?? '') =>
    clientRefusal(clientOf(root), { chainPem: pemOf(...chain), keyPem });

  it('refuses names that an intermediate is not allowed to certify', async () => {
    const limited = await makeCertificate({
      name: 'Limited',
      issuer: root,
      permitted: 'example.org',
      notAfter: inDays(4000),
    });
    const below = await makeLeaf(limited);
    // No rule of certman's own.
    expect(verdict([below, limited]).refusal).toBeUndefined();
    expect(await refusal([below, limited])).toBe('permitted subtree violation');
    const allowed = await makeCertificate({
      name: 'Allowed',
      issuer: root,
      permitted: 'example.com',
      notAfter: inDays(4000),
    });
    expect(await refusal([await makeLeaf(allowed), allowed])).toBeUndefined();
  });

  it('refuses a chain without an intermediate, a weak one, and another key', async () => {
    expect(await refusal([leaf, lower])).toMatch(/unable to get/);
    const weak = await makeCertificate({ name: 'Weak', issuer: root, keyType: 'rsa-1024', notAfter: inDays(4000) });
    expect(await refusal([await makeLeaf(weak), weak])).toMatch(/key too small/);
    expect(await refusal([leaf, lower, upper], root.keyPem)).toMatch(/mismatch/);
  });
});
