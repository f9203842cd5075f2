/** Every metric that a worker declares, whether or not it has a series yet. */
import { collectDefaultMetrics } from 'prom-client';
import type { ServedReason } from '../../../src/certificates/served.ts';
import type { FleetSnapshot, RequestSeries } from '../../../src/controller/fleet-snapshot.ts';
import { BudgetGauges } from '../../../src/observability/budget-gauges.ts';
import { type FleetView, fleetGaugeTexts } from '../../../src/observability/fleet-gauges.ts';
import { FleetMetricsExporter } from '../../../src/observability/fleet-metrics-exporter.ts';
import { createMetrics } from '../../../src/observability/metrics.ts';
import { MetricsExposition } from '../../../src/observability/metrics-exposition.ts';
import { watchMemory } from '../../../src/worker/memory-watch.ts';
import { Scrape } from '../e2e/prometheus.ts';

const DAY_MS = 86_400_000;

/** @returns the names of labels by metric; a histogram is under its own name and under those of its series. */
export function exposedMetrics(): ReadonlyMap<string, ReadonlySet<string>> {
  const exposition = new MetricsExposition();
  const { registry } = exposition;
  collectDefaultMetrics({ register: registry });
  createMetrics(registry);
  const budgets = new BudgetGauges({ registry, kinds: () => Promise.resolve([]) });
  watchMemory({ limit: 2 ** 30, registry, logger: { warn: () => undefined } })();
  const exporter = new FleetMetricsExporter({ exposition, async *list() {}, onError: () => undefined });
  exporter.expose({ ...UNKNOWN, watches: [] });
  const found = new Map<string, Set<string>>();
  for (const metric of registry.getMetricsAsArray()) {
    const { name, type, labelNames } = metric as unknown as Declared;
    found.set(name, new Set(labelNames));
    if (type !== 'histogram') continue;
    found.set(`${name}_bucket`, new Set([...labelNames, 'le']));
    for (const series of ['sum', 'count']) found.set(`${name}_${series}`, new Set(labelNames));
  }
  exporter.close();
  budgets.close();
  const text = [...fleetGaugeTexts(EVERY_SERIES, NOW)].join('');
  for (const [, name = ''] of text.matchAll(/^# TYPE (\w+) gauge$/gm)) found.set(name, new Set());
  for (const { name, labels } of new Scrape(text).samples)
    for (const label of Object.keys(labels)) found.get(name)?.add(label);
  return found;
}

/** Fields of prom-client's metrics that its types leave out. */
interface Declared {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram' | 'summary';
  readonly labelNames: readonly string[];
}

const NOW = Date.parse('2026-11-23T12:00:00Z');
const UNKNOWN = { clusters: undefined, standalone: undefined, requests: undefined, ari: undefined, crd: undefined };
const CLUSTER = { namespace: 'ns', name: 'demo', gate: 'Serve', limitedSupport: true };

const REQUEST: RequestSeries = {
  namespace: 'ns',
  name: 'demo-primary',
  dnsNames: ['api.demo.example.com'],
  notBefore: NOW - 85 * DAY_MS,
  notAfter: NOW + 5 * DAY_MS,
  state: { state: 'Failing', reason: 'DnsAccessDenied' },
  postponed: 'Frozen',
  served: { status: 'False', reason: 'NotServed' satisfies ServedReason, digest: 0 },
};

/** A fleet in which every gauge has a series. */
const EVERY_SERIES: FleetView & Pick<FleetSnapshot, 'watches'> = {
  watches: [{ kind: 'certificaterequests', synced: true, syncedUntil: NOW, problem: undefined }],
  crd: { problem: undefined },
  clusters: [CLUSTER],
  standalone: [CLUSTER],
  ari: { certificates: 1, failing: false },
  issued: {
    lastDay: { openshiftCom: 1, openshiftAppsCom: 1 },
    lastWeek: { openshiftCom: 1, openshiftAppsCom: 1 },
    lastDayByReason: { SecretMissing: 1 },
    duplicatesInLastWeek: 0,
  },
  requests: [REQUEST],
  certificates: [REQUEST],
};
