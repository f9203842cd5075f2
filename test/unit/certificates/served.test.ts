import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nextProbeAt } from '../../../src/certificates/probe-schedule.ts';
import { type NameProbe, servedCondition, unprobedCondition } from '../../../src/certificates/served.ts';

const API = 'api.c1.example.com:6443';
const APPS = 'canary-openshift-ingress-canary.apps.c1.example.com:443';
const expected = {
  serialNumber: '22',
  secretName: 'primary-cert',
  installedTime: '2026-11-01T00:00:00Z',
  replacedSerialNumber: '11',
};
const served = (where: string): NameProbe => ({ kind: 'served', where });
const other = (where: string, serialNumber = '11'): NameProbe => ({
  kind: 'other',
  where,
  serialNumber,
  issuerName: 'R11',
  notAfter: '2026-12-01T00:00:00Z',
});

describe('the condition Served', () => {
  test('is True once every name serves the certificate', () => {
    expect(servedCondition([served(API), served(APPS)], expected, { late: true })).toEqual({
      status: 'True',
      reason: 'Served',
      message: `Certificate 22 is served at ${API}, ${APPS}.`,
    });
  });

  test('is False while one name serves the previous certificate, and needs nothing while Hive has time', () => {
    const condition = servedCondition([served(API), other(APPS)], expected, { late: false });
    expect(condition).toMatchObject({ status: 'False', reason: 'NotServedYet' });
    expect(condition.message).toBe(
      `${APPS} serves the previous certificate, 11 by R11, valid until 2026-12-01T00:00:00Z, instead of 22, installed at 2026-11-01T00:00:00Z. Hive brings it over when it applies its SyncSets, every two hours; nothing to do.`,
    );
  });

  test('says the likely cause once it is late', () => {
    const condition = servedCondition([other(API, '33')], expected, { late: true, cause: 'Hive is away.' });
    expect(condition).toMatchObject({ status: 'False', reason: 'NotServed' });
    expect(condition.message).toContain('serves another certificate, 33 by R11');
    expect(condition.message.endsWith(' Hive is away.')).toBe(true);
  });

  test.each([
    [{ kind: 'badChain', where: APPS, why: 'it came alone' }, 'False', 'ChainNotTrusted'],
    [{ kind: 'unreachable', where: APPS, why: 'ECONNREFUSED' }, 'Unknown', 'Unreachable'],
    [{ kind: 'notPublic', where: APPS, why: 'there is no address' }, 'Unknown', 'NotPublic'],
  ] as const)('of a name with %j is %s, and names it', (probe, status, reason) => {
    const condition = servedCondition([served(API), probe], expected, { late: true });
    expect(condition).toMatchObject({ status, reason });
    expect(condition.message).toContain(`${APPS} `);
    expect(condition.message).toContain(probe.why);
  });

  test('is decided by what is definitely wrong before what is unknown', () => {
    const probes = [{ kind: 'unreachable', where: API, why: 'ETIMEDOUT' } as const, other(APPS)];
    expect(servedCondition(probes, expected, { late: true })).toMatchObject({ reason: 'NotServed' });
  });

  test('says the same for the same state: an unchanged condition is not written again', () => {
    const at = () => servedCondition([other(API)], expected, { late: true, cause: 'x' });
    expect(at()).toEqual(at());
  });
});

describe('the next probe', () => {
  const NOW = Date.parse('2026-11-01T00:00:00Z');
  const intervalMs = 6 * 3_600_000;
  const next = (condition: Parameters<typeof nextProbeAt>[0], ageMs: number | undefined) =>
    nextProbeAt(condition, { installedAt: ageMs === undefined ? undefined : NOW - ageMs, now: NOW, intervalMs }) - NOW;
  const late = { status: 'False', reason: 'NotServed' } as const;

  test.each([
    ['served', { status: 'True', reason: 'Served' } as const],
    ['behind a private link', unprobedCondition('PrivateLink')],
    ['hibernating', unprobedCondition('Hibernating')],
    ['not public', { status: 'Unknown', reason: 'NotPublic' } as const],
  ])('of a cluster that is %s follows after the interval', (_what, condition) => {
    expect(next(condition, 0)).toBe(intervalMs);
  });

  test.each([
    [0, 15_000],
    [3_600_000, 450_000],
    [7_200_000, 900_000],
    [10 * 3_600_000, 1_800_000],
    [25 * 3_600_000, 11_250_000],
    [50 * 3_600_000, intervalMs],
    [undefined, intervalMs],
  ])('of a certificate not served %s ms after its installation follows after %s ms', (ageMs, waitMs) => {
    expect(next(late, ageMs)).toBe(waitMs);
  });

  test.each([
    [1, 60_000],
    [3, 240_000],
    [20, intervalMs],
  ])('after %s probes in a row that did not reach a name follows after %s ms', (failures, waitMs) => {
    const unreachable = { status: 'Unknown', reason: 'Unreachable' } as const;
    expect(nextProbeAt(unreachable, { installedAt: undefined, failures, now: NOW, intervalMs }) - NOW).toBe(waitMs);
  });

  test('makes the lag exact to an eighth, with fewer than ninety probes in a day', () => {
    let age = 0;
    let probes = 0;
    while (age < 86_400_000) {
      const wait = next(late, age);
      expect(wait).toBeLessThanOrEqual(Math.max(15_000, Math.ceil(age / 8)));
      age += wait;
      probes += 1;
    }
    expect(probes).toBeLessThan(90);
  });

  test('is never in the past, nor later than the interval', () => {
    fc.assert(
      fc.property(fc.integer({ min: -1e9, max: 1e12 }), (ageMs) => {
        expect(next(late, ageMs)).toBeGreaterThanOrEqual(15_000);
        expect(next(late, ageMs)).toBeLessThanOrEqual(intervalMs);
      }),
    );
  });
});
