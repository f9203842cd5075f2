/** Orders with `replaces` (RFC 9773 §5), accepted and rejected. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { StoredAccount } from '../../../src/acme/account.ts';
import type { AcmeClient } from '../../../src/acme/client.ts';
import type { AcmeClientSource } from '../../../src/acme/client-source.ts';
import { type Order, placeNewOrder } from '../../../src/acme/order.ts';
import { CertmanError } from '../../../src/failures/failure.ts';
import { caSource, clientOf, newAccount } from '../../support/acme/account.ts';
import {
  type CaCertificate,
  completeOrder,
  hasSignOctet,
  issueCertificate,
  withoutRenewalInfo,
} from '../../support/acme/issue-certificate.ts';
import { type Pebble, startPebble } from '../../support/acme/pebble.ts';
import { type FaultProxy, startFaultProxy } from '../../support/faults/fault-proxy.ts';

let pebble: Pebble;
let proxy: FaultProxy;
let server: { directoryUrl: string; caPem: string };
let account: StoredAccount;
let source: AcmeClientSource;
let ca: AcmeClient;
let certificate: CaCertificate;
let dnsNames: readonly string[];
let count = 0;

beforeAll(async () => {
  pebble = await startPebble({ nonceReject: 0, profiles: { default: 90 * 86_400 } });
  proxy = await startFaultProxy({ target: pebble.url, targetCaPem: pebble.caPem, tls: pebble.tls });
  server = { directoryUrl: `${proxy.url}/dir`, caPem: pebble.caPem };
  account = await newAccount(server);
  source = caSource(server, { stored: account });
  ca = await clientOf(source);
});
afterAll(async () => {
  await source.close();
  await proxy.close();
  await pebble.stop();
});
beforeEach(async () => {
  dnsNames = [`api.c${(count += 1)}.example.com`];
  do certificate = await issueCertificate(ca, { dnsNames });
  while (hasSignOctet(certificate.certId));
  proxy.clearSeen();
});

const isNewOrder = ({ path }: { path: string }): boolean => path === '/order-plz';
const ordersAsked = (): number => proxy.seen.filter(isNewOrder).length;

/** Ready at once where the CA reuses an authorization, as Pebble does one time in a hundred even at 0 percent. */
function expectPlaced({ status }: Order): void {
  expect(['pending', 'ready']).toContain(status);
}

/** Places an order with `replaces`. @returns it, with the CA's rejections of `replaces`. */
async function replacing(
  replaces: string,
  options: { of?: AcmeClient; names?: readonly string[] } = {},
): Promise<{ order: Order; refusals: readonly string[] }> {
  const refusals: string[] = [];
  const order = await placeNewOrder(options.of ?? ca, { dnsNames: options.names ?? dnsNames, replaces }, (refusal) =>
    refusals.push(refusal.message),
  );
  return { order, refusals };
}

describe('an order that replaces a certificate', () => {
  it('is accepted in one request', async () => {
    const { order, refusals } = await replacing(certificate.certId);
    expectPlaced(order);
    expect(refusals).toEqual([]);
    expect(ordersAsked()).toBe(1);
  });

  it('is accepted with an additional name', async () => {
    const { refusals } = await replacing(certificate.certId, { names: [...dnsNames, `more.${dnsNames[0]}`] });
    expect(refusals).toEqual([]);
  });

  it('that was replaced already is placed without replaces', async () => {
    await completeOrder(ca, (await replacing(certificate.certId)).order);
    proxy.clearSeen();
    const { order, refusals } = await replacing(certificate.certId);
    expectPlaced(order);
    expect(refusals).toEqual([expect.stringMatching(/HTTP 409.*\[alreadyReplaced\]/)]);
    expect(ordersAsked()).toBe(2);
  });

  it('of another account is placed without replaces', async () => {
    const otherAccount = caSource(server, { stored: await newAccount(server) });
    const { order, refusals } = await replacing(certificate.certId, { of: await clientOf(otherAccount) });
    await otherAccount.close();
    expectPlaced(order);
    expect(refusals).toEqual([expect.stringMatching(/HTTP 403.*\[unauthorized\]/)]);
  });

  it.each([
    ['that the CA never issued', () => `${certificate.certId.split('.')[0]}.AIdlQyE`],
    ['of another CA', () => 'aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE'],
    ['that none can be', () => 'nonsense'],
  ])('%s is placed without replaces', async (_what, replaces) => {
    const { order, refusals } = await replacing(replaces());
    expectPlaced(order);
    expect(refusals).toHaveLength(1);
    expect(ordersAsked()).toBe(2);
  });

  it('with no common name is placed without replaces', async () => {
    const { order, refusals } = await replacing(certificate.certId, { names: ['api.elsewhere.example.com'] });
    expect(order.identifiers).toEqual([{ type: 'dns', value: 'api.elsewhere.example.com' }]);
    expect(refusals).toHaveLength(1);
  });

  // Boulder's details (wfe2, orderMatchesReplacement and validateReplacementOrder).
  it.each([
    [404, 'malformed', 'request included `replaces` field, but no current certificate with serial "00" exists'],
    [400, 'malformed', 'identifiers in this order do not match any identifiers in the certificate being replaced'],
    [403, 'unauthorized', 'requester account did not request the certificate being replaced by this order'],
    [409, 'alreadyReplaced', 'cannot indicate an order replaces certificate with serial "00", which already has one'],
  ])("that Let's Encrypt rejects with %i %s is placed without replaces", async (status, type, detail) => {
    const body = { type: `urn:ietf:params:acme:error:${type}`, detail, status };
    const refusing = proxy.inject({ when: isNewOrder, fault: { kind: 'answer', status, body }, times: 1 });
    const { order, refusals } = await replacing(certificate.certId);
    refusing.remove();
    expectPlaced(order);
    expect(refusals).toEqual([expect.stringContaining(detail)]);
    expect(ordersAsked()).toBe(2);
  });

  it.each([
    [429, 'rateLimited', 'too many certificates already issued', 'acme/rateLimited'],
    [503, 'serverInternal', 'The service is down for maintenance', 'acme/serverError'],
    [500, 'serverInternal', 'Error creating new order', 'acme/serverError'],
    [400, 'rejectedIdentifier', 'policy forbids issuing for this name', 'acme/rejectedIdentifier'],
    [403, 'unauthorized', 'An account has been deactivated', 'acme/accountInvalid'],
    [403, 'userActionRequired', 'agree to the terms of service', 'acme/accountInvalid'],
    [400, 'accountDoesNotExist', 'unknown account', 'acme/accountUnknown'],
  ])('is not retried after %i %s, which replaces cannot cause', async (status, type, detail, code) => {
    const body = { type: `urn:ietf:params:acme:error:${type}`, detail, status };
    const refusing = proxy.inject({ when: isNewOrder, fault: { kind: 'answer', status, body } });
    const failed = await replacing(certificate.certId).catch((error: unknown) => error);
    refusing.remove();
    expect(failed).toBeInstanceOf(CertmanError);
    expect(failed).toMatchObject({ code });
    expect(ordersAsked()).toBe(1);
  });

  it('omits replaces for a CA without renewal information', async () => {
    const plain = withoutRenewalInfo(proxy, await ca.directory());
    const fresh = caSource(server, { stored: account });
    // The CA would reject this.
    const { order, refusals } = await replacing('nonsense', { of: await clientOf(fresh) });
    plain.remove();
    await fresh.close();
    expectPlaced(order);
    expect(refusals).toEqual([]);
    expect(ordersAsked()).toBe(1);
  });
});
