import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { StoredAccount } from '../../../src/acme/account.ts';
import type { AcmeClientSource } from '../../../src/acme/client-source.ts';
import { fetchOrder, type NewOrder, type Order, placeNewOrder } from '../../../src/acme/order.ts';
import { registerAccount } from '../../../src/acme/register-account.ts';
import { AcmeTransport } from '../../../src/acme/transport.ts';
import { CertmanError } from '../../../src/failures/failure.ts';
import { caSource, newAccount, newAccountKey } from '../../support/acme/account.ts';
import { type Pebble, startPebble } from '../../support/acme/pebble.ts';
import { type FaultProxy, type SeenRequest, startFaultProxy } from '../../support/faults/fault-proxy.ts';
import { eventually } from '../../support/vitest/eventually.ts';
import { expectAfter, timed } from '../../support/vitest/timed.ts';

let pebble: Pebble;
let proxy: FaultProxy;
let server: { directoryUrl: string; caPem: string };
let account: { stored: StoredAccount };
let source: AcmeClientSource;
let count = 0;

beforeAll(async () => {
  pebble = await startPebble({ blockedDomains: ['blocked.example.com'], profiles: { default: 90 * 86_400 } });
  proxy = await startFaultProxy({ target: pebble.url, targetCaPem: pebble.caPem, tls: pebble.tls });
  server = { directoryUrl: `${proxy.url}/dir`, caPem: pebble.caPem };
  account = { stored: await newAccount(server) };
});
afterAll(async () => {
  await proxy.close();
  await pebble.stop();
});
beforeEach(() => {
  source = caSource(server, account);
  proxy.clearSeen();
  return () => source.close();
});

const isNewOrder = (request: SeenRequest): boolean => request.path === '/order-plz';
const names = (): string[] => [`api.c${(count += 1)}.example.com`];
const order = (parts: Partial<NewOrder> = {}): Promise<Order> =>
  source.withClient((ca) => placeNewOrder(ca, { dnsNames: names(), ...parts }));
const paths = (): string[] => proxy.seen.map((request) => request.path.replace(/(?<=\/[\w-]+\/).*$/, '…'));

async function refusal(work: Promise<unknown>): Promise<CertmanError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof CertmanError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('requests to the CA', () => {
  it('fetch the directory once and hardly any nonce', async () => {
    for (let round = 0; round < 10; round += 1) await order();
    const all = paths();
    expect(all.filter((path) => path === '/dir')).toHaveLength(1);
    expect(all.filter((path) => path.startsWith('/nonce'))).toHaveLength(1);
  });

  it('share one fetch of the directory', async () => {
    await Promise.all(Array.from({ length: 10 }, () => order()));
    expect(paths().filter((path) => path === '/dir')).toHaveLength(1);
  });

  it('name certman and its version', async () => {
    await order();
    expect(new Set(proxy.seen.map((request) => request.headers['user-agent']))).toEqual(new Set(['certman/test']));
  });

  it('are counted with resource and status', async () => {
    const seen: [string, number][] = [];
    const counting = caSource(server, account, { onRequest: (resource, status) => seen.push([resource, status]) });
    const made = await counting.withClient((ca) => placeNewOrder(ca, { dnsNames: names() }));
    await counting.withClient((ca) => fetchOrder(ca, made.url));
    await counting.close();
    expect(seen).toEqual([
      ['newOrder', 201],
      ['order', 200],
    ]);
  });

  it.each([
    ['RSA', generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey],
    ['P-384', generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey],
  ])('are signed with an account key of kind %s', async (_kind, key) => {
    const privateKeyPem = key.export({ type: 'pkcs8', format: 'pem' }).toString();
    const transport = new AcmeTransport({ caBundlePem: pebble.caPem, userAgent: 'certman/test' });
    const registration = { directoryUrl: server.directoryUrl, privateKeyPem, termsAgreed: true };
    const accountUrl = await registerAccount(transport, registration);
    expect(await registerAccount(transport, registration)).toBe(accountUrl);
    await transport.close();
    const other = caSource(server, { stored: { privateKeyPem, accountUrl } });
    const made = await other.withClient((ca) => placeNewOrder(ca, { dnsNames: names() }));
    await other.close();
    expect(made.status).toBe('pending');
  });
});

describe('a refused nonce', () => {
  it('is replaced by that of the refusal', async () => {
    const strict = await startPebble({ nonceReject: 60 });
    // As of the orders, one in a hundred registrations fails.
    const stored = await eventually(
      'an account',
      () => newAccount(strict),
      () => true,
    );
    const trying = caSource(strict, { stored });
    const outcomes = await Promise.allSettled(
      Array.from({ length: 20 }, () => trying.withClient((ca) => placeNewOrder(ca, { dnsNames: names() }))),
    );
    await trying.close();
    await strict.stop();
    // 0.6^9: about one in a hundred fails.
    expect(outcomes.filter((outcome) => outcome.status === 'fulfilled').length).toBeGreaterThanOrEqual(17);
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'acme/serverError' });
    }
  });
});

describe('a CA', () => {
  it('that limits the rate is not retried at once, and its Retry-After is returned', async () => {
    const body = { type: 'urn:ietf:params:acme:error:rateLimited', detail: 'too many certificates recently' };
    const fault = { kind: 'answer', status: 429, headers: { 'retry-after': '1800' }, body } as const;
    const injected = proxy.inject({ when: isNewOrder, fault });
    const attempt = await timed(() => refusal(order()));
    const error = attempt.value;
    injected.remove();
    expect(error.code).toBe('acme/rateLimited');
    expect(error.message).toContain('too many certificates recently');
    expectAfter(attempt, error.info.notBefore, 1_800_000);
    expect(injected.hits()).toBe(1);
  });

  it('that limits the rate until a date is not asked again before it', async () => {
    const date = new Date(Date.now() + 3_600_000).toUTCString();
    const fault = { kind: 'answer', status: 429, headers: { 'retry-after': date } } as const;
    const injected = proxy.inject({ when: isNewOrder, fault });
    const { info } = await refusal(order());
    injected.remove();
    expect(info).toMatchObject({ code: 'acme/rateLimited', notBefore: new Date(date).toISOString() });
  });

  it.each([
    [503, 'acme/serverError'],
    [429, 'acme/rateLimited'],
  ])('that gives no nonce (HTTP %i) is asked again at its Retry-After', async (status, code) => {
    const when = ({ path }: SeenRequest): boolean => path.startsWith('/nonce');
    const injected = proxy.inject({ when, fault: { kind: 'answer', status, headers: { 'retry-after': '90' } } });
    const attempt = await timed(() => refusal(order()));
    injected.remove();
    expect(attempt.value.code).toBe(code);
    expectAfter(attempt, attempt.value.info.notBefore, 90_000);
  });

  it('that is overloaded and does not say for how long is a transient failure', async () => {
    const injected = proxy.inject({ when: isNewOrder, fault: { kind: 'answer', status: 503 } });
    const { info } = await refusal(order());
    injected.remove();
    expect(info).toMatchObject({ code: 'acme/serverError', retry: 'transient' });
    expect(info.notBefore).toBeUndefined();
  });

  it('that is overloaded is a transient failure with its Retry-After', async () => {
    const date = new Date(Date.now() + 60_000).toUTCString();
    const fault = { kind: 'answer', status: 503, headers: { 'retry-after': date }, body: 'maintenance' } as const;
    const injected = proxy.inject({ when: isNewOrder, fault });
    const error = await refusal(order());
    injected.remove();
    expect(error.info).toMatchObject({ code: 'acme/serverError', retry: 'transient' });
    expect(Date.parse(error.info.notBefore ?? '')).toBe(Date.parse(date));
  });

  it.each(['cutBefore', 'cutAfter'] as const)('whose connection is cut (%s) is unreachable', async (kind) => {
    const injected = proxy.inject({ when: isNewOrder, fault: { kind }, times: 1 });
    const error = await refusal(order());
    injected.remove();
    expect(error.info).toMatchObject({ code: 'acme/unreachable', retry: 'transient' });
    expect((await order()).status).toBe('pending');
  });

  it('whose answer is cut off is unreachable', async () => {
    const injected = proxy.inject({ when: isNewOrder, fault: { kind: 'cutInside', bytes: 20 }, times: 1 });
    expect((await refusal(order())).code).toBe('acme/unreachable');
    injected.remove();
  });

  it('that does not answer times out', async () => {
    const injected = proxy.inject({ when: isNewOrder, fault: { kind: 'hang' } });
    const impatient = caSource(server, account, { timeoutMs: 300 });
    const error = await refusal(impatient.withClient((ca) => placeNewOrder(ca, { dnsNames: names() })));
    await impatient.close();
    injected.remove();
    expect(error.code).toBe('acme/unreachable');
    expect(error.message).toContain('0.3 s');
  });

  it('that sends its answer a byte at a time times out', async () => {
    // The whole answer would take a minute: of all bytes, none comes late.
    const injected = proxy.inject({ when: isNewOrder, fault: { kind: 'drip', intervalMs: 100 } });
    const impatient = caSource(server, account, { timeoutMs: 1_000 });
    const error = await refusal(impatient.withClient((ca) => placeNewOrder(ca, { dnsNames: names() })));
    await impatient.close();
    injected.remove();
    expect(error.info).toMatchObject({ code: 'acme/unreachable', retry: 'transient' });
    expect(error.message).toContain('no answer within 1 s');
  });

  it('that sends an endless answer is not read to the end', async () => {
    const body = { identifiers: 'x'.repeat(400_000) };
    const injected = proxy.inject({ when: isNewOrder, fault: { kind: 'answer', status: 201, body } });
    const error = await refusal(order());
    injected.remove();
    expect(error.code).toBe('acme/unexpected');
    expect(error.message).toContain('256 KiB');
  });

  it.each([
    [{ status: 'odd' }, 'acme/unexpected', "not ACME's"],
    ['a captive portal', 'acme/unexpected', "not ACME's"],
    ['<html>a captive portal</html>', 'acme/unreachable', 'a web page came back (HTTP 201)'],
  ])('that does not answer with an order says so (%#)', async (body, code, words) => {
    const injected = proxy.inject({ when: isNewOrder, fault: { kind: 'answer', status: 201, body } });
    const error = await refusal(order());
    injected.remove();
    expect(error.code).toBe(code);
    expect(error.message).toContain(words);
    expect(error.message).not.toContain('captive');
  });

  it('is used with the cached directory while that is unavailable', async () => {
    await order();
    const injected = proxy.inject({ when: (request) => request.path === '/dir', fault: { kind: 'cutBefore' } });
    expect((await order()).status).toBe('pending');
    injected.remove();
  });

  it('whose directory failed once is asked for it again', async () => {
    const injected = proxy.inject({
      when: (request) => request.path === '/dir',
      fault: { kind: 'answer', status: 500 },
      times: 1,
    });
    expect((await refusal(order())).code).toBe('acme/serverError');
    expect((await order()).status).toBe('pending');
    injected.remove();
  });

  it('that does not listen is unreachable', async () => {
    proxy.down();
    const error = await refusal(order());
    proxy.up();
    expect(error.code).toBe('acme/unreachable');
    expect(error.message).toContain(new URL(proxy.url).host);
  });

  it('whose TLS certificate is not trusted yields the setting to check', async () => {
    const distrustful = caSource(server, account, { caBundlePem: undefined });
    const error = await refusal(distrustful.withClient((ca) => placeNewOrder(ca, { dnsNames: names() })));
    await distrustful.close();
    expect(error.code).toBe('acme/unreachable');
    expect(error.info.remedy).toContain('CA bundle');
  });
});

describe('a request that is cancelled', () => {
  it('throws the reason of the cancellation at once', async () => {
    const injected = proxy.inject({ when: isNewOrder, fault: { kind: 'hang' } });
    const abort = new AbortController();
    const running = source.withClient((ca) => placeNewOrder(ca, { dnsNames: names() }), abort.signal);
    setTimeout(() => abort.abort(new Error('enough')), 150);
    await expect(running).rejects.toThrow('enough');
    injected.remove();
  });
});

describe('the account', () => {
  it('with another key is invalid, and is read again', async () => {
    let invalidated = 0;
    const wrong = caSource(server, account, {
      accounts: {
        account: () => Promise.resolve({ ...account.stored, privateKeyPem: newAccountKey() }),
        invalidate: () => (invalidated += 1),
      },
    });
    const error = await refusal(wrong.withClient((ca) => placeNewOrder(ca, { dnsNames: names() })));
    await wrong.close();
    expect(error.info).toMatchObject({ code: 'acme/accountInvalid', retry: 'onChange' });
    expect(invalidated).toBeGreaterThan(0);
  });

  it('that the CA does not know is unknown', async () => {
    const accountUrl = account.stored.accountUrl.replace(/[^/]+$/, '0123456789');
    const wrong = caSource(server, { stored: { ...account.stored, accountUrl } });
    const error = await refusal(wrong.withClient((ca) => placeNewOrder(ca, { dnsNames: names() })));
    await wrong.close();
    expect(error.info).toMatchObject({ code: 'acme/accountUnknown', retry: 'onChange' });
  });

  it('of another CA is invalid', async () => {
    const elsewhere = { ...account.stored, accountUrl: 'https://acme-v02.api.letsencrypt.org/acme/acct/1' };
    const wrong = caSource(server, { stored: elsewhere });
    const error = await refusal(wrong.withClient((ca) => placeNewOrder(ca, { dnsNames: names() })));
    await wrong.close();
    expect(error.code).toBe('acme/accountInvalid');
  });

  it('is used after it was replaced', async () => {
    const exchanged = { stored: { ...account.stored, privateKeyPem: newAccountKey() } };
    const correcting = caSource(server, exchanged);
    await refusal(correcting.withClient((ca) => placeNewOrder(ca, { dnsNames: names() })));
    exchanged.stored = account.stored;
    const made = await correcting.withClient((ca) => placeNewOrder(ca, { dnsNames: names() }));
    await correcting.close();
    expect(made.status).toBe('pending');
  });
});

describe('an order', () => {
  it('for a name that the CA refuses says which one and why', async () => {
    const error = await refusal(order({ dnsNames: ['ok.example.com', 'api.blocked.example.com'] }));
    expect(error.info).toMatchObject({ code: 'acme/rejectedIdentifier', retry: 'onChange' });
    expect(error.message).toContain('api.blocked.example.com');
  });

  it('with an unknown profile is a configuration failure', async () => {
    const error = await refusal(order({ profile: 'nonsense' }));
    expect(error.info).toMatchObject({ code: 'configuration/invalid', retry: 'onChange' });
    expect(error.message).toContain('nonsense');
  });

  it('of another account is gone', async () => {
    const made = await order();
    const otherAccount = caSource(server, { stored: await newAccount(server) });
    const error = await refusal(otherAccount.withClient((ca) => fetchOrder(ca, made.url)));
    await otherAccount.close();
    expect(error.code).toBe('acme/orderGone');
  });

  it('that never existed is gone', async () => {
    const error = await refusal(source.withClient((ca) => fetchOrder(ca, `${proxy.url}/my-order/nothing-there`)));
    expect(error.code).toBe('acme/orderGone');
  });
});
