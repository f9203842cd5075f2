/** Certificates straight from a CA that holds every challenge to be met: no workflow, no Secret. */
import { answerChallenge, dns01Challenge, fetchAuthorization } from '../../../src/acme/authorization.ts';
import { downloadChain } from '../../../src/acme/certificate.ts';
import type { AcmeClient } from '../../../src/acme/client.ts';
import { createCsr } from '../../../src/acme/csr.ts';
import type { AcmeDirectory } from '../../../src/acme/directory.ts';
import { fetchOrder, type NewOrder, type Order, placeNewOrder, postFinalize } from '../../../src/acme/order.ts';
import { generatePrivateKey, parsePrivateKey } from '../../../src/acme/private-key.ts';
import type { CertificateFacts } from '../../../src/certificates/certificate-facts.ts';
import { certificateFacts } from '../../../src/kubernetes/objects/tls-secret-data.ts';
import type { FaultProxy } from '../faults/fault-proxy.ts';
import { eventually } from '../vitest/eventually.ts';

export interface CaCertificate {
  readonly chainPem: string;
  readonly facts: CertificateFacts;
  /** `facts.certId`, which every certificate of a CA has. */
  readonly certId: string;
}

/**
 * Whether the identifier has the octet that keeps a serial number positive, as 1 in 256 of Pebble's have. Pebble itself keeps
 * serial numbers without it, and does not find an order by such an identifier; renewal information it does.
 */
export function hasSignOctet(certId: string): boolean {
  return Buffer.from(certId.split('.')[1] ?? '', 'base64url')[0] === 0;
}

export async function issueCertificate(ca: AcmeClient, wanted: NewOrder): Promise<CaCertificate> {
  return await completeOrder(ca, await placeNewOrder(ca, wanted));
}

/** Proves the names of an order that was placed, and takes the certificate. */
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
  const chainPem = await downloadChain(ca, certificate);
  const facts = certificateFacts(chainPem);
  if (facts?.certId === undefined) throw new Error(`no certificate that a CA would issue: ${chainPem}`);
  return { chainPem, facts, certId: facts.certId };
}

function waitForOrderStatus(ca: AcmeClient, { url }: Order, wanted: Order['status']): Promise<Order> {
  return eventually(
    `the order is ${wanted}`,
    () => fetchOrder(ca, url),
    ({ status }) => status === wanted,
  );
}

/** Makes the CA behind a proxy one that has no renewal information, for clients that do not know its directory yet. */
export function withoutRenewalInfo(proxy: FaultProxy, directory: AcmeDirectory): { remove: () => void } {
  const { renewalInfo: _, ...body } = directory;
  return proxy.inject({ when: ({ path }) => path === '/dir', fault: { kind: 'answer', status: 200, body } });
}
