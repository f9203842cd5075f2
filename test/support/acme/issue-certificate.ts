/** Issues certificates without workflow and Secret, at a CA that validates nothing. */
import { answerChallenge, dns01Challenge, fetchAuthorization } from '../../../src/acme/authorization.ts';
import { downloadChain, readLeaf } from '../../../src/acme/certificate.ts';
import type { AcmeClient } from '../../../src/acme/client.ts';
import { createCsr } from '../../../src/acme/csr.ts';
import type { AcmeDirectory } from '../../../src/acme/directory.ts';
import { fetchOrder, type NewOrder, type Order, placeNewOrder, postFinalize } from '../../../src/acme/order.ts';
import { generatePrivateKey, parsePrivateKey } from '../../../src/acme/private-key.ts';
import type { CertificateFacts } from '../../../src/certificates/certificate-facts.ts';
import { certificateFacts } from '../../../src/kubernetes/objects/certificate-facts.ts';
import type { FaultProxy } from '../faults/fault-proxy.ts';
import { eventually } from '../vitest/eventually.ts';

export interface CaCertificate {
  readonly chainPem: string;
  readonly facts: CertificateFacts;
  /** `facts.certId`, which every certificate of a CA has. */
  readonly certId: string;
}

/**
 * Whether the serial number in the identifier has a sign octet, as 1 in 256 of Pebble's have. Pebble finds no order by such an
 * identifier, because it stores serial numbers without the octet; it does find renewal information.
 */
export function hasSignOctet(certId: string): boolean {
  return Buffer.from(certId.split('.')[1] ?? '', 'base64url')[0] === 0;
}

export async function issueCertificate(ca: AcmeClient, wanted: NewOrder): Promise<CaCertificate> {
  return await completeOrder(ca, await placeNewOrder(ca, wanted));
}

/** Completes a placed order. @returns its certificate. */
export async function completeOrder(ca: AcmeClient, placed: Order): Promise<CaCertificate> {
  const authorizations = await Promise.all(placed.authorizations.map((url) => fetchAuthorization(ca, url)));
  await Promise.all(
    authorizations
      .filter(({ status }) => status === 'pending')
      .map((authorization) => answerChallenge(ca, dns01Challenge(authorization, ca).url)),
  );
  const ready = await waitForOrderStatus(ca, placed, 'ready');
  const key = parsePrivateKey(await generatePrivateKey('p-256'));
  const dnsNames = placed.identifiers.map(({ value }) => value);
  await postFinalize(ca, ready, (await createCsr(key, { dnsNames })).toString('base64url'));
  const { certificate = '' } = await waitForOrderStatus(ca, placed, 'valid');
  const { chainPem } = await downloadChain(ca, certificate);
  const facts = certificateFacts(readLeaf(chainPem));
  if (facts.certId === undefined) throw new Error(`no certificate that a CA would issue: ${chainPem}`);
  return { chainPem, facts, certId: facts.certId };
}

function waitForOrderStatus(ca: AcmeClient, { url }: Order, wanted: Order['status']): Promise<Order> {
  return eventually(
    `the order is ${wanted}`,
    () => fetchOrder(ca, url),
    ({ status }) => status === wanted,
  );
}

/** Removes renewalInfo from the CA's directory, for clients that have not cached it. */
export function withoutRenewalInfo(proxy: FaultProxy, directory: AcmeDirectory): { remove: () => void } {
  const { renewalInfo: _, ...body } = directory;
  return proxy.inject({ when: ({ path }) => path === '/dir', fault: { kind: 'answer', status: 200, body } });
}
