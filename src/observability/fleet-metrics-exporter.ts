import { Histogram } from 'prom-client';
import type { CrdState, FleetSnapshot, RequestSeries, WatchState } from '../controller/fleet-snapshot.ts';
import { inSlices } from '../controller/in-slices.ts';
import { CERTIFICATE_REQUESTS } from '../kubernetes/objects/resources.ts';
import { type FleetView, fleetGaugeTexts } from './fleet-gauges.ts';
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
/**
 * For each issuance of a listing, until the next one. A listing has those of the last minute again, so that in a burst one
 * after each certificate would cost the more, the more certificates there are.
 */
const COUNT_PAUSE_PER_ISSUANCE_MS = 20;
const MAX_COUNT_PAUSE_MS = 30_000;

/**
 * From the end of a controller. Its successor, on whichever worker, has usually listed everything much earlier; kept for
 * longer, the expiries of certificates that were renewed since would mislead.
 */
const KEEP_EXPIRIES_MS = 10 * 60_000;

/**
 * Exposes one fleet at a time, the latest, while this worker runs the controller; keeps its counts current. The expiries
 * of certificates outlive the controller for a while, so that no alert on them ends because the watch starts again.
 */
export class FleetMetricsExporter {
  readonly #options: FleetMetricsExporterOptions;
  #exposure: Exposure | undefined;

  constructor(options: FleetMetricsExporterOptions) {
    this.#options = options;
  }

  /** Exposes a fleet until the returned function is called; then the last expiries only. */
  expose(fleet: FleetSnapshot): () => void {
    this.#exposure?.endExceptExpiries();
    const lastExpiries = this.#exposure?.lastExpiries;
    this.#exposure?.end();
    const exposure = new Exposure(this.#options, fleet, lastExpiries);
    this.#exposure = exposure;
    return () => exposure.endExceptExpiries();
  }

  /** What the controller of this worker cannot watch or write, and why, as sentences. */
  problems(): readonly string[] {
    const { watches = [], crd } = this.#exposure ?? {};
    return [...watches, crd].map((state) => state?.problem).filter((problem) => problem !== undefined);
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

/** The certificates that a controller knew last. */
interface LastExpiries {
  readonly certificates: readonly RequestSeries[];
  readonly watch: WatchState;
}

class Exposure {
  readonly #options: FleetMetricsExporterOptions;
  /** Undefined once its controller has ended, whose cache is released with it. */
  #fleet: FleetSnapshot | undefined;
  readonly #history: IssuanceHistory;
  readonly #ended = new AbortController();
  readonly #removeGauges: () => void;
  /** Sum of all expiries at the last scrape: another sum means that a certificate was issued, by whichever worker. */
  #expirySum: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #due = Number.POSITIVE_INFINITY;
  /** The end of the pause after the last count. */
  #notBefore = 0;
  #counting = false;
  /** Of an earlier controller until this one has listed them, and of this one once it has ended. */
  #lastExpiries: LastExpiries | undefined;
  #expiriesTimer: NodeJS.Timeout | undefined;

  constructor(options: FleetMetricsExporterOptions, fleet: FleetSnapshot, lastExpiries: LastExpiries | undefined) {
    const { exposition, list } = options;
    this.#options = options;
    this.#fleet = fleet;
    this.#lastExpiries = lastExpiries;
    const durations = new Histogram({ ...ISSUE_DURATION, registers: [exposition.registry] });
    this.#history = new IssuanceHistory(list, ({ startTime, closeTime }) =>
      durations.observe(Math.max(0, closeTime - startTime) / 1000),
    );
    this.#removeGauges = exposition.add(() => this.#gauges());
    this.countWithin(0);
  }

  get lastExpiries(): LastExpiries | undefined {
    return this.#lastExpiries;
  }

  get watches(): readonly WatchState[] {
    const last = this.#lastExpiries?.watch;
    if (this.#fleet === undefined) return last === undefined ? [] : [last];
    return this.#fleet.watches.map((watch) =>
      watch.kind === last?.kind ? { ...watch, syncedUntil: watch.syncedUntil ?? last.syncedUntil } : watch,
    );
  }

  get crd(): CrdState | undefined {
    return this.#fleet?.crd;
  }

  /** Its controller has ended. */
  endExceptExpiries(): void {
    if (this.#fleet === undefined) return;
    const certificates = Array.from(this.#fleet.requests ?? this.#lastExpiries?.certificates ?? [], expiryOf);
    const watch = this.watches.find(({ kind }) => kind === CERTIFICATE_REQUESTS.plural);
    this.#stopCounting();
    if (watch === undefined || certificates.length === 0) return this.end();
    this.#lastExpiries = { certificates, watch: { ...watch, synced: false, problem: undefined } };
    this.#expiriesTimer = setTimeout(() => this.end(), KEEP_EXPIRIES_MS).unref();
  }

  end(): void {
    this.#stopCounting();
    clearTimeout(this.#expiriesTimer);
    this.#lastExpiries = undefined;
    this.#removeGauges();
  }

  #stopCounting(): void {
    if (this.#ended.signal.aborted) return;
    this.#ended.abort();
    this.#fleet = undefined;
    clearTimeout(this.#timer);
    this.#options.exposition.registry.removeSingleMetric(ISSUE_DURATION.name);
  }

  async *#gauges(): AsyncGenerator<string> {
    const view = await this.#view();
    for await (const texts of inSlices(fleetGaugeTexts(view, Date.now()))) yield texts.join('');
  }

  async #view(): Promise<FleetView> {
    const { watches } = this;
    if (this.#fleet === undefined) return { watches, certificates: this.#lastExpiries?.certificates };
    const { clusters, standalone, requests, ari } = this.#fleet;
    const view = {
      watches,
      crd: this.crd,
      clusters: clusters && (await collect(clusters)),
      standalone: standalone && (await collect(standalone)),
      requests: requests && [...requests],
      ari,
      // Counted at the scrape: certificates leave the day and the week as time passes.
      issued: this.#history.counts(Date.now()),
    };
    if (view.requests === undefined) return { ...view, certificates: this.#lastExpiries?.certificates };
    this.#detectIssuance(view.requests);
    return { ...view, certificates: view.requests };
  }

  #detectIssuance(requests: readonly RequestSeries[]): void {
    const sum = requests.reduce((total, { notAfter = 0 }) => total + notAfter, 0);
    if (this.#expirySum !== undefined && this.#expirySum !== sum) this.countWithin(COUNT_DELAY_MS);
    this.#expirySum = sum;
  }

  /** Brings the next count forward, never delays it; the pause after the last one is kept. */
  countWithin(ms: number): void {
    this.#due = Math.min(this.#due, Date.now() + ms);
    if (!this.#counting) this.#startTimer();
  }

  #startTimer(): void {
    if (this.#ended.signal.aborted) return;
    clearTimeout(this.#timer);
    const wait = Math.max(0, this.#due - Date.now(), this.#notBefore - Date.now());
    this.#timer = setTimeout(() => void this.#count(), wait).unref();
  }

  async #count(): Promise<void> {
    this.#due = Number.POSITIVE_INFINITY;
    this.#counting = true;
    try {
      const listed = await this.#history.refresh(Date.now(), this.#ended.signal);
      this.#notBefore = Date.now() + Math.min(listed * COUNT_PAUSE_PER_ISSUANCE_MS, MAX_COUNT_PAUSE_MS);
    } catch (error) {
      // The gauges keep the last counts; the next listing covers this one's time as well, and may be as long each time.
      this.#notBefore = Date.now() + MAX_COUNT_PAUSE_MS;
      if (!this.#ended.signal.aborted) this.#options.onError(error);
    }
    this.#counting = false;
    this.countWithin(COUNT_INTERVAL_MS);
  }
}

/** What the series of an expiry are computed from, without the rest of a cached request. */
function expiryOf({ namespace, name, dnsNames, renewBeforeDays, notBefore, notAfter, renewalAt }: RequestSeries) {
  return { namespace, name, dnsNames: dnsNames.slice(0, 1), renewBeforeDays, notBefore, notAfter, renewalAt };
}

async function collect<Item>(items: Iterable<Item>): Promise<readonly Item[]> {
  const collected: Item[] = [];
  for await (const slice of inSlices(items)) collected.push(...slice);
  return collected;
}
