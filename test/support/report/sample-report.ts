import type { ReportSources } from '../../../src/cli/report/fleet-report.ts';
import type { FleetRow } from '../../../src/cli/status/status-view.ts';

const DAY_MS = 86_400_000;
const NOW = Date.parse('2026-11-29T12:00:00Z');
const CLUSTERS = 240;

/** A fleet with certificates of all ages, some failures, and a month of orders. */
export function sampleReport(): ReportSources {
  const at = (days: number): string => new Date(NOW + days * DAY_MS).toISOString();
  const clusters = Array.from({ length: CLUSTERS }, (_, index): FleetRow => {
    const cluster = `uhc-production-${1_000 + index}/cluster-${index}`;
    const dnsNames = [`api.cluster-${index}.p1.example.com`, `*.apps.cluster-${index}.p1.example.com`];
    // Squares spread the ages unevenly, as installations do.
    const days = 46 + ((index * index) % 44);
    const issued = { notAfter: at(days), renewalTime: at(days - 45), issuer: 'YR1', dnsNames };
    if (index % 60 === 7) return { cluster, state: 'Failing', reason: 'DnsAccessDenied', ...issued, notAfter: at(20) };
    if (index % 40 === 11) return { cluster, state: 'Waiting', reason: 'RateLimitNewOrders', dnsNames };
    return { cluster, state: 'Ready', ...issued };
  });
  const orders = Array.from({ length: 150 }, (_, index) => ({
    cluster: clusters[(index * 7) % CLUSTERS]?.cluster ?? '',
    at: at(-0.1 - ((index * index) % 290) / 10),
    issued: index % 12 !== 5,
    reason: index % 3 === 0 ? 'SecretMissing' : 'RenewalDue',
    dnsNames: clusters[(index * 7) % CLUSTERS]?.dnsNames ?? [],
  }));
  const problems = clusters
    .filter(({ state }) => state === 'Failing')
    .map(({ cluster, reason, notAfter, state }) => ({
      cluster,
      bundle: 'primary',
      state,
      reason,
      notAfter,
      message: 'AWS denies access to the hosted zone: the credentials in Secret aws are not accepted.',
      nextAttempt: at(0.05),
    }));
  return {
    managementCluster: 'hive-prod-01',
    now: NOW,
    period: { from: NOW - 30 * DAY_MS, to: NOW },
    clusters,
    orders: { items: orders, incomplete: false },
    revocations: {
      items: [3, 9].map((days) => ({
        cluster: `uhc-production-9${days}/gone-${days}`,
        at: at(-days),
        serialNumber: `30${days}812`,
      })),
      incomplete: false,
    },
    problems: { items: problems, incomplete: false },
    budgets: [],
  };
}
