/** Computed at the scrape: a deleted object leaves no series. Only the controller's worker reports: no duplicates. */
import { Gauge, Histogram, type Registry } from 'prom-client';
import { type ExpiryLevel, expiryLevel } from '../certificates/expiry-level.ts';
import type { FleetSnapshot, RequestSeries } from '../controller/fleet-snapshot.ts';
import type { IssuedCounts } from './issued-counts.ts';

const DAY_MS = 86_400_000;

/** Input of the gauges, read at each scrape. */
export interface FleetView extends FleetSnapshot {
  /** Undefined until the first count: then there is no series, rather than a wrong zero. */
  readonly issued: IssuedCounts | undefined;
}

/** Values of one label set are added up. */
type Sample = readonly [labels: Readonly<Record<string, string>>, value: number];

interface GaugeRow {
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly string[];
  /** @param now epoch milliseconds. */
  readonly samples: (fleet: FleetView, now: number) => Iterable<Sample>;
}

const REQUEST_LABELS = ['certificaterequest_name', 'certificaterequest_namespace'] as const;

function labelsOf({ namespace, name }: RequestSeries): Record<(typeof REQUEST_LABELS)[number], string> {
  return { certificaterequest_name: name, certificaterequest_namespace: namespace };
}

function single(value: number | undefined): readonly Sample[] {
  return value === undefined ? [] : [[{}, value]];
}

function* each<T>(items: Iterable<T>, sample: (item: T) => Sample | undefined): Generator<Sample> {
  for (const item of items) {
    const found = sample(item);
    if (found !== undefined) yield found;
  }
}

const GAUGES: readonly GaugeRow[] = [
  {
    name: 'certman_operator_certs_in_last_day_openshift_com',
    help: 'Certificates issued in the last day with a name under openshift.com.',
    samples: ({ issued }) => single(issued?.lastDay.openshiftCom),
  },
  {
    name: 'certman_operator_certs_in_last_day_openshift_apps_com',
    help: 'Certificates issued in the last day with a name under openshiftapps.com.',
    samples: ({ issued }) => single(issued?.lastDay.openshiftAppsCom),
  },
  {
    name: 'certman_operator_certs_in_last_week_openshift_com',
    help: 'Certificates issued in the last week with a name under openshift.com.',
    samples: ({ issued }) => single(issued?.lastWeek.openshiftCom),
  },
  {
    name: 'certman_operator_certs_in_last_week_openshift_apps_com',
    help: 'Certificates issued in the last week with a name under openshiftapps.com.',
    samples: ({ issued }) => single(issued?.lastWeek.openshiftAppsCom),
  },
  {
    name: 'certman_operator_duplicate_certs_in_last_week',
    help: 'Certificates issued in the last week beyond the first of their exact set of names, scheduled renewals excluded.',
    samples: ({ issued }) => single(issued?.duplicatesInLastWeek),
  },
  {
    name: 'certman_operator_certificate_requests_count',
    help: 'CertificateRequests on the management cluster.',
    samples: ({ requests }) => single([...requests].length),
  },
  {
    name: 'certman_ari_certificates',
    help: 'Certificates for which the CA has suggested a renewal window (RFC 9773).',
    samples: ({ ari }) => single(ari.certificates),
  },
  {
    name: 'certman_ari_failing',
    help: 'Whether renewal information cannot be fetched from the CA at this moment: 1 or 0.',
    samples: ({ ari }) => single(Number(ari.failing)),
  },
  {
    name: 'certman_clusters',
    help: 'ClusterDeployments on the management cluster, by gate: Serve, Decommission, or why they are not served.',
    labels: ['gate'],
    samples: ({ clusters }) => each(clusters, ({ gate }) => [{ gate }, 1]),
  },
  {
    name: 'certman_standalone_requests',
    help: 'Standalone CertificateRequests, by gate: Serve, Decommission, or why they are not served.',
    labels: ['gate'],
    samples: ({ standalone }) => each(standalone, ({ gate }) => [{ gate }, 1]),
  },
  {
    name: 'certman_operator_cluster_in_limited_support',
    help: 'Clusters labelled api.openshift.com/limited-support, 1 each.',
    labels: ['cluster_name', 'cluster_namespace'],
    samples: ({ clusters }) =>
      each(clusters, ({ name, namespace, limitedSupport }) =>
        limitedSupport ? [{ cluster_name: name, cluster_namespace: namespace }, 1] : undefined,
      ),
  },
  {
    name: 'certman_operator_certificate_valid_duration_days',
    help: 'Days for which a certificate remains valid; negative once it has expired.',
    labels: ['cn', ...REQUEST_LABELS],
    samples: ({ requests }, now) =>
      each(requests, (request) =>
        request.notAfter === undefined
          ? undefined
          : [{ cn: request.commonName, ...labelsOf(request) }, (request.notAfter - now) / DAY_MS],
      ),
  },
  {
    name: 'certman_certificate_not_after_timestamp_seconds',
    help: 'When the certificate of a CertificateRequest expires; 0 while it has none.',
    labels: REQUEST_LABELS,
    samples: ({ requests }) => each(requests, (request) => [labelsOf(request), (request.notAfter ?? 0) / 1000]),
  },
  {
    // A series only where a renewal is held up: a healthy fleet has none.
    name: 'certman_certificate_expiry_near',
    help: 'Certificates whose renewal is held up (failing, paused, waiting), 1 each, by level: near, critical, expired.',
    labels: [...REQUEST_LABELS, 'level'],
    samples: ({ requests }, now) =>
      each(requests, (request) => {
        const level = expiryLevelOf(request, now);
        return level === 'far' ? undefined : [{ ...labelsOf(request), level }, 1];
      }),
  },
];

function expiryLevelOf({ notBefore, notAfter, renewBeforeDays }: RequestSeries, now: number): ExpiryLevel {
  if (notBefore === undefined || notAfter === undefined) return 'far';
  const validity = { notBefore: new Date(notBefore).toISOString(), notAfter: new Date(notAfter).toISOString() };
  return expiryLevel(validity, now, renewBeforeDays);
}

/** The registered gauges. */
export interface FleetGauges {
  observeIssueDuration(seconds: number): void;
  unregister(): void;
}

/** Registers the gauges. @param view called for each gauge at every scrape. */
export function registerFleetGauges(registry: Registry, view: () => FleetView): FleetGauges {
  const registers = [registry];
  const durations = {
    name: 'certman_operator_certificate_issue_duration',
    help: 'Seconds from the start of an issuance until its certificate was installed.',
    buckets: [1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600],
    registers,
  };
  const histogram = new Histogram(durations);
  for (const { name, help, labels = [], samples } of GAUGES) {
    const gauge: Gauge = new Gauge({
      name,
      help,
      labelNames: labels,
      registers,
      collect() {
        gauge.reset();
        // reset() leaves a gauge without labels at 0.
        if (labels.length === 0) gauge.remove();
        for (const [labelValues, value] of samples(view(), Date.now())) gauge.inc(labelValues, value);
      },
    });
  }
  return {
    observeIssueDuration: (seconds) => histogram.observe(seconds),
    unregister: () => {
      for (const { name } of [...GAUGES, durations]) registry.removeSingleMetric(name);
    },
  };
}
