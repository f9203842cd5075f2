/** What a worker says that it asked, from its metrics (Prometheus text format). */
import { sendRequest } from '../local/stack/http.ts';

export interface WorkerCounts {
  /** By resource. */
  readonly acme: Readonly<Record<string, number>>;
  /** By action. */
  readonly route53: Readonly<Record<string, number>>;
}

export async function workerCounts(metricsUrl: string): Promise<WorkerCounts> {
  const body = await fetchMetrics(metricsUrl);
  return {
    acme: sumByLabel(body, 'certman_acme_request_duration_seconds_count', 'resource'),
    route53: sumByLabel(body, 'certman_dns_requests_total', 'action'),
  };
}

/** @returns what was added. */
export function increase(before: Readonly<Record<string, number>>, after: Readonly<Record<string, number>>) {
  const added = Object.entries(after).map(([name, count]) => [name, count - (before[name] ?? 0)] as const);
  return Object.fromEntries(added.filter(([, count]) => count > 0));
}

export async function fetchMetrics(url: string): Promise<string> {
  return (await sendRequest(url)).body;
}

/** Sums of a counter by one of its labels. */
export function sumByLabel(text: string, metric: string, label: string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const line of text.split('\n')) {
    if (!line.startsWith(`${metric}{`)) continue;
    const name = new RegExp(`[{,]${label}="([^"]*)"`).exec(line)?.[1] ?? '';
    counts[name] = (counts[name] ?? 0) + Number(line.slice(line.lastIndexOf(' ') + 1));
  }
  return counts;
}
