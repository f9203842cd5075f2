/** When the sweep probes what a cluster serves: after a take-over, after changes, and at which pace. */
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { ControllerCache } from '../../../src/controller/controller-cache.ts';
import { HOUR_MS, installed, type SweepClient, useServedSweep } from '../../support/controller/served-sweep.ts';
import { Gate } from '../../support/faults/gate.ts';

const sweep = useServedSweep();

describe('a probe of what a cluster serves', () => {
  test('polls another certificate, or a cluster that has woken, at once, and no standalone request', () => {
    const client = sweep.setUp();
    const versions = new Set<string | number | undefined>();
    const note = () => versions.add(client.versionOf?.(sweep.subjectOf(client)));
    sweep.setRequest(sweep.issued.status);
    note();
    sweep.setRequest({ ...sweep.issued.status, serialNumber: '99' });
    note();
    sweep.view = { ...sweep.view, hibernating: true };
    sweep.setRequest({ ...sweep.issued.status, serialNumber: '99' });
    note();
    sweep.setRequest({ ...sweep.issued.status, serialNumber: '99', issuerName: 'another' });
    note();
    expect(versions.size).toBe(3);
    sweep.cache = new ControllerCache();
    sweep.setRequest(sweep.issued.status, 'CertificateRequest');
    expect(() => sweep.subjectOf(sweep.setUp())).toThrow('nothing is polled');
  });

  test.each([
    ['Served', {}],
    ['NotPublic', {}],
    ['PrivateLink', { privateLink: true }],
  ] as const)('goes on with the sweep of an earlier controller: %s is not due at once', (reason, change) => {
    const random = vi.spyOn(Math, 'random').mockReturnValue(0.5);
    onTestFinished(() => random.mockRestore());
    sweep.view = { ...sweep.view, ...change };
    const condition = { type: 'Served', status: reason === 'Served' ? 'True' : 'Unknown', reason, message: atPort() };
    sweep.setRequest({ ...sweep.issued.status, conditions: [condition] });
    const client = sweep.setUp();
    expect(client.firstPollAt?.(sweep.subjectOf(client), 1_000)).toBe(1_000 + 6 * HOUR_MS);
  });

  const atPort = (port = sweep.server.port): string =>
    `Certificate ${sweep.issued.status.serialNumber} is served at api.c1.example.com:${port}.`;

  test('is due at once after a take-over where a name is served at another port than the last probe found it at', () => {
    const condition = { type: 'Served', status: 'True', reason: 'Served', message: atPort(sweep.server.port + 1) };
    sweep.setRequest({ ...sweep.issued.status, conditions: [condition] });
    const client = sweep.setUp();
    expect(client.firstPollAt?.(sweep.subjectOf(client), 1_000)).toBe(1_000);
  });

  test.each([
    ['NotProbed', {}],
    ['Unreachable', {}],
    ['PrivateLink', {}],
    ['Served', { privateLink: true }],
  ] as const)('is due at once after a take-over where %s is no answer, with %j', (reason, change) => {
    sweep.view = { ...sweep.view, ...change };
    const condition = { type: 'Served', status: reason === 'Served' ? 'True' : 'Unknown', reason, message: 'x' };
    sweep.setRequest({ ...sweep.issued.status, conditions: [condition] });
    const client = sweep.setUp();
    expect(client.firstPollAt?.(sweep.subjectOf(client), 1_000)).toBe(1_000);
  });

  test('is paced for certificates from before certman or a day ago, and held while clusters of a list are signalled', async () => {
    const isBackground = (status: object): boolean | undefined => {
      sweep.setRequest({ ...sweep.issued.status, ...status });
      const client = sweep.setUp();
      return client.background?.includes(sweep.subjectOf(client), Date.now());
    };
    expect([isBackground({}), isBackground(installed(25 * HOUR_MS)), isBackground(installed(HOUR_MS))]).toEqual([
      true,
      true,
      false,
    ]);
    const { background, foregroundPerSecond } = sweep.setUp();
    expect(foregroundPerSecond).toBe(10);
    const gate = new Gate();
    const adoption = sweep.queue.add('a', () => gate.opened, 'background');
    expect(background?.isHeld()).toBe(true);
    gate.open();
    await adoption;
    expect(background?.isHeld()).toBe(false);
  });

  test.each([
    ['another certificate', { serialNumber: '99' }],
    ['the time of its installation', {}],
  ])('is due at once, and not paced, when the status gets %s', (_what, change) => {
    sweep.setRequest(sweep.issued.status);
    const client = sweep.setUp();
    const before = sweep.subjectOf(client);
    sweep.setRequest({ ...sweep.issued.status, ...installed(20_000), ...change });
    const subject = sweep.subjectOf(client);
    expect(client.versionOf?.(subject)).not.toBe(client.versionOf?.(before));
    expect(client.background?.includes(subject, Date.now())).toBe(false);
    const now = Date.now();
    expect(client.firstPollAt?.(subject, now)).toBe(now);
  });

  test.each([
    ['a moment ago', 1_000],
    ['a minute ago', 60_000],
    ['by a worker whose clock is ahead', -3_600_000],
  ])('a certificate that was installed %s is probed 15 s after that at the earliest', (_what, ageMs) => {
    sweep.setRequest({ ...sweep.issued.status, ...installed(ageMs) });
    const client = sweep.setUp();
    const subject = sweep.subjectOf(client);
    const now = Date.now();
    const earliest = Math.max(now, Math.min(now, subject.request.installedAt ?? 0) + 15_000);
    expect(client.firstPollAt?.(subject, now)).toBe(earliest);
    expect(client.earliestPollAt?.(subject, now)).toBe(earliest);
  });

  /** Of the changes since the last call: whether they make a subject due, whenever it was planned. */
  function dueAtOnce(client: SweepClient): readonly boolean[] {
    const subjects = [...client.changes()].flatMap((key) => client.find(key) ?? []);
    return subjects.map((subject) => {
      const [before, version] = [versions.get(client), client.versionOf?.(subject)];
      versions.set(client, version);
      const now = Date.now();
      return client.changeDueAt?.(subject, now) === now || (before !== undefined && before !== version);
    });
  }
  const versions = new Map<object, string | number | undefined>();

  const served = { type: 'Served', status: 'True', reason: 'Served', message: 'x' };

  test.each([
    ['the address of the API', { apiURL: 'https://api.c1.example.com:7443' }, ['api.c1.example.com']],
    ['the names', {}, ['api.c1.example.com', '*.new.c1.example.com']],
  ])('is due at once when %s changes, and only then', (_what, change, dnsNames) => {
    sweep.setRequest({ ...sweep.issued.status, conditions: [served] });
    const client = sweep.setUp();
    expect(dueAtOnce(client)).toEqual([false]);
    // As a resync does.
    sweep.setRequest({ ...sweep.issued.status, conditions: [served] });
    expect(dueAtOnce(client)).toEqual([false]);
    sweep.view = { ...sweep.view, ...change };
    sweep.setRequest({ ...sweep.issued.status, conditions: [served] }, undefined, dnsNames);
    expect(dueAtOnce(client)).toEqual([true]);
    sweep.setRequest({ ...sweep.issued.status, conditions: [served] }, undefined, dnsNames);
    expect(dueAtOnce(client)).toEqual([false]);
  });

  test('is due at once when the condition has been removed', () => {
    sweep.setRequest({ ...sweep.issued.status, conditions: [served] });
    const client = sweep.setUp();
    expect(dueAtOnce(client)).toEqual([false]);
    sweep.setRequest(sweep.issued.status);
    expect(dueAtOnce(client)).toEqual([true]);
  });

  test('is due at once five times when the condition is removed again and again, then once in two minutes', () => {
    sweep.setRequest(sweep.issued.status);
    const client = sweep.setUp();
    const subject = sweep.subjectOf(client);
    const waits = Array.from({ length: 6 }, () => client.changeDueAt?.(subject, 0) ?? -1);
    expect(waits.slice(0, 5)).toEqual([0, 0, 0, 0, 0]);
    expect(waits[5]).toBeGreaterThan(60_000);
    expect(waits[5]).toBeLessThanOrEqual(120_000);
  });
});
