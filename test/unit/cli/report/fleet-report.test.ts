import { describe, expect, it } from 'vitest';
import { csvReport } from '../../../../src/cli/report/csv-report.ts';
import { type FleetReport, fleetReport, type ReportSources } from '../../../../src/cli/report/fleet-report.ts';
import { html, Markup } from '../../../../src/cli/report/html.ts';
import { htmlReport } from '../../../../src/cli/report/html-report.ts';
import { parsePeriod } from '../../../../src/cli/report/period.ts';

const NOW = Date.parse('2026-11-29T12:00:00Z');
const DAY_MS = 86_400_000;
const at = (days: number): string => new Date(NOW + days * DAY_MS).toISOString();

const SOURCES: ReportSources = {
  managementCluster: 'hive',
  now: NOW,
  period: { from: NOW - 10 * DAY_MS, to: NOW },
  clusters: [
    {
      cluster: 'ns-a/a',
      state: 'Ready',
      notAfter: at(60),
      renewalTime: at(15),
      issuer: 'R11',
      dnsNames: ['a.example'],
    },
    { cluster: 'ns-b/b', state: 'Failing', reason: 'DnsAccessDenied', notAfter: at(-1), renewalTime: at(-46) },
    { cluster: 'ns-c/c', state: 'Waiting', reason: 'RateLimitNewOrders' },
    { cluster: 'ns-d/d', state: 'Failing', reason: 'DnsAccessDenied', notAfter: at(400) },
  ],
  orders: {
    items: [
      { cluster: 'ns-a/a', at: at(-1), issued: true, reason: 'RenewalDue', dnsNames: ['a.example'] },
      { cluster: 'ns-b/b', at: at(-1), issued: false, reason: 'RenewalDue', dnsNames: [] },
      { cluster: 'ns-a/a', at: at(-9), issued: true, reason: 'SecretMissing', dnsNames: [] },
    ],
    incomplete: false,
  },
  revocations: { items: [{ cluster: 'ns-e/e', at: at(-2), serialNumber: '1234' }], incomplete: false },
  problems: {
    items: [{ cluster: 'ns-b/b', bundle: 'primary', state: 'Failing', reason: 'DnsAccessDenied', message: 'No.' }],
    incomplete: true,
  },
  budgets: [{ workflowId: 'budget/ca/1', problem: 'No worker answers.' }],
};

const report = (more: Partial<ReportSources> = {}): FleetReport => fleetReport({ ...SOURCES, ...more });
const total = (bars: FleetReport['expiries']): number =>
  bars.flatMap(({ counts }) => counts).reduce((a, b) => a + b, 0);

describe('the report', () => {
  it('counts states, reasons, and what was ordered', () => {
    expect(report()).toMatchObject({
      states: { Failing: 2, Ready: 1, Waiting: 1 },
      reasons: [
        { reason: 'DnsAccessDenied', clusters: 2 },
        { reason: 'RateLimitNewOrders', clusters: 1 },
      ],
      issued: 2,
      unsuccessful: 1,
      from: at(-10),
      to: at(0),
    });
  });

  it('has expiries by week: expired first, what is later last, each once', () => {
    const { expiries, renewals } = report();
    expect(expiries[0]?.counts).toEqual([1]);
    expect(expiries.at(-1)?.counts).toEqual([1]);
    // 60 days are in the ninth week from today.
    expect(expiries[9]).toEqual({ day: '2027-01-24', counts: [1] });
    expect(total(expiries)).toBe(3);
    expect(total(renewals)).toBe(2);
  });

  it('has the orders by day, of a longer period by week', () => {
    const { activity } = report();
    expect(activity).toHaveLength(11);
    expect(activity.find(({ day }) => day === '2026-11-28')?.counts).toEqual([1, 1]);
    const year = report({ period: { from: NOW - 365 * DAY_MS, to: NOW } }).activity;
    expect(year).toHaveLength(53);
    expect(total(year)).toBe(3);
  });

  it('of an empty fleet says so', () => {
    const empty = report({
      clusters: [],
      orders: { items: [], incomplete: false },
      revocations: { items: [], incomplete: false },
      problems: { items: [], incomplete: false },
      budgets: [],
    });
    const page = htmlReport(empty);
    expect(page).toContain('Every cluster is Ready.');
    expect(page).toContain('No budget runs');
    expect(page).not.toMatch(/NaN|undefined/);
    expect(csvReport(empty)).toBe('cluster,state,reason,not_after,renewal_time,issuer,dns_names');
  });
});

describe('the page', () => {
  const evil = `"><script>alert(1)</script><img src=x onerror='alert(2)'>&\u001b[2J`;

  it('escapes what comes from outside, wherever it is', () => {
    const clusters = [{ cluster: evil, state: evil, reason: evil, issuer: evil, dnsNames: [evil] }];
    const page = htmlReport(
      report({
        managementCluster: evil,
        among: evil,
        clusters,
        orders: {
          items: [{ cluster: evil, at: at(-1), issued: true, reason: evil, dnsNames: [evil] }],
          incomplete: false,
        },
        revocations: { items: [{ cluster: evil, at: at(-1), serialNumber: evil }], incomplete: false },
        problems: {
          items: [{ cluster: evil, bundle: evil, state: evil, reason: evil, message: evil }],
          incomplete: false,
        },
        budgets: [{ workflowId: evil, problem: evil }],
      }),
    );
    expect(page).not.toMatch(/<script|<img/);
    expect(page).not.toContain('\u001b');
    expect(page).toContain('&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;');
    expect(page.match(/<span class="[^"]*">/g)?.every((tag) => tag === '<span class="">')).toBe(true);
  });

  it('loads nothing', () => {
    const page = htmlReport(report());
    expect(page).toContain("default-src 'none'");
    expect(page).not.toMatch(/\b(src|href|srcset)=|url\(|@import/);
  });

  it('says what could not be read', () => {
    expect(htmlReport(report())).toContain('Not all of them could be read.');
  });

  it('of 10,000 clusters has some megabytes at most, and says what it leaves out', () => {
    const clusters = Array.from({ length: 10_000 }, (_, index) => ({
      cluster: `uhc-production-${index}/cluster-${index}`,
      state: 'Ready',
      notAfter: at(index % 90),
      dnsNames: [`api.cluster-${index}.p1.example.com`, `*.apps.cluster-${index}.p1.example.com`],
    }));
    const whole = report({ clusters });
    const page = htmlReport(whole);
    expect(page.length).toBeLessThan(2_000_000);
    expect(page).toContain('And 8000 more: certman report -o csv');
    expect(csvReport(whole).split('\r\n')).toHaveLength(10_001);
    expect(total(whole.expiries)).toBe(10_000);
  });
});

it('a template escapes text, and takes markup as it is', () => {
  const list = [1, 2].map((n) => html`<li>${n}</li>`);
  expect(html`<ul title="${'a"b'}">${list}${'<'}${new Markup('<hr>')}</ul>`.text).toBe(
    '<ul title="a&quot;b"><li>1</li><li>2</li>&lt;<hr></ul>',
  );
});

describe('the CSV', () => {
  it('quotes every cell, and lets none be a formula', () => {
    const clusters = [{ cluster: '=cmd|x', state: 'Ready', issuer: 'A "quoted", name\nin two lines' }];
    expect(csvReport(report({ clusters })).split('\r\n')[1]).toBe(
      `"'=cmd|x","Ready","","","","A ""quoted"", name in two lines",""`,
    );
  });
});

describe('the period', () => {
  it('is the last 30 days, or begins and ends as given', () => {
    expect(parsePeriod(undefined, undefined, NOW)).toEqual({ from: NOW - 30 * DAY_MS, to: NOW });
    expect(parsePeriod('2026-10-01', '2026-11-01T01:00:00+01:00', NOW)).toEqual({
      from: Date.parse('2026-10-01T00:00:00Z'),
      to: Date.parse('2026-11-01T00:00:00Z'),
    });
  });

  it.each([
    ['yesterday', undefined, /--from is "yesterday"; expected a day/],
    ['2026-02-30', undefined, /--from is "2026-02-30"/],
    ['2026-11-01', '2026-10-01', /the period is empty/],
    [undefined, '2026-10-01T00:00', /--to is/],
    ['1900-01-01', undefined, /longer than ten years/],
  ])('from %s to %s is refused', (from, to, message) => {
    expect(() => parsePeriod(from, to, NOW)).toThrow(message);
  });
});
