import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { CaHealth } from '../../../src/acme/ca-health.ts';
import type { AcmeClient } from '../../../src/acme/client.ts';
import type { PlaceOrderInput } from '../../../src/contract/activities.ts';
import { CertmanError, type FailureCode } from '../../../src/failures/failure.ts';
import { type FailoverContext, placeOrderWithFailover } from '../../../src/issuance/ca-failover.ts';
import { ANY_BUNDLE } from '../../support/acme/run-activity.ts';

const NOW = Date.parse('2026-12-01T12:00:00Z');
const HOUR_MS = 3_600_000;

beforeEach(() => {
  vi.useFakeTimers({ now: NOW });
});
afterEach(() => {
  vi.useRealTimers();
});

function failure(code: FailureCode, afterMs?: number): CertmanError {
  return new CertmanError({
    code,
    message: 'a test',
    notBefore: afterMs === undefined ? undefined : new Date(NOW + afterMs),
  });
}

/** What each CA does with an order: it fails, or places it. The first one is in an outage, unless it `works`. */
async function place(
  answers: Readonly<Record<string, CertmanError | undefined>>,
  { works = false, probes = false, openAt }: { works?: boolean; probes?: boolean; openAt?: string } = {},
): Promise<{ readonly asked: readonly string[]; readonly outcome: string; readonly error?: CertmanError }> {
  const asked: string[] = [];
  const sources = Object.entries(answers).map(([name, answer], index) => {
    let calls = 0;
    return {
      name,
      health: new CaHealth({ failoverAfterMs: 0 }),
      withClient: async (work: (ca: AcmeClient) => Promise<unknown>) => {
        calls += 1;
        // The first one is asked for its name before.
        if (index === 0 && calls === 1) return await work({ host: name } as AcmeClient);
        asked.push(name);
        if (answer !== undefined) throw answer;
        return { orderUrl: '', expires: '', caHost: name, challenges: [] };
      },
    };
  });
  const [first, ...fallbacks] = sources;
  if (!works) for (let count = 0; count < 3; count += 1) first?.health.failed('finalize', failure('acme/unreachable'));
  if (!probes) first?.health.takeProbe(NOW + 60_000);
  const ofOrder = () => Promise.resolve(sources.find(({ name }) => name === openAt));
  const context = {
    cas: { first, fallbacks, ofOrder },
    signal: new AbortController().signal,
    settings: {},
    log: { info: () => undefined },
  } as unknown as FailoverContext;
  const input: PlaceOrderInput = { ...ANY_BUNDLE, dnsNames: ['api.c1.example.com'], resume: openAt && 'sealed' };
  if (probes) vi.setSystemTime(NOW + 60_000);
  try {
    return { asked, outcome: (await placeOrderWithFailover(context, input)).caHost };
  } catch (error) {
    if (!(error instanceof CertmanError)) throw error;
    return { asked, outcome: error.code, error };
  }
}

describe('an order that a limit holds back', () => {
  const turn = failure('rateLimit/newOrders', 7 * 24 * HOUR_MS);

  test('waits for its turn while the CA works', async () => {
    expect(await place({ first: turn, second: undefined }, { works: true })).toMatchObject({
      asked: ['first'],
      outcome: 'rateLimit/newOrders',
    });
  });

  test('goes elsewhere where it was to probe a CA that fails', async () => {
    const { asked, outcome } = await place({ first: turn, second: undefined }, { probes: true });
    expect({ asked, outcome }).toEqual({ asked: ['first', 'second'], outcome: 'second' });
  });

  test('at a fallback CA goes to the next one', async () => {
    expect(await place({ first: undefined, second: turn, third: undefined })).toMatchObject({
      asked: ['second', 'third'],
      outcome: 'third',
    });
  });

  test('at each fallback CA asks again within the hour, since the first one may work then', async () => {
    const sooner = failure('rateLimit/newOrders', 48 * HOUR_MS);
    const { asked, outcome, error } = await place({ first: undefined, second: turn, third: sooner });
    expect({ asked, outcome }).toEqual({ asked: ['second', 'third'], outcome: 'rateLimit/newOrders' });
    expect(error?.cause).toBe(sooner);
    expect(error?.info.notBefore).toBe(new Date(NOW + HOUR_MS).toISOString());
    const soon = failure('rateLimit/newOrders', HOUR_MS / 2);
    expect((await place({ first: undefined, second: soon })).error).toBe(soon);
  });

  test('by the limit of its namespace goes nowhere else', async () => {
    const own = failure('rateLimit/namespace', HOUR_MS);
    expect(await place({ first: undefined, second: own, third: undefined })).toMatchObject({
      asked: ['second'],
      outcome: 'rateLimit/namespace',
    });
  });
});

test('an order that is open at a fallback CA whose account is not accepted any more begins anew', async () => {
  const { asked, outcome } = await place(
    { first: undefined, second: failure('acme/accountUnknown') },
    { works: true, openAt: 'second' },
  );
  expect({ asked, outcome }).toEqual({ asked: ['second', 'first'], outcome: 'first' });
});
