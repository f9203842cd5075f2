import { describe, expect, it, vi } from 'vitest';
import { hasEndedEarly, runCanaryWatch } from '../../../src/controller/canary-watch.ts';
import type { CanarySource, ControllerContext } from '../../../src/controller/controller-context.ts';
import { CertmanError } from '../../../src/failures/failure.ts';
import type { IssuerRecord, IssuerRecords } from '../../../src/kubernetes/objects/issuer-records.ts';

const pauses = vi.hoisted(() => ({ next: (_ms: number): void => undefined }));
vi.mock('../../../src/kubernetes/api/backoff.ts', async (original) => ({
  ...(await original<object>()),
  pause: async (ms: number, signal: AbortSignal) => {
    pauses.next(ms);
    signal.throwIfAborted();
  },
}));

const HOUR_MS = 3_600_000;
const PERIOD_MS = 24 * HOUR_MS;
const INSTALLED_AT = '2026-12-01T00:00:00.000Z';

function records(state: IssuerRecord['state'], decidedHoursLater?: number): IssuerRecords {
  const request = { namespace: 'ns', name: 'c1-primary', uid: 'r' };
  const place = { cluster: 'ns/c1', uid: 'u', request, takenAt: INSTALLED_AT, installedAt: INSTALLED_AT };
  const decidedAt =
    decidedHoursLater === undefined
      ? undefined
      : new Date(Date.parse(INSTALLED_AT) + decidedHoursLater * HOUR_MS).toISOString();
  return new Map([['id', { name: 'YE2', state, since: INSTALLED_AT, places: [place], decidedAt }]]);
}

describe('certificates that wait are evaluated again', () => {
  it('when a person, or a cluster that knew the issuer, has ended the canary', () => {
    expect(hasEndedEarly(records('canary'), records('accepted', 2), PERIOD_MS)).toBe(true);
    expect(hasEndedEarly(records('canary'), records('refused', 2), PERIOD_MS)).toBe(true);
    expect(hasEndedEarly(records('refused', 2), records('accepted', 3), PERIOD_MS)).toBe(true);
    expect(hasEndedEarly(records('refused', 2), records('accepted', 30), PERIOD_MS)).toBe(true);
  });

  it('where a controller that starts does not know what it missed', () => {
    expect(hasEndedEarly(undefined, records('refused', 2), PERIOD_MS)).toBe(true);
  });

  it('not at the regular end, after which each comes by itself, and not without a change', () => {
    expect(hasEndedEarly(records('canary'), records('accepted', 24), PERIOD_MS)).toBe(false);
    expect(hasEndedEarly(records('canary'), records('canary'), PERIOD_MS)).toBe(false);
    expect(hasEndedEarly(records('accepted', 2), records('accepted', 2), PERIOD_MS)).toBe(false);
    expect(hasEndedEarly(undefined, new Map(), PERIOD_MS)).toBe(false);
  });
});

/** Runs the watch, with the states that its issuer has in turn. @returns what each look was followed by. */
async function watch(states: readonly IssuerRecord['state'][], signalWaitingFor: () => Promise<void>) {
  const ended = new AbortController();
  const pausedMs: number[] = [];
  const gauge: number[] = [];
  let reviews = 0;
  const stateNow = () => records(states[pausedMs.length] ?? 'accepted', 2);
  pauses.next = (ms) => {
    pausedMs.push(ms);
    if (pausedMs.length === states.length) ended.abort();
  };
  const source: CanarySource = {
    records: {
      read: () => Promise.resolve(stateNow()),
      update: async (_id, change) => {
        reviews += 1;
        return await change(undefined);
      },
    },
    rule: { clusters: 2, periodMs: PERIOD_MS },
  };
  const context = {
    kubernetes: {},
    settings: { resyncIntervalMs: HOUR_MS },
    signal: ended.signal,
    logger: { info: () => undefined, warn: () => undefined, error: () => undefined },
    metrics: { issuersInCanary: { set: (value: number) => gauge.push(value) } },
  } as unknown as ControllerContext;
  await expect(runCanaryWatch(context, source, { signalWaitingFor })).rejects.toMatchObject({ name: 'AbortError' });
  return { pausedMs, gauge, reviews };
}

describe('the watch of the issuers', () => {
  it('sees a decision within seconds, reviews no more often for it, and slows down once all is decided', async () => {
    let signals = 0;
    const { pausedMs, gauge, reviews } = await watch(['canary', 'canary', 'accepted'], async () => {
      signals += 1;
    });
    expect(signals).toBe(1);
    for (const ms of pausedMs.slice(0, 2)) expect(ms).toBeLessThanOrEqual(11_000);
    expect(pausedMs[2]).toBeGreaterThanOrEqual(60_000);
    expect(reviews).toBe(1);
    // Another process may run the controller next.
    expect(gauge).toEqual([1, 1, 0, 0]);
  });

  it('signals an end again that could not be signalled', async () => {
    let attempts = 0;
    await watch(['canary', 'accepted', 'accepted', 'accepted'], async () => {
      attempts += 1;
      if (attempts === 1) throw new CertmanError({ code: 'kubernetes/unreachable', message: 'away' });
    });
    expect(attempts).toBe(2);
  });
});
