import { Histogram } from 'prom-client';
import type { FleetSnapshot, RequestSeries } from '../controller/fleet-snapshot.ts';
import { fleetGaugeLines } from './fleet-gauges.ts';
import { inSlices } from './in-slices.ts';
import { IssuanceHistory, type ListCompletedIssuances } from './issued-counts.ts';
import type { MetricsExposition } from './metrics-exposition.ts';

/** Where the metrics are exposed, and the source of counts. */
export interface FleetMetricsExporterOptions {
  readonly exposition: MetricsExposition;
  readonly list: ListCompletedIssuances;
  /** Called with each failure to count; the next count covers what it missed. */
  readonly onError: (error: unknown) => void;
}

const COUNT_INTERVAL_MS = 5 * 60_000;
/** From a change to the count: visibility catches up, and changes in quick succession are counted together. */
const COUNT_DELAY_MS = 1_500;

/** Exposes one fleet at a time, the latest, while this worker runs the controller; keeps its counts current. */
export class FleetMetricsExporter {
  readonly #options: FleetMetricsExporterOptions;
  #exposure: Exposure | undefined;

  constructor(options: FleetMetricsExporterOptions) {
    this.#options = options;
  }

  /** Exposes a fleet until the returned function is called. */
  expose(fleet: FleetSnapshot): () => void {
    this.#exposure?.end();
    const exposure = new Exposure(this.#options, fleet);
    this.#exposure = exposure;
    return () => exposure.end();
  }

  certificateIssued(): void {
    this.#exposure?.countWithin(COUNT_DELAY_MS);
  }

  close(): void {
    this.#exposure?.end();
  }
}

const ISSUE_DURATION = {
  name: 'certman_operator_certificate_issue_duration',
  help: 'Seconds from the start of an issuance until its certificate was installed.',
  buckets: [1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600],
};

class Exposure {
  readonly #options: FleetMetricsExporterOptions;
  readonly #fleet: FleetSnapshot;
  readonly #history: IssuanceHistory;
  readonly #ended = new AbortController();
  readonly #removeGauges: () => void;
  /** Sum of all expiries at the last scrape: another sum means that a certificate was issued, by whichever worker. */
  #expirySum: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #due = Number.POSITIVE_INFINITY;

  constructor(options: FleetMetricsExporterOptions, fleet: FleetSnapshot) {
    const { exposition, list } = options;
    this.#options = options;
    this.#fleet = fleet;
    const durations = new Histogram({ ...ISSUE_DURATION, registers: [exposition.registry] });
    this.#history = new IssuanceHistory(list, ({ startTime, closeTime }) =>
      durations.observe(Math.max(0, closeTime - startTime) / 1000),
    );
    this.#removeGauges = exposition.add(() => this.#gauges());
    this.countWithin(0);
  }

  end(): void {
    if (this.#ended.signal.aborted) return;
    this.#ended.abort();
    clearTimeout(this.#timer);
    this.#removeGauges();
    this.#options.exposition.registry.removeSingleMetric(ISSUE_DURATION.name);
  }

  async *#gauges(): AsyncGenerator<string> {
    const { clusters, standalone, requests, ari } = this.#fleet;
    const view = {
      clusters: await collect(clusters),
      standalone: await collect(standalone),
      requests: await collect(requests),
      ari,
      // Counted at the scrape: certificates leave the day and the week as time passes.
      issued: this.#history.counts(Date.now()),
    };
    this.#detectIssuance(view.requests);
    for await (const lines of inSlices(fleetGaugeLines(view, Date.now()))) yield lines.join('');
  }

  #detectIssuance(requests: readonly RequestSeries[]): void {
    const sum = requests.reduce((total, { notAfter = 0 }) => total + notAfter, 0);
    if (this.#expirySum !== undefined && this.#expirySum !== sum) this.countWithin(COUNT_DELAY_MS);
    this.#expirySum = sum;
  }

  /** Brings the next count forward, never delays it. */
  countWithin(ms: number): void {
    const due = Date.now() + ms;
    if (this.#ended.signal.aborted || this.#due <= due) return;
    clearTimeout(this.#timer);
    this.#due = due;
    this.#timer = setTimeout(() => void this.#count(), ms).unref();
  }

  async #count(): Promise<void> {
    this.#due = Number.POSITIVE_INFINITY;
    try {
      await this.#history.refresh(Date.now(), this.#ended.signal);
    } catch (error) {
      // The gauges keep the last counts; the next listing covers this one's time as well.
      if (!this.#ended.signal.aborted) this.#options.onError(error);
    }
    this.countWithin(COUNT_INTERVAL_MS);
  }
}

async function collect<Item>(items: Iterable<Item>): Promise<readonly Item[]> {
  const collected: Item[] = [];
  for await (const slice of inSlices(items)) collected.push(...slice);
  return collected;
}
