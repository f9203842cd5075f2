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
  it('are counted once for each domain, whatever the number of names there', () => {
    const counts = countIssued([issuance(HOUR, APPS), issuance(HOUR, BOTH), issuance(HOUR, ['x.example.com'])], NOW);
    expect(counts.lastDay).toEqual({ openshiftCom: 1, openshiftAppsCom: 2 });
    expect(counts.lastWeek).toEqual({ openshiftCom: 1, openshiftAppsCom: 2 });
  });

  it('are counted by why they were ordered, unless no such reason is known', () => {
    const reasons = ['RenewalDue', 'SecretMissing', 'RenewalDue', undefined, 'Invented'];
    const counts = countIssued(
      [...reasons.map((reason) => issuance(HOUR, APPS, reason)), issuance(DAY, APPS, 'Expired')],
      NOW,
    );
    expect(counts.lastDayByReason).toEqual({ SecretMissing: 1, RenewalDue: 2 });
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

  it('are under a domain only when a dot precedes it', () => {
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

describe('scheduled renewals', () => {
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
    'do not hide an order for another reason: %s',
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

/** A visibility store that records the listings. */
function visibility(...issuances: ClosedIssuance[]) {
  const requested: number[] = [];
  return {
    issuances,
    requested,
    async *list(this: void, closedSince: number) {
      requested.push(closedSince);
      for (const one of issuances) if (one.closeTime >= closedSince) yield one;
    },
  };
}

const signal = new AbortController().signal;

async function refreshedCounts(history: IssuanceHistory, now: number) {
  await history.refresh(now, signal);
  return history.counts(now);
}

describe('the history of issuances', () => {
  it('lists the week first, then only what closed since, and counts the overlap once', async () => {
    const store = visibility(issuance(3 * DAY, APPS), issuance(5 * 60_000, BOTH));
    const history = new IssuanceHistory(store.list);
    expect((await refreshedCounts(history, NOW))?.lastWeek.openshiftAppsCom).toBe(2);
    store.issuances.push(issuance(-60_000, APPS));
    const counts = await refreshedCounts(history, NOW + 5 * 60_000);
    expect(counts?.lastWeek.openshiftAppsCom).toBe(3);
    expect(counts?.duplicatesInLastWeek).toBe(1);
    expect(store.requested).toEqual([NOW - 7 * DAY, NOW - 10 * 60_000]);
  });

  it('lists only the last minute again, and every five minutes what visibility shows later than that', async () => {
    const store = visibility();
    const history = new IssuanceHistory(store.list);
    const minutes = [0, 2, 4, 5, 7, 12];
    for (const minute of minutes) await history.refresh(NOW + minute * 60_000, signal);
    const since = store.requested.slice(1).map((at) => (at - NOW) / 60_000);
    expect(since).toEqual([0 - 1, 2 - 1, 0 - 10, 5 - 1, 5 - 10]);
  });

  it('lists with the longer overlap until that has succeeded', async () => {
    const store = visibility();
    let broken = false;
    const history = new IssuanceHistory(async function* list(since) {
      yield* store.list(since);
      if (broken) throw new Error('unavailable');
    });
    await history.refresh(NOW, signal);
    broken = true;
    await expect(history.refresh(NOW + 5 * 60_000, signal)).rejects.toThrow('unavailable');
    broken = false;
    store.issuances.push(issuance(9 * 60_000, APPS));
    expect((await refreshedCounts(history, NOW + 6 * 60_000))?.lastDay.openshiftAppsCom).toBe(1);
  });

  it('finds issuances that visibility shows late', async () => {
    const store = visibility();
    const history = new IssuanceHistory(store.list);
    await history.refresh(NOW, signal);
    store.issuances.push(issuance(60_000, APPS));
    expect((await refreshedCounts(history, NOW + 60_000))?.lastDay.openshiftAppsCom).toBe(1);
  });

  it('reports new issuances only, after the first listing', async () => {
    const reported: string[] = [];
    const store = visibility(issuance(HOUR, APPS));
    const history = new IssuanceHistory(store.list, ({ runId }) => reported.push(runId));
    await history.refresh(NOW, signal);
    const later = issuance(-1_000, BOTH);
    store.issuances.push(later);
    await history.refresh(NOW + 2_000, signal);
    await history.refresh(NOW + 4_000, signal);
    expect(reported).toEqual([later.runId]);
  });

  it('keeps its issuances when a listing fails, and lists the rest again', async () => {
    const store = visibility(issuance(HOUR, APPS));
    let broken = false;
    const history = new IssuanceHistory(async function* list(since) {
      yield* store.list(since);
      if (broken) throw new Error('unavailable');
    });
    await history.refresh(NOW, signal);
    store.issuances.push(issuance(-1_000, APPS));
    broken = true;
    await expect(history.refresh(NOW + DAY / 24, signal)).rejects.toThrow('unavailable');
    expect(history.counts(NOW)?.lastDay.openshiftAppsCom).toBe(1);
    broken = false;
    expect((await refreshedCounts(history, NOW + 2 * HOUR))?.lastDay.openshiftAppsCom).toBe(2);
  });

  it('runs one listing at a time', async () => {
    const store = visibility(issuance(HOUR, APPS));
    const history = new IssuanceHistory(store.list);
    await Promise.all([history.refresh(NOW, signal), history.refresh(NOW, signal)]);
    expect(store.requested.length).toBe(1);
  });
});
