import { describe, expect, it } from 'vitest';
import { type ClosedIssuance, countIssued, IssuanceHistory } from '../../../src/observability/issued-counts.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const NOW = Date.parse('2026-11-23T12:00:00Z');

let runs = 0;
function issuance(ageMs: number, dnsNames: readonly string[], reason?: string): ClosedIssuance {
  runs += 1;
  const closeTime = NOW - ageMs;
  return {
    runId: `run-${runs}`,
    startTime: closeTime - 2_000,
    closeTime,
    dnsNames,
    nameSet: dnsNames.join(' '),
    reason,
  };
}

const APPS = ['api.a.p1.openshiftapps.com', '*.apps.a.p1.openshiftapps.com'];
const BOTH = ['api.b.openshift.com', '*.apps.b.openshiftapps.com'];

describe('certificates issued', () => {
  it('are counted by domain, once each however many names they have there', () => {
    const counts = countIssued([issuance(HOUR, APPS), issuance(HOUR, BOTH), issuance(HOUR, ['x.example.com'])], NOW);
    expect(counts.lastDay).toEqual({ openshiftCom: 1, openshiftAppsCom: 2 });
    expect(counts.lastWeek).toEqual({ openshiftCom: 1, openshiftAppsCom: 2 });
  });

  it('leave the day after 24 hours and the week after seven days', () => {
    const issuances = [
      issuance(DAY - 1, APPS),
      issuance(DAY, APPS),
      issuance(7 * DAY - 1, APPS),
      issuance(7 * DAY, APPS),
    ];
    const counts = countIssued(issuances, NOW);
    expect(counts.lastDay.openshiftAppsCom).toBe(1);
    expect(counts.lastWeek.openshiftAppsCom).toBe(3);
  });

  it('are under a domain only when a dot stands before it', () => {
    const counts = countIssued([issuance(HOUR, ['api.notopenshift.com', 'openshift.com.evil.org'])], NOW);
    expect(counts.lastWeek).toEqual({ openshiftCom: 0, openshiftAppsCom: 0 });
  });

  it('are duplicates beyond the first of their exact set in the week', () => {
    const issuances = [1, 2, 3].map((days) => issuance(days * DAY, APPS));
    expect(countIssued([...issuances, issuance(HOUR, BOTH), issuance(8 * DAY, BOTH)], NOW).duplicatesInLastWeek).toBe(
      2,
    );
  });
});

describe('renewals whose time had come', () => {
  const duplicates = (...issuances: readonly ClosedIssuance[]) => countIssued(issuances, NOW).duplicatesInLastWeek;

  it('are no duplicates: certificates of six days have two or three in a week', () => {
    const due = [0.5, 3.8, 6.9].map((days) => issuance(days * DAY, APPS, 'RenewalDue'));
    expect(duplicates(...due)).toBe(0);
    expect(duplicates(issuance(6.9 * DAY, APPS, 'SecretMissing'), issuance(3.5 * DAY, APPS, 'RenewalDue'))).toBe(0);
    expect(duplicates(issuance(6 * DAY, APPS, 'RenewalDue'), issuance(DAY, APPS, 'SuggestedByCa'))).toBe(0);
    expect(duplicates(issuance(6 * DAY, APPS, 'RenewalDue'), issuance(DAY, APPS, 'Expired'))).toBe(0);
  });

  it('are duplicates beyond three: a renewal that is always due is a defect', () => {
    const due = [1, 2, 3, 4, 5].map((hours) => issuance(hours * HOUR, APPS, 'RenewalDue'));
    expect(duplicates(...due)).toBe(2);
    expect(duplicates(...due, issuance(2 * DAY, APPS, 'SecretMissing'))).toBe(2);
  });

  it.each(['SecretMissing', 'KeyMismatch', 'RenewRequested', 'Revoked', undefined])(
    'do not hide one that was ordered beside them: %s',
    (reason) => {
      const due = issuance(3 * DAY, APPS, 'RenewalDue');
      const other = issuance(DAY, APPS, reason);
      // Visibility lists them in any order.
      expect(duplicates(due, other)).toBe(1);
      expect(duplicates(other, due)).toBe(1);
      expect(duplicates(other, issuance(5 * DAY, APPS, reason), due)).toBe(1);
    },
  );
});

/** A visibility store that remembers what it was asked. */
function visibility(...issuances: ClosedIssuance[]) {
  const asked: number[] = [];
  return {
    issuances,
    asked,
    async *list(this: void, closedSince: number) {
      asked.push(closedSince);
      for (const one of issuances) if (one.closeTime >= closedSince) yield one;
    },
  };
}

const signal = new AbortController().signal;

describe('the ledger of issuances', () => {
  it('lists the week at first, then only what closed since, with an overlap that is not counted twice', async () => {
    const store = visibility(issuance(3 * DAY, APPS), issuance(5 * 60_000, BOTH));
    const ledger = new IssuanceHistory(store.list);
    expect((await ledger.refresh(NOW, signal)).lastWeek.openshiftAppsCom).toBe(2);
    store.issuances.push(issuance(-60_000, APPS));
    const counts = await ledger.refresh(NOW + 5 * 60_000, signal);
    expect(counts.lastWeek.openshiftAppsCom).toBe(3);
    expect(counts.duplicatesInLastWeek).toBe(1);
    expect(store.asked).toEqual([NOW - 7 * DAY, NOW - 10 * 60_000]);
  });

  it('finds what visibility shows late', async () => {
    const store = visibility();
    const ledger = new IssuanceHistory(store.list);
    await ledger.refresh(NOW, signal);
    store.issuances.push(issuance(60_000, APPS));
    expect((await ledger.refresh(NOW + 60_000, signal)).lastDay.openshiftAppsCom).toBe(1);
  });

  it('tells of what is new after the first listing, and only of that', async () => {
    const told: string[] = [];
    const store = visibility(issuance(HOUR, APPS));
    const ledger = new IssuanceHistory(store.list, ({ runId }) => told.push(runId));
    await ledger.refresh(NOW, signal);
    const later = issuance(-1_000, BOTH);
    store.issuances.push(later);
    await ledger.refresh(NOW + 2_000, signal);
    await ledger.refresh(NOW + 4_000, signal);
    expect(told).toEqual([later.runId]);
  });

  it('keeps what it knows when a listing fails, and lists the rest again', async () => {
    const store = visibility(issuance(HOUR, APPS));
    let broken = false;
    const ledger = new IssuanceHistory(async function* list(since) {
      yield* store.list(since);
      if (broken) throw new Error('away');
    });
    await ledger.refresh(NOW, signal);
    store.issuances.push(issuance(-1_000, APPS));
    broken = true;
    await expect(ledger.refresh(NOW + DAY / 24, signal)).rejects.toThrow('away');
    expect(ledger.counts(NOW).lastDay.openshiftAppsCom).toBe(1);
    broken = false;
    expect((await ledger.refresh(NOW + 2 * HOUR, signal)).lastDay.openshiftAppsCom).toBe(2);
  });

  it('runs one listing at a time', async () => {
    const store = visibility(issuance(HOUR, APPS));
    const ledger = new IssuanceHistory(store.list);
    await Promise.all([ledger.refresh(NOW, signal), ledger.refresh(NOW, signal)]);
    expect(store.asked.length).toBe(1);
  });
});
