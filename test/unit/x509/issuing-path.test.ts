import { beforeAll, describe, expect, it } from 'vitest';
import { isFromSameIssuer, issuingPathOf } from '../../../src/x509/issuing-path.ts';
import { type MadeCertificate, makeCertificate } from '../../support/certificates/chains.ts';

let root: MadeCertificate;
let other: MadeCertificate;
let issuer: MadeCertificate;
let crossed: MadeCertificate;
let leaf: MadeCertificate;

const leafOf = (by: MadeCertificate) => makeCertificate({ name: 'c1', dnsNames: ['c1.example.com'], issuer: by });
const chainOf = (...chain: readonly MadeCertificate[]) => chain.map(({ certificate }) => certificate);

beforeAll(async () => {
  root = await makeCertificate({ name: 'Root' });
  other = await makeCertificate({ name: 'Other Root' });
  issuer = await makeCertificate({ name: 'YE2', issuer: root });
  crossed = await makeCertificate({ name: 'YE2', issuer: other, keysOf: issuer });
  leaf = await leafOf(issuer);
});

describe('the issuing path of a chain', () => {
  it('is the same for another leaf, and for a renewed intermediate with the same key and root', async () => {
    const renewed = await makeCertificate({ name: 'YE2', issuer: root, keysOf: issuer });
    const { id } = issuingPathOf(chainOf(leaf, issuer));
    expect(issuingPathOf(chainOf(await leafOf(issuer), issuer)).id).toBe(id);
    expect(issuingPathOf(chainOf(leaf, renewed)).id).toBe(id);
  });

  it('is another one for another key of the same name, and for another root above the same key', async () => {
    const namesake = await makeCertificate({ name: 'YE2', issuer: root });
    const ids = [
      issuingPathOf(chainOf(leaf, issuer)).id,
      issuingPathOf(chainOf(await leafOf(namesake), namesake)).id,
      issuingPathOf(chainOf(leaf, crossed)).id,
    ];
    expect(new Set(ids).size).toBe(3);
  });

  it('is named after the issuer and the root', () => {
    expect(issuingPathOf(chainOf(leaf, issuer)).name).toBe('YE2 (Root)');
    expect(issuingPathOf(chainOf(leaf)).name).toBe('YE2');
  });
});

it('a certificate is from the issuer of a chain only by its signature', async () => {
  const forged = await leafOf(await makeCertificate({ name: 'YE2', issuer: other }));
  expect(isFromSameIssuer(leaf.certificate, chainOf(leaf, issuer))).toBe(true);
  expect(isFromSameIssuer(forged.certificate, chainOf(leaf, issuer))).toBe(false);
  expect(isFromSameIssuer(leaf.certificate, chainOf(leaf))).toBe(false);
});
