import { expect, test } from 'vitest';
import type { CertificateFacts } from '../../../src/certificates/certificate-facts.ts';
import type { KnownFacts, RequestObservation } from '../../../src/contract/activities/kubernetes.ts';
import type { KubernetesApi } from '../../../src/kubernetes/api/kubernetes-api.ts';
import { postponeRenewal, type RenewalControls } from '../../../src/kubernetes/objects/postpone-renewal.ts';
import { nextTurn, type RestartTurns } from '../../../src/kubernetes/objects/restart-turns.ts';
import { parseRenewalWindows } from '../../../src/renewal-windows/parse-windows.ts';
import { certificateWithLifetime, DAY_MS } from '../../support/certificates/certificate-facts.ts';
import { clusterView } from '../../support/workflows/cluster-views.ts';

const HOUR_MS = 3_600_000;
const certificate = certificateWithLifetime(90 * DAY_MS);
const { dnsNames } = certificate;
const DUE_AT = Date.parse(certificate.notAfter) - 45 * DAY_MS;
const LATEST = Date.parse(certificate.notAfter) - 27 * DAY_MS;

/** Whether an instant is that of a renewal that waits as long as is safe: on the last day of it, by its own place. */
function expectLatest(until = ''): void {
  expect(Date.parse(until)).toBeLessThanOrEqual(LATEST);
  expect(Date.parse(until)).toBeGreaterThan(LATEST - DAY_MS);
}

/** The tests give what is read of it. */
const kubernetes = {} as KubernetesApi;

const OBSERVED: RequestObservation = {
  request: { namespace: 'ns', name: 'c1-primary', uid: 'u' },
  secret: { kind: 'valid', certificate },
};

const LIMIT = { atOnce: 2, durationMs: HOUR_MS };

interface Given {
  readonly windows?: unknown;
  readonly now?: number;
  readonly labels?: Readonly<Record<string, string>>;
  /** The next turn that there is. */
  readonly turn?: number;
  readonly restartTurn?: string;
  /** What it was postponed by before. */
  readonly before?: KnownFacts['postponement'];
  readonly names?: readonly string[];
  readonly standalone?: true;
  readonly requestName?: string;
  /** What the Secret holds. */
  readonly held?: CertificateFacts;
  /** By policy `ari`. */
  readonly suggestedWindow?: { readonly start: string; readonly end: string };
}

async function decide({
  windows = {},
  now = DUE_AT,
  labels = {},
  turn,
  restartTurn,
  before,
  names = dnsNames,
  standalone,
  requestName = 'c1-primary',
  held: inSecret = certificate,
  suggestedWindow,
}: Given) {
  let reads = 0;
  let taken = 0;
  const parsed = windows === undefined ? undefined : parseRenewalWindows(windows);
  if (parsed?.kind === 'invalid') throw new Error(parsed.problem);
  const restarts = turn !== undefined && {
    restarts: {
      limit: LIMIT,
      take: (_kubernetes: KubernetesApi, _now: number, accept: (turn: number) => boolean) => {
        if (accept(turn)) taken += 1;
        return Promise.resolve(turn);
      },
    } as unknown as RestartTurns,
  };
  const controls: RenewalControls = {
    windows: {
      read: () => {
        reads += 1;
        return Promise.resolve({ rules: windows === null ? undefined : parsed?.rules });
      },
    },
    ...restarts,
  };
  const view = clusterView();
  const identity = standalone === true ? { ...view.identity, kind: 'CertificateRequest' as const } : view.identity;
  const cluster = { view: { ...view, identity }, labels, ensureFinalizer: () => Promise.reject(new Error('unused')) };
  const held: RequestObservation = {
    request: { ...OBSERVED.request, name: requestName },
    secret: { kind: 'valid', certificate: { ...inSecret, dnsNames: names } },
    ...(suggestedWindow && { renewalPolicy: 'ari' }),
  };
  const bundle = { names: { kind: 'valid', dnsNames: names } as const };
  const known = {
    fingerprint: inSecret.fingerprint,
    ...(restartTurn !== undefined && { restartTurn }),
    ...(before && { postponement: before }),
    ...(suggestedWindow && { suggestedWindow: { certId: certificate.certId ?? '', ...suggestedWindow } }),
  };
  const found = await postponeRenewal(kubernetes, controls, { cluster, bundle, known, now }, held);
  return { ...found, reads, taken };
}

const iso = (at: number): string => new Date(at).toISOString();
const FREEZE = { name: 'launch', from: iso(DUE_AT - 30 * DAY_MS), to: iso(DUE_AT + 3 * DAY_MS) };

test('nothing is read while no planned renewal is due, nor when it can wait no longer', async () => {
  expect(await decide({ windows: { freezes: [FREEZE] }, now: DUE_AT - 2 * DAY_MS })).toMatchObject({ reads: 0 });
  expect(await decide({ windows: { freezes: [FREEZE] }, now: LATEST })).toMatchObject({ reads: 0, taken: 0 });
  expect(await decide({ windows: {}, now: DUE_AT })).toMatchObject({ reads: 1 });
});

test('a freeze postpones what it selects', async () => {
  const windows = { freezes: [{ ...FREEZE, selector: { matchLabels: { tier: 'gold' } } }] };
  expect((await decide({ windows })).postponement).toBeUndefined();
  const { postponement } = await decide({ windows, labels: { tier: 'gold' } });
  expect(postponement).toMatchObject({ reason: 'Frozen', message: 'the freeze launch is on' });
  expect(Date.parse(postponement?.until ?? '')).toBeGreaterThanOrEqual(Date.parse(FREEZE.to));
});

test('renewals that waited for a freeze that is removed start within an hour, each at its own place', async () => {
  const before = { reason: 'Frozen', until: FREEZE.to } as const;
  const names = Array.from({ length: 40 }, (_, index) => `c${index}`);
  const found = await Promise.all(names.map((requestName) => decide({ before, requestName })));
  const instants = found.map(({ postponement }) => Date.parse(postponement?.until ?? '') - DUE_AT);
  for (const at of instants) {
    expect(at).toBeGreaterThan(0);
    expect(at).toBeLessThanOrEqual(HOUR_MS);
  }
  expect(new Set(instants).size).toBe(names.length);
  expect(Math.max(...instants) - Math.min(...instants)).toBeGreaterThan(HOUR_MS / 2);
  // The next evaluation leaves it where it is, and starts it then.
  const [{ postponement } = { postponement: undefined }] = found;
  const kept = { reason: 'Frozen', until: postponement?.until ?? '' } as const;
  const again = await decide({ before: kept, requestName: 'c0', now: DUE_AT + 1_000 });
  expect(again.postponement).toEqual(postponement);
  const started = await decide({ before: kept, requestName: 'c0', now: Date.parse(kept.until) });
  expect(started.postponement).toBeUndefined();
});

test('what waited for its turn to restart does not wait once the limit is lifted', async () => {
  const before = { reason: 'RestartBudget', until: iso(DUE_AT + DAY_MS) } as const;
  expect((await decide({ before })).postponement).toBeUndefined();
});

test('while the windows are not valid, a renewal waits as long as is safe', async () => {
  const { postponement } = await decide({ windows: null });
  expect(postponement).toMatchObject({ reason: 'InvalidWindows' });
  expectLatest(postponement?.until);
});

test('renewals that wait as long as is safe do not start together', async () => {
  const windows = { freezes: [{ ...FREEZE, to: iso(LATEST + DAY_MS) }] };
  const found = await Promise.all(['c1', 'c2', 'c3'].map((requestName) => decide({ windows, requestName })));
  const instants = found.map(({ postponement }) => postponement?.until);
  for (const until of instants) expectLatest(until);
  expect(new Set(instants).size).toBe(3);
});

test('a renewal is decided for its planned instant where the clock of the worker is behind', async () => {
  const planned = Date.parse((await decide({ windows: null })).postponement?.plannedTime ?? '');
  const windows = { freezes: [FREEZE] };
  const behind = await decide({ windows, now: planned - 500 });
  expect(behind.postponement).toMatchObject({ reason: 'Frozen', plannedTime: iso(planned) });
  expect(await decide({ windows, now: planned - 120_000 })).toMatchObject({ reads: 0 });
  expect(await decide({ turn: planned, now: planned - 500 })).toMatchObject({ restartTurn: iso(planned), taken: 1 });
  const come = await decide({ turn: planned + HOUR_MS, restartTurn: iso(planned), now: planned - 500 });
  expect(come).toMatchObject({ restartTurn: iso(planned), taken: 0 });
  expect(come.postponement).toBeUndefined();
});

test('also a certificate that expires within a minute waits', async () => {
  const shortLived = certificateWithLifetime(90_000);
  const now = Date.parse(shortLived.notAfter) - 44_000;
  const windows = { freezes: [{ name: 'launch', from: iso(now - HOUR_MS), to: iso(now + HOUR_MS) }] };
  const { postponement } = await decide({ windows, now, held: shortLived });
  expect(postponement).toMatchObject({ reason: 'Frozen' });
});

test('by policy ari, the instant that was selected in the window of the CA counts at each evaluation', async () => {
  const start = Date.parse(certificate.notAfter) - 31 * DAY_MS;
  const suggestedWindow = { start: iso(start), end: iso(start + 3 * DAY_MS) };
  const windows = { freezes: [{ ...FREEZE, to: iso(start + 6 * DAY_MS) }] };
  const [one, other] = await Promise.all(
    [2.5, 2.7].map((days) => decide({ windows, suggestedWindow, now: start + days * DAY_MS })),
  );
  expect(one?.postponement?.reason).toBe('Frozen');
  expect(one?.postponement).toEqual(other?.postponement);
  expect(Date.parse(one?.postponement?.until ?? '')).toBeLessThanOrEqual(start + 3 * DAY_MS);
});

test('a renewal of an API certificate takes a turn, and waits for it', async () => {
  expect(await decide({ turn: DUE_AT })).toMatchObject({ restartTurn: iso(DUE_AT), taken: 1 });
  const later = await decide({ turn: DUE_AT + HOUR_MS });
  expect(later).toMatchObject({ taken: 1, restartTurn: iso(DUE_AT + HOUR_MS) });
  expect(later.postponement).toMatchObject({ reason: 'RestartBudget', until: iso(DUE_AT + HOUR_MS) });
});

test('a turn that was taken is kept: until it comes, and while the restart lasts', async () => {
  const turn = DUE_AT + 9 * HOUR_MS;
  const restartTurn = iso(DUE_AT + HOUR_MS);
  const waiting = await decide({ turn, restartTurn });
  expect(waiting).toMatchObject({ taken: 0, restartTurn, postponement: { until: restartTurn } });
  const come = await decide({ turn, restartTurn, now: DUE_AT + HOUR_MS });
  expect(come).toMatchObject({ taken: 0, restartTurn });
  expect(come.postponement).toBeUndefined();
  expect(await decide({ turn, restartTurn, now: DUE_AT + 2 * HOUR_MS })).toMatchObject({ taken: 1 });
});

test('wildcards alone, and standalone requests, restart no kube-apiserver', async () => {
  expect(await decide({ turn: DUE_AT, names: ['*.apps.c1.example.com'] })).toMatchObject({ taken: 0 });
  expect(await decide({ turn: DUE_AT, standalone: true })).toMatchObject({ taken: 0 });
});

test('a turn outside of the windows, or later than is safe, is not taken', async () => {
  const hour = new Date(DUE_AT).getUTCHours();
  const windows = { windows: [{ name: 'now', schedule: `0 ${hour} * * *`, duration: '1h' }] };
  const now = Math.floor(DUE_AT / HOUR_MS) * HOUR_MS + 59 * 60_000;
  const outside = await decide({ windows, now, turn: now + 2 * HOUR_MS });
  expect(outside).toMatchObject({ taken: 0, postponement: { reason: 'RestartBudget' } });
  expect(Date.parse(outside.postponement?.until ?? '')).toBeGreaterThan(now + 20 * HOUR_MS);
  const late = await decide({ turn: LATEST + HOUR_MS });
  expect(late).toMatchObject({ taken: 0, postponement: { reason: 'RestartBudget' } });
  expectLatest(late.postponement?.until);
});

test.each([
  [[], 1_000, 1_000],
  [[900], 1_000, 1_000],
  [[900, 950], 1_000, 900 + HOUR_MS],
  [[900, 950, 900 + HOUR_MS], 1_000, 950 + HOUR_MS],
  [[900, 950], 2 * HOUR_MS, 2 * HOUR_MS],
])('after the turns %j, the next one at %d is %d', (turns, now, expected) => {
  expect(nextTurn(turns, LIMIT, now)).toBe(expected);
});
