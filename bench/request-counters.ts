/** Requests of a worker as its metrics count them. */
import { scrape } from '../test/support/e2e/prometheus.ts';

/** Numbers of requests by kind. */
export type Counts = Readonly<Record<string, number>>;

/** To the CA by resource, and to Route 53 by action, since the worker started. */
export async function workerCounters(metricsUrl: string): Promise<{ readonly acme: Counts; readonly route53: Counts }> {
  const worker = await scrape(metricsUrl);
  return {
    acme: worker.sumByLabel('certman_acme_request_duration_seconds_count', 'resource'),
    route53: worker.sumByLabel('certman_dns_requests_total', 'action'),
  };
}

/** What was added, without what was not. */
export function increase(before: Counts, after: Counts): Counts {
  const added = Object.entries(after).map(([name, count]) => [name, count - (before[name] ?? 0)] as const);
  return Object.fromEntries(added.filter(([, count]) => count > 0));
}

/** All of them together. */
export function sumOf(counts: Counts): number {
  return Object.values(counts).reduce((all, count) => all + count, 0);
}
