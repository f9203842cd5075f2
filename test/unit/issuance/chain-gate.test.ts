/** The gate as a whole, and which of a CA's chains is chosen. */
import { beforeAll, describe, expect, it } from 'vitest';
import type { AcmeClient } from '../../../src/acme/client.ts';
import { ChainRevocations } from '../../../src/crl/chain-revocations.ts';
import { Crl } from '../../../src/crl/crl.ts';
import { CertmanError } from '../../../src/failures/failure.ts';
import { ChainGate, type ChainToVerify } from '../../../src/issuance/chain-gate.ts';
import { chooseChain } from '../../../src/issuance/choose-chain.ts';
import { TrustStore } from '../../../src/x509/trust-store.ts';
import {
  type CertificateOptions,
  type MadeCertificate,
  makeCertificate,
  pemOf,
} from '../../support/certificates/chains.ts';

const DAY_MS = 86_400_000;
const NAMES = ['api.c1.example.com'];
const LATER = new Date(Date.now() + 4000 * DAY_MS);

let root: MadeCertificate;
let other: MadeCertificate;
let issuer: MadeCertificate;
let leaf: MadeCertificate;

const leafOf = (by: MadeCertificate, options: Partial<CertificateOptions> = {}) =>
  makeCertificate({ name: 'api.c1.example.com', dnsNames: NAMES, issuer: by, notBefore: new Date(), ...options });

beforeAll(async () => {
  root = await makeCertificate({ name: 'Root', notAfter: LATER });
  other = await makeCertificate({ name: 'Other', notAfter: LATER });
  issuer = await makeCertificate({ name: 'Issuer', issuer: root, notAfter: LATER });
  leaf = await leafOf(issuer);
});

const roots = { of: () => new TrustStore([root.pem]) };
const toVerify = (chainPem: string, { key, keyPem } = leaf) => ({
  chainPem,
  key,
  keyPem,
  dnsNames: NAMES,
  caHost: 'ca.test',
});

describe('the gate', () => {
  it('accepts a whole chain, and counts what it refuses', async () => {
    const refused: string[] = [];
    const gate = new ChainGate({ roots, onRefused: (reason) => refused.push(reason) });
    expect(await gate.verify(toVerify(pemOf(leaf, issuer)))).toBeUndefined();
    expect(await gate.verify(toVerify(pemOf(leaf)))).toMatchObject({ reason: 'noTrustedRoot' });
    const broken = `${pemOf(leaf)}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`;
    expect(await gate.verify(toVerify(broken))).toMatchObject({ reason: 'malformed' });
    expect(refused).toEqual(['noTrustedRoot', 'malformed']);
  });

  it('refuses a revoked issuer, and accepts one that could not be checked, saying so', async () => {
    const revoking = new ChainGate({
      roots,
      revocations: { check: () => Promise.resolve({ revoked: 1, unchecked: [] }) },
    });
    const refusal = await revoking.verify(toVerify(pemOf(leaf, issuer)));
    expect(refusal).toMatchObject({ reason: 'revoked', position: 1 });
    expect(refusal?.message).toBe('certificate 2 of 2 (CN=Issuer) is on the CRL of its issuer: it is revoked');
    const warnings: string[] = [];
    const revocations = { check: () => Promise.resolve({ unchecked: ['No answer.'] }) };
    const unsure = new ChainGate({ roots, revocations, onWarning: (message) => warnings.push(message) });
    expect(await unsure.verify(toVerify(pemOf(leaf, issuer)))).toBeUndefined();
    expect(warnings).toEqual([expect.stringContaining('No answer.')]);
  });

  it('finds a revoked cross-signed certificate behind a trusted path', async () => {
    const crlUrl = 'http://ca.test/other.crl';
    const crossed = await makeCertificate({
      name: 'Root',
      issuer: other,
      keysOf: root,
      notAfter: LATER,
      serialHex: '0a',
      crlUrl,
    });
    const crl = new Crl(await other.crl(['0a']));
    const revocations = new ChainRevocations({ fetch: () => Promise.resolve({ crl }) });
    const both = { of: () => new TrustStore([root.pem, other.pem]) };
    const refusal = await new ChainGate({ roots: both, revocations }).verify(toVerify(pemOf(leaf, issuer, crossed)));
    expect(refusal).toMatchObject({ reason: 'revoked', position: 2 });
  });

  it('refuses what only a TLS client notices', async () => {
    const limited = await makeCertificate({ name: 'Limited', issuer: root, permitted: 'example.org', notAfter: LATER });
    const below = await leafOf(limited);
    const refusal = await new ChainGate({ roots }).verify(toVerify(pemOf(below, limited), below));
    expect(refusal).toEqual({
      reason: 'refusedByClient',
      message: 'a TLS client refuses it: permitted subtree violation',
    });
  });
});

describe('what Hive trusts', () => {
  const byHive = (...trusted: readonly MadeCertificate[]) => ({
    store: new TrustStore(trusted.map(({ pem }) => pem)),
    secret: 'ns/c1-admin-kubeconfig',
  });
  const gate = () => new ChainGate({ roots });

  it.each([
    ['the root', () => byHive(other, root)],
    ['an intermediate, as Go does', () => byHive(issuer)],
  ])('is %s of the chain', async (_what, trustedByHive) => {
    expect(await gate().verify({ ...toVerify(pemOf(leaf, issuer)), trustedByHive: trustedByHive() })).toBeUndefined();
  });

  it('is another root: the refusal names the certificate, the Secret and what Hive would say', async () => {
    const refused: string[] = [];
    const counting = new ChainGate({ roots, onRefused: (reason) => refused.push(reason) });
    const refusal = await counting.verify({ ...toVerify(pemOf(leaf, issuer)), trustedByHive: byHive(other) });
    expect(refusal).toMatchObject({ reason: 'notTrustedByHive', position: 1 });
    expect(refusal?.message).toBe(
      'certificate 2 of 2 (CN=Issuer) was signed by "CN=Root", which Hive does not trust, by the kubeconfig in Secret ' +
        'ns/c1-admin-kubeconfig: it would find the cluster Unreachable ("x509: certificate signed by unknown authority")',
    );
    expect(refused).toEqual(['notTrustedByHive']);
    const withRoot = await gate().verify({ ...toVerify(pemOf(leaf, issuer, root)), trustedByHive: byHive(other) });
    expect(withRoot?.message).toContain('certificate 3 of 3 (CN=Root) is a root that Hive does not trust');
  });

  it('does not make up for a root that other clients do not trust', async () => {
    const elsewhere = await makeCertificate({ name: 'Elsewhere', issuer: other, notAfter: LATER });
    const below = await leafOf(elsewhere);
    const chain = toVerify(pemOf(below, elsewhere), below);
    expect(await gate().verify({ ...chain, trustedByHive: byHive(other) })).toMatchObject({ reason: 'noTrustedRoot' });
  });
});

describe('of the chains of a CA', () => {
  const url = 'https://ca.test/certificate/1';
  const gate = () => new ChainGate({ roots });

  /** A CA with these alternate chains, by URL; an error is thrown. */
  function choose(
    chainPem: string,
    alternates: Readonly<Record<string, string | CertmanError>>,
    of = leaf,
    trustedByHive?: ChainToVerify['trustedByHive'],
  ) {
    const downloaded: string[] = [];
    const ca = {
      host: 'ca.test',
      ownsUrl: (found: string) => Promise.resolve(new URL(found).host === 'ca.test'),
      post: ({ url: from }: { readonly url: string }) => {
        downloaded.push(from);
        const body = alternates[from];
        return body instanceof CertmanError ? Promise.reject(body) : Promise.resolve({ body, alternates: [] });
      },
    } as unknown as AcmeClient;
    const offered = { url, downloaded: { chainPem, alternates: Object.keys(alternates) }, leaf: of.certificate };
    return {
      downloaded,
      chosen: chooseChain(ca, gate(), offered, { key: leaf.key, keyPem: leaf.keyPem, dnsNames: NAMES, trustedByHive }),
    };
  }

  it('the default one is chosen without a download of others', async () => {
    const { chosen, downloaded } = choose(pemOf(leaf, issuer), { 'https://ca.test/certificate/1/1': pemOf(leaf) });
    expect(await chosen).toEqual({ chainPem: pemOf(leaf, issuer) });
    expect(downloaded).toEqual([]);
  });

  it('the first alternate one that passes is chosen; one at another host is not downloaded', async () => {
    const unreachable = new CertmanError({ code: 'acme/unreachable', message: 'No answer.' });
    const elsewhere = await leafOf(issuer);
    const { chosen, downloaded } = choose(pemOf(leaf), {
      'https://elsewhere.test/1': pemOf(leaf, issuer),
      'https://ca.test/2': unreachable,
      'https://ca.test/3': pemOf(elsewhere, issuer),
      'https://ca.test/4': pemOf(leaf, issuer, root),
      'https://ca.test/5': pemOf(leaf, issuer),
    });
    expect(await chosen).toEqual({ chainPem: pemOf(leaf, issuer, root) });
    expect(downloaded).toEqual(['https://ca.test/2', 'https://ca.test/3', 'https://ca.test/4']);
  });

  it('none is chosen where none passes: the failure says why of each, and keeps the order', async () => {
    const crossed = await makeCertificate({ name: 'Issuer', issuer: other, keysOf: issuer, notAfter: LATER });
    const { chosen } = choose(pemOf(leaf), { 'https://ca.test/2': pemOf(leaf, crossed) });
    const error = await chosen.catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'certificate/chainNotTrusted' });
    const { message, remedy } = (error as CertmanError).info;
    expect(message).toContain(`The certificate at ${url} is not installed: its chain would be refused by clients:`);
    expect(message).toContain('https://ca.test/2: certificate 2 of 2 (CN=Issuer) was signed by "CN=Other"');
    expect(remedy).toContain('The Secret is unchanged.');
    expect(remedy).toContain('CERTMAN_TRUST_BUNDLE');
  });

  it('an alternate one is chosen where Hive trusts that one only; else the failure says what to do', async () => {
    const crossed = await makeCertificate({ name: 'Root', issuer: other, keysOf: root, notAfter: LATER });
    const hive = { store: new TrustStore([other.pem]), secret: 'ns/c1-admin-kubeconfig' };
    const alternates = { 'https://ca.test/2': pemOf(leaf, issuer, crossed) };
    const { chosen } = choose(pemOf(leaf, issuer), alternates, leaf, hive);
    expect(await chosen).toEqual({ chainPem: pemOf(leaf, issuer, crossed) });
    const refused = await choose(pemOf(leaf, issuer), {}, leaf, hive).chosen.catch((thrown: unknown) => thrown);
    expect(refused).toMatchObject({ code: 'certificate/chainNotTrusted' });
    expect((refused as CertmanError).info.remedy).toContain('additionalCertificateAuthoritiesSecretRef in HiveConfig');
  });

  it('a certificate whose chains are refused a day after its issuance is given up', async () => {
    const old = await leafOf(issuer, { keysOf: leaf, notBefore: new Date(Date.now() - 1.1 * DAY_MS) });
    const { unusable } = await choose(pemOf(old), {}, old).chosen;
    expect(unusable).toMatch(
      /would be refused by clients: .*The CA offers no other; issued at .*, it is waited for no longer/,
    );
  });

  it('a certificate for another key is given up at once: all chains have the same leaf', async () => {
    const foreign = await leafOf(issuer);
    const { chosen, downloaded } = choose(
      pemOf(foreign, issuer),
      { 'https://ca.test/2': pemOf(leaf, issuer) },
      foreign,
    );
    expect(await chosen).toEqual({ unusable: expect.stringContaining('another key') as string });
    expect(downloaded).toEqual([]);
  });
});
