/** A staging CA that refuses by the limit of the account is left alone until it takes orders again. */
import { beforeEach, expect, test, vi } from 'vitest';
import type { AcmeClientSource } from '../../../src/acme/client-source.ts';
import { AcmeProblemError } from '../../../src/acme/problems.ts';
import type { PlaceOrderInput } from '../../../src/contract/activities/acme.ts';
import type { AttemptContext } from '../../../src/issuance/context.ts';
import { placeAtStaging } from '../../../src/issuance/staging-proof.ts';
import { ANY_BUNDLE } from '../../support/acme/run-activity.ts';

const NOW = Date.parse('2026-12-01T12:00:00Z');
const HOUR_MS = 3_600_000;

beforeEach(() => {
  vi.useFakeTimers({ now: NOW });
  return () => vi.useRealTimers();
});

/** @returns how often the staging CA was asked after two orders, and after two more an hour later. */
async function asked(message: string): Promise<readonly number[]> {
  let requests = 0;
  const outcomes: string[] = [];
  const notBefore = new Date(NOW + HOUR_MS);
  const staging = {
    name: 'staging.test',
    withClient: () => {
      requests += 1;
      return Promise.reject(new AcmeProblemError({ code: 'acme/rateLimited', message, notBefore }, 'rateLimited', 429));
    },
  } as unknown as AcmeClientSource;
  const context = {
    signal: new AbortController().signal,
    log: { info: () => undefined },
    onProof: (outcome: string) => outcomes.push(outcome),
  } as unknown as AttemptContext;
  const input = { ...ANY_BUNDLE, dnsNames: ['api.c1.example.com'] } as unknown as PlaceOrderInput;
  const place = async (): Promise<void> => expect(await placeAtStaging(context, staging, input)).toBeUndefined();
  await place();
  await place();
  const counts = [requests];
  vi.setSystemTime(NOW + HOUR_MS);
  await place();
  await place();
  expect(outcomes).toEqual(['skipped', 'skipped', 'skipped', 'skipped']);
  return [...counts, requests];
}

test('by a limit of the account, it is not asked before Retry-After', async () => {
  expect(await asked('too many new orders (1500) from this account in the last 3h0m0s')).toEqual([1, 3]);
});

test('by a limit of the names, it is asked for others', async () => {
  expect(await asked('too many certificates (30000) already issued for "example.com"')).toEqual([2, 4]);
});
