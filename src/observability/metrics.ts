import { Counter, Histogram, type Registry } from 'prom-client';
import { type CounterRow, type HistogramRow, METRICS, type Metrics } from './metric-table.ts';

/** Registers every metric of src/observability/metric-table.ts, once per registry. */
export function createMetrics(registry: Registry): Metrics {
  const metrics = Object.entries<CounterRow | HistogramRow>(METRICS).map(([key, row]) => [
    key,
    register(row, registry),
  ]);
  return Object.fromEntries(metrics) as Metrics;
}

function register(row: CounterRow | HistogramRow, registry: Registry): Counter | Histogram {
  const { name, help, labels } = row;
  const options = { name, help, labelNames: Object.keys(labels), registers: [registry] };
  if (row.kind === 'histogram') return new Histogram({ ...options, buckets: [...row.buckets] });
  const counter = new Counter(options);
  for (const [label, values] of Object.entries(labels)) for (const value of values) counter.inc({ [label]: value }, 0);
  return counter;
}
