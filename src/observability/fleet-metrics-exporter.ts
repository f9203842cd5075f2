/**
 * The hub as metrics, shown for as long as this process runs the watch. What was issued is counted anew every few minutes,
 * and soon after something was issued.
 */
import type { Registry } from 'prom-client';
import {
  type AriCoverage,
  type ClusterSeries,
  type FleetGauges,
  type RequestSeries,
  registerFleetGauges,
} from './fleet-gauges.ts';
import { IssuanceHistory, type IssuedCounts, type ListCompletedIssuances } from './issued-counts.ts';

/** The hub as the watch knows it at this moment; iterated anew at each scrape. */
export interface WatchedFleet {
  readonly clusters: Iterable<ClusterSeries>;
  readonly standalone: Iterable<ClusterSeries>;
  readonly requests: Iterable<RequestSeries>;
  readonly ari: AriCoverage;
}

export interface FleetMetricsExporterOptions {
  readonly registry: Registry;
  readonly list: ListCompletedIssuances;
  /** Told of every count that failed; the next one makes up for it. */
  readonly onError: (error: unknown) => void;
  /** Milliseconds between two counts when nothing changes. */
  readonly countIntervalMs?: number;
  /** Milliseconds from a change to the count: time for visibility to catch up, and for neighbours to be counted with it. */
  readonly countDelayMs?: number;
}

const COUNT_INTERVAL_MS = 5 * 60_000;
const COUNT_DELAY_MS = 1_500;

/** Of one process. At most one period of watching is shown at a time: the latest. */
export class FleetMetricsExporter {
  readonly #options: FleetMetricsExporterOptions;
  #period: ExposurePeriod | undefined;

  constructor(options: FleetMetricsExporterOptions) {
    this.#options = options;
  }

  /** Shows the hub until the function that is returned is called. */
  expose(view: WatchedFleet): () => void {
    this.#period?.end();
    const period = new ExposurePeriod(this.#options, view);
    this.#period = period;
    return () => {
      period.end();
      if (this.#period === period) this.#period = undefined;
    };
  }

  /** A certificate was issued: count soon, if it is this process that counts. */
  certificateIssued(): void {
    this.#period?.countSoon();
  }

  /** Shows nothing any more. */
  close(): void {
    this.#period?.end();
    this.#period = undefined;
  }
}

/** One period of watching. */
class ExposurePeriod {
  readonly #options: FleetMetricsExporterOptions;
  readonly #gauges: FleetGauges;
  readonly #ledger: IssuanceHistory;
  readonly #ended = new AbortController();
  #issued: IssuedCounts | undefined;
  /** What the certificates added up to at the last scrape; another number means that something was issued somewhere. */
  #seen: number | undefined;
  #timer: NodeJS.Timeout;
  #due = 0;

  constructor(options: FleetMetricsExporterOptions, view: WatchedFleet) {
    this.#options = options;
    this.#ledger = new IssuanceHistory(options.list, ({ startTime, closeTime }) =>
      this.#gauges.observeIssueDuration(Math.max(0, closeTime - startTime) / 1000),
    );
    this.#gauges = registerFleetGauges(options.registry, () => ({
      clusters: view.clusters,
      standalone: view.standalone,
      requests: this.#noticing(view.requests),
      ari: view.ari,
      // Certificates leave the day and the week by themselves, without anything being listed.
      issued: this.#issued === undefined ? undefined : this.#ledger.counts(Date.now()),
    }));
    this.#timer = setTimeout(() => this.#count(), 0).unref();
  }

  end(): void {
    if (this.#ended.signal.aborted) return;
    this.#ended.abort();
    clearTimeout(this.#timer);
    this.#gauges.unregister();
  }

  countSoon(): void {
    this.#countWithin(this.#options.countDelayMs ?? COUNT_DELAY_MS);
  }

  *#noticing(requests: Iterable<RequestSeries>): Generator<RequestSeries> {
    let sum = 0;
    for (const request of requests) {
      sum += request.notAfter ?? 0;
      yield request;
    }
    if (this.#seen !== undefined && this.#seen !== sum) this.countSoon();
    this.#seen = sum;
  }

  /** Brings the next count forward, never puts it off. */
  #countWithin(ms: number): void {
    const due = Date.now() + ms;
    if (this.#ended.signal.aborted || this.#due <= due) return;
    clearTimeout(this.#timer);
    this.#due = due;
    this.#timer = setTimeout(() => this.#count(), ms).unref();
  }

  #count(): void {
    this.#due = Number.POSITIVE_INFINITY;
    void this.#refresh().finally(() => this.#countWithin(this.#options.countIntervalMs ?? COUNT_INTERVAL_MS));
  }

  async #refresh(): Promise<void> {
    try {
      this.#issued = await this.#ledger.refresh(Date.now(), this.#ended.signal);
    } catch (error) {
      // The gauges keep their last numbers, which age by themselves; the next count lists what this one did not.
      if (!this.#ended.signal.aborted) this.#options.onError(error);
    }
  }
}
