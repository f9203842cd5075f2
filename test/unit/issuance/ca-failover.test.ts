import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { CaHealth } from '../../../src/acme/ca-health.ts';
import type { AcmeClient } from '../../../src/acme/client.ts';
import type { PlaceOrderInput } from '../../../src/contract/activities/acme.ts';
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

/**
 * What each CA does with an order: it fails, hangs, or places it. The first one is in an outage, unless it `works`.
 * `released`: CAs whose budgets hold no turn for the order any more.
 */
async function place(
  answers: Readonly<Record<string, CertmanError | 'hangs' | undefined>>,
  { works = false, probes = false, openAt, more }: PlaceOptions = {},
): Promise<Placed> {
  const asked: string[] = [];
  const released: string[] = [];
  const sources = Object.entries(answers).map(([name, answer], index) => {
    let calls = 0;
    return {
      name,
      health: new CaHealth({ failoverAfterMs: 0 }),
      withClient: async (work: (ca: AcmeClient) => Promise<unknown>, signal?: AbortSignal) => {
        if (signal === undefined) return await work({ host: name } as AcmeClient);
        calls += 1;
        // The first one is asked for its name before.
        if (index === 0 && calls === 1) return await work({ host: name } as AcmeClient);
        asked.push(name);
        if (answer === 'hangs') return await untilAborted(signal);
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
    budget: { release: async ({ host }: AcmeClient) => void released.push(host) },
    log: { info: () => undefined },
  } as unknown as FailoverContext;
  const input: PlaceOrderInput = {
    ...ANY_BUNDLE,
    dnsNames: ['api.c1.example.com'],
    resume: openAt && 'sealed',
    ...more,
  };
  if (probes) vi.setSystemTime(NOW + 60_000);
  try {
    const { caHost: outcome } = await placeOrderWithFailover(context, input);
    return { asked, released, outcome };
  } catch (error) {
    if (!(error instanceof CertmanError)) throw error;
    return { asked, released, outcome: error.code, error };
  }
}

interface PlaceOptions {
  readonly works?: boolean;
  readonly probes?: boolean;
  readonly openAt?: string;
  readonly more?: Partial<PlaceOrderInput>;
}

interface Placed {
  readonly asked: readonly string[];
  readonly released: readonly string[];
  readonly outcome: string;
  readonly error?: CertmanError;
}

async function untilAborted(signal: AbortSignal): Promise<never> {
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  throw signal.reason;
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

test('an order that is placed releases the turns that it has at other CAs', async () => {
  const turn = failure('rateLimit/newOrders', HOUR_MS);
  expect((await place({ first: undefined, second: turn, third: undefined })).released).toEqual(['first', 'second']);
  const waited = { turn: { code: 'rateLimit/newOrders', at: new Date(NOW).toISOString() } } as const;
  expect((await place({ first: undefined, second: undefined }, { works: true, more: waited })).released).toEqual([
    'second',
  ]);
  // It has none, and no signal is spent on each order.
  expect((await place({ first: undefined, second: undefined }, { works: true })).released).toEqual([]);
});

test('a CA that hangs leaves time for the next ones', async () => {
  const placing = place({ first: 'hangs', second: 'hangs', third: undefined }, { probes: true });
  await vi.advanceTimersByTimeAsync(125_000);
  expect(await placing).toMatchObject({ asked: ['first', 'second', 'third'], outcome: 'third' });
});

test('CAs that hang, however many, end within the time limit of the activity', async () => {
  const hanging = place({ first: 'hangs', second: 'hangs', third: 'hangs', fourth: undefined }, { probes: true });
  await vi.advanceTimersByTimeAsync(165_000);
  const { asked, error } = await hanging;
  expect(asked).toEqual(['first', 'second', 'third']);
  expect(error?.code).toBe('acme/unreachable');
  expect(error?.message).toMatch(
    /first has not taken the order within 60 s.*fourth: the CAs before it took all the time/s,
  );
});

test('an order that is open at a fallback CA whose account is not accepted any more begins anew', async () => {
  const { asked, outcome } = await place(
    { first: undefined, second: failure('acme/accountUnknown') },
    { works: true, openAt: 'second' },
  );
  expect({ asked, outcome }).toEqual({ asked: ['second', 'first'], outcome: 'first' });
});
