import { expect, test } from 'vitest';
import { CertmanError } from '../../../src/failures/failure.ts';
import { StandaloneOrders } from '../../../src/issuance/standalone-orders.ts';

const NOW = Date.parse('2026-01-01T00:00:00Z');
const at = (hours: number) => new Date(NOW + hours * 3_600_000).toISOString();

test('the orders of a namespace beyond its limit get instants of their own, which admit them', () => {
  const orders = new StandaloneOrders(2);
  const admit = (turn?: string, now = NOW) =>
    orders.admit('shop', turn === undefined ? undefined : { code: 'rateLimit/namespace', at: turn }, now);
  admit();
  admit();
  for (const hours of [12, 24]) {
    expect(() => admit()).toThrow(
      expect.objectContaining({ info: expect.objectContaining({ code: 'rateLimit/namespace', notBefore: at(hours) }) }),
    );
  }
  // Asked early, the turn stays.
  expect(() => admit(at(24), NOW + 1)).toThrow(
    expect.objectContaining({ info: expect.objectContaining({ notBefore: at(24) }) }),
  );
  admit(at(12), Date.parse(at(12)));
  orders.admit('other', undefined, NOW);
});

test('an order whose turn is that of the account was admitted before', () => {
  const orders = new StandaloneOrders(1);
  orders.admit('shop', undefined, NOW);
  orders.admit('shop', { code: 'rateLimit/newOrders', at: at(48) }, NOW);
});

test.each([
  ['acme/unreachable', true],
  ['acme/serverError', true],
  ['acme/rateLimited', true],
  // By the name, which is the request's own.
  ['acme/rejectedIdentifier', false],
  // It keeps its place while it waits for the account's turn.
  ['rateLimit/newOrders', false],
] as const)('an order that failed with %s gives its place back: %s', (code, isGivenBack) => {
  const orders = new StandaloneOrders(1);
  orders.admit('shop', undefined, NOW);
  orders.onFailed('shop', new CertmanError({ code, message: 'no' }));
  const next = () => orders.admit('shop', undefined, NOW);
  if (isGivenBack) next();
  expect(next).toThrow(expect.objectContaining({ code: 'rateLimit/namespace' }));
});

test('a cancelled order counts: the CA may have taken it', () => {
  const orders = new StandaloneOrders(1);
  orders.admit('shop', undefined, NOW);
  orders.onFailed('shop', new Error('cancelled'));
  expect(() => orders.admit('shop', undefined, NOW)).toThrow(expect.objectContaining({ code: 'rateLimit/namespace' }));
});
