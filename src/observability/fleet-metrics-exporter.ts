import type { Registry } from 'prom-client';
import type { FleetSnapshot, RequestSeries } from '../controller/fleet-snapshot.ts';
import { type FleetGauges, registerFleetGauges } from './fleet-gauges.ts';
import { IssuanceHistory, type ListCompletedIssuances } from './issued-counts.ts';

/** Registry and source of counts. */
export interface FleetMetricsExporterOptions {
  readonly registry: Registry;
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

class Exposure {
  readonly #options: FleetMetricsExporterOptions;
  readonly #gauges: FleetGauges;
  readonly #history: IssuanceHistory;
  readonly #ended = new AbortController();
  /** Sum of all expiries at the last scrape: another sum means that a certificate was issued, by whichever worker. */
  #expirySum: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #due = Number.POSITIVE_INFINITY;

  constructor(options: FleetMetricsExporterOptions, fleet: FleetSnapshot) {
    this.#options = options;
    this.#history = new IssuanceHistory(options.list, ({ startTime, closeTime }) =>
      this.#gauges.observeIssueDuration(Math.max(0, closeTime - startTime) / 1000),
    );
    this.#gauges = registerFleetGauges(options.registry, () => ({
      clusters: fleet.clusters,
      standalone: fleet.standalone,
      requests: this.#detectIssuance(fleet.requests),
      ari: fleet.ari,
      // Counted at the scrape: certificates leave the day and the week as time passes.
      issued: this.#history.counts(Date.now()),
    }));
    this.countWithin(0);
  }

  end(): void {
    if (this.#ended.signal.aborted) return;
    this.#ended.abort();
    clearTimeout(this.#timer);
    this.#gauges.unregister();
  }

  *#detectIssuance(requests: Iterable<RequestSeries>): Generator<RequestSeries> {
    let sum = 0;
    for (const request of requests) {
      sum += request.notAfter ?? 0;
      yield request;
    }
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
