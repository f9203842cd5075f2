/** Arbitraries of scenarios for fast-check. */
import * as fc from 'fast-check';
import { DAY_MS, HOUR_MS } from '../certificates/certificate-facts.ts';
import type { Disturbance, Scenario } from './scenario.ts';

const MINUTE_MS = 60_000;

/** Maximum skew of the worker's clock. */
export const MAX_SKEW_MS = 5 * MINUTE_MS;

/** Bounds the number of simulated steps: an unbounded CA outage would mean an attempt every ten minutes for years. */
const MAX_PAUSE_MS = 60 * DAY_MS;

const DRIFT = ['secretDeleted', 'secretBroken', 'keySwapped', 'revoked'] as const;
const USER_CHANGES = ['nothing', 'nameAdded', 'environmentChanged', 'renewRequested'] as const;

/** Uniformly distributed, unlike fast-check's doubles, most of which are close to zero. */
function share(min: number, max: number): fc.Arbitrary<number> {
  return fc.integer({ min: min * 1000, max: max * 1000 }).map((thousandths) => thousandths / 1000);
}

/** Lifetimes: log-uniform from an hour to 398 days, and the ones that CAs use. */
const lifetime = fc.oneof(
  share(0, 1).map((part) => Math.round(3600 * (398 * 24) ** part) * 1000),
  fc.constantFrom(HOUR_MS, 160 * HOUR_MS, 45 * DAY_MS, 64 * DAY_MS, 90 * DAY_MS, 398 * DAY_MS),
);

const longPause = share(0, 0.7).map(
  (part) => (lifetimeMs: number) => Math.min(MAX_PAUSE_MS, Math.round(part * lifetimeMs)),
);

/** Pauses: none, minutes to hours, or a part of the lifetime. */
const pause: fc.Arbitrary<(lifetimeMs: number) => number> = fc.oneof(
  { weight: 2, arbitrary: fc.constant(() => 0) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 180 * MINUTE_MS }).map((milliseconds) => () => milliseconds) },
  { weight: 1, arbitrary: longPause },
);

const simple = fc
  .oneof(
    { weight: 2, arbitrary: fc.constantFrom(...DRIFT) },
    { weight: 1, arbitrary: fc.constantFrom(...USER_CHANGES) },
  )
  .map((kind) => (): Disturbance => ({ kind }));

const caWell = fc.constant((): Disturbance => ({ kind: 'caWell' }));

const caTroubled = fc
  .oneof(fc.constantFrom('away', 'refuses'), fc.record({ retryAfterMs: fc.integer({ min: MINUTE_MS, max: DAY_MS }) }))
  .map((trouble) => (): Disturbance => ({ kind: 'caTroubled', trouble }));

const clockSkewed = fc
  .integer({ min: -MAX_SKEW_MS, max: MAX_SKEW_MS })
  .map((skewMs) => (): Disturbance => ({ kind: 'clockSkewed', skewMs }));

/** Windows from the distant past to the distant future; malformed if the end precedes the start. */
const windowMoved = fc
  .record({ of: fc.constantFrom('current', 'replaced'), from: share(-1, 1), to: share(-1, 1) })
  .map(({ of, from, to }) => (lifetimeMs: number): Disturbance => {
    return { kind: 'windowMoved', of, from: Math.round(from * lifetimeMs), to: Math.round(to * lifetimeMs) };
  });

const disturbance = fc.oneof(
  { weight: 12, arbitrary: simple },
  { weight: 4, arbitrary: windowMoved },
  { weight: 4, arbitrary: caWell },
  { weight: 1, arbitrary: caTroubled },
  { weight: 1, arbitrary: clockSkewed },
);

/** Any lifetime, any renewBeforeDays, any policy, any sequence of disturbances; at the end the CA works and nothing else happens. */
export const arbitraryScenario: fc.Arbitrary<Scenario> = fc
  .record({
    lifetimeMs: lifetime,
    renewBeforeDays: fc.option(fc.integer({ min: -10, max: 1000 }), { nil: undefined }),
    policy: fc.constantFrom(undefined, 'ari'),
    jitterKey: fc.string(),
    disturbances: fc.array(fc.record({ after: pause, what: disturbance }), { maxLength: 30, size: 'max' }),
  })
  .map(({ lifetimeMs, renewBeforeDays, policy, jitterKey, disturbances }) => ({
    lifetimeMs,
    ...(policy === undefined ? {} : { policy }),
    ...(renewBeforeDays === undefined ? {} : { renewBeforeDays }),
    jitterKey,
    disturbances: [
      ...disturbances.map(({ after, what }) => ({ after: after(lifetimeMs), what: what(lifetimeMs) })),
      { after: 0, what: { kind: 'caWell' } },
    ],
    quietMs: 2 * lifetimeMs + 8 * DAY_MS,
  }));
