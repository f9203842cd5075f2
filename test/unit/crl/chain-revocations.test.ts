import { beforeAll, expect, test } from 'vitest';
import { ChainRevocations } from '../../../src/crl/chain-revocations.ts';
import { Crl } from '../../../src/crl/crl.ts';
import { CertmanError } from '../../../src/failures/failure.ts';
import { type MadeCertificate, makeCertificate } from '../../support/certificates/chains.ts';

const DAY_MS = 86_400_000;
const ROOT_CRL = 'http://ca.test/root.crl';
const LEAF_CRL = 'http://ca.test/leaf.crl';
const now = new Date();

let root: MadeCertificate;
let issuer: MadeCertificate;
let leaf: MadeCertificate;

beforeAll(async () => {
  root = await makeCertificate({ name: 'Root' });
  issuer = await makeCertificate({ name: 'Issuer', issuer: root, serialHex: '0a', crlUrl: ROOT_CRL });
  const names = { name: 'a.example.com', dnsNames: ['a.example.com'] };
  leaf = await makeCertificate({ ...names, issuer, serialHex: '0b', crlUrl: LEAF_CRL, notBefore: new Date() });
});

/** Checks against these CRLs, by URL. */
function checkOf(lists: Readonly<Record<string, Buffer | CertmanError>>, certificate = leaf) {
  const fetched: string[] = [];
  const outcomes: string[] = [];
  const source = {
    fetch: async (url: string) => {
      fetched.push(url);
      const found = lists[url];
      if (found === undefined || found instanceof CertmanError) throw found ?? new Error(`nothing at ${url}`);
      return { crl: new Crl(found) };
    },
  };
  const revocations = new ChainRevocations(source, (outcome) => outcomes.push(outcome));
  const chain = [certificate.certificate, issuer.certificate];
  return { fetched, outcomes, check: (at = now) => revocations.check(chain, root.certificate, at) };
}

test('an intermediate on the CRL of its issuer is found', async () => {
  const { check, outcomes } = checkOf({ [ROOT_CRL]: await root.crl(['0a']) });
  expect(await check()).toEqual({ revoked: 1, unchecked: [] });
  expect(outcomes).toEqual(['fetched']);
});

test('a list is fetched once, and that of a new leaf never', async () => {
  const { check, fetched } = checkOf({ [ROOT_CRL]: await root.crl(['0c']) });
  expect(await check()).toEqual({ unchecked: [] });
  expect(await check()).toEqual({ unchecked: [] });
  expect(fetched).toEqual([ROOT_CRL]);
});

test('a leaf of more than a day is looked for as well: its installation may have failed since', async () => {
  const { check } = checkOf({ [ROOT_CRL]: await root.crl([]), [LEAF_CRL]: await issuer.crl(['0b']) });
  expect(await check(new Date(now.getTime() + 2 * DAY_MS))).toEqual({ revoked: 0, unchecked: [] });
});

test('a list by another key revokes nothing', async () => {
  const impostor = await makeCertificate({ name: 'Root' });
  const { check, outcomes } = checkOf({ [ROOT_CRL]: await impostor.crl(['0a']) });
  const { revoked, unchecked } = await check();
  expect(revoked).toBeUndefined();
  expect(unchecked).toEqual([`The CRL at ${ROOT_CRL} lists a certificate, but is not signed by its issuer.`]);
  expect(outcomes).toEqual(['fetched', 'untrusted']);
});

test('a revocation on a list that is out of date counts', async () => {
  const { check, outcomes } = checkOf({ [ROOT_CRL]: await root.crl(['0a'], new Date(Date.now() - 1_000)) });
  expect((await check()).revoked).toBe(1);
  expect(outcomes).toEqual(['outdated']);
});

test('a list that cannot be fetched blocks nothing, says so, and is not fetched again at once', async () => {
  const message = `The CRL at ${ROOT_CRL} cannot be fetched: no answer.`;
  const { check, fetched, outcomes } = checkOf({ [ROOT_CRL]: new CertmanError({ code: 'crl/unreachable', message }) });
  expect(await check()).toEqual({ unchecked: [message] });
  expect(await check()).toEqual({ unchecked: [message] });
  expect(fetched).toHaveLength(1);
  expect(outcomes).toEqual(['unreachable']);
});
