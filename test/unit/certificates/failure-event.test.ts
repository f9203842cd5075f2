import { expect, test } from 'vitest';
import { failureEvent } from '../../../src/certificates/status-messages.ts';
import { failureInfo } from '../../../src/failures/failure.ts';

const unreachable = failureInfo({ code: 'acme/unreachable', message: 'ECONNREFUSED', remedy: 'Nothing to do.' });
const limited = failureInfo({ code: 'acme/rateLimited', message: 'Too many.' });
const turn = failureInfo({ code: 'rateLimit/newOrders', message: 'At 14:20.' });

test('an attempt that fails in another way than the one before is an Event', () => {
  const event = { type: 'Warning', reason: 'Failing', message: 'ECONNREFUSED Nothing to do.' };
  expect(failureEvent(unreachable, undefined)).toEqual(event);
  expect(failureEvent(unreachable, limited)).toEqual(event);
});

test('a retry that fails in the same way is none', () => {
  expect(failureEvent(unreachable, { ...unreachable, message: 'ETIMEDOUT' })).toBeUndefined();
});

test('other wrong input of the same kind is an Event', () => {
  const notPem = failureInfo({ code: 'acme/accountInvalid', message: 'The key is not PEM.' });
  const publicKey = failureInfo({ code: 'acme/accountInvalid', message: 'The key is a public key.' });
  expect(failureEvent(publicKey, notPem)).toMatchObject({ reason: 'Failing', message: 'The key is a public key.' });
  expect(failureEvent(publicKey, publicKey)).toBeUndefined();
});

test('an order that waits for its turn is one with each new instant', () => {
  expect(failureEvent(turn, turn)).toEqual({ type: 'Normal', reason: 'OrderScheduled', message: 'At 14:20.' });
});
