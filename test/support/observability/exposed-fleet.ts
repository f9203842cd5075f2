/** A fleet that a test changes, and the metrics that are exposed of it. */
import type {
  AriCoverage,
  ClusterSeries,
  CrdState,
  RequestSeries,
  WatchState,
} from '../../../src/controller/fleet-snapshot.ts';
import { FleetMetricsExporter } from '../../../src/observability/fleet-metrics-exporter.ts';
import type { ClosedIssuance } from '../../../src/observability/issued-counts.ts';
import { MetricsExposition } from '../../../src/observability/metrics-exposition.ts';

/** A CertificateRequest of it. */
export const REQUEST: RequestSeries = { namespace: 'ns', name: 'demo-primary', dnsNames: ['api.demo.example.com'] };

/** Empty; `issue` has an order completed, `state.broken` makes visibility unavailable. */
export function exposedFleet() {
  const exposition = new MetricsExposition();
  const closed: ClosedIssuance[] = [];
  const errors: unknown[] = [];
  let held: Promise<void> | undefined;
  const state = {
    broken: false,
    listings: 0,
    /** Issuances, each as often as it was listed. */
    listed: 0,
    /** Listings end after the returned function is called. */
    hold(): () => void {
      const { promise, resolve } = Promise.withResolvers<void>();
      held = promise;
      return resolve;
    },
  };
  const fleet = {
    clusters: [] as ClusterSeries[],
    standalone: [] as ClusterSeries[],
    requests: [] as RequestSeries[],
    ari: { certificates: 0, failing: false } as AriCoverage,
    watches: [] as WatchState[],
    crd: undefined as CrdState | undefined,
  };
  const metrics = new FleetMetricsExporter({
    exposition,
    onError: (error) => errors.push(error),
    async *list(since) {
      state.listings += 1;
      if (state.broken) throw new Error('visibility is unavailable');
      for (const one of closed) {
        if (one.closeTime < since) continue;
        state.listed += 1;
        yield one;
      }
      await held;
    },
  });
  const issue = (runId: string): void => {
    const now = Date.now();
    closed.push({
      runId,
      startTime: now - 3_000,
      closeTime: now,
      dnsNames: ['api.a.openshiftapps.com'],
      nameSet: 'a',
    });
  };
  const read = async (): Promise<string> => await exposition.metrics();
  return { fleet, metrics, issue, read, errors, state };
}
