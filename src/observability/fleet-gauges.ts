/**
 * What is true of the whole hub, said by the one process that runs the watch. Every series is made at the scrape from what
 * is known at that moment, so that a deleted object leaves none behind; when the watch moves on, the gauges leave the
 * registry, so that no two processes report the same thing.
 */
import { Gauge, Histogram, type Registry } from 'prom-client';
import { type ExpiryLevel, expiryLevel } from '../certificates/expiry-level.ts';
import type { IssuedCounts } from './issued-counts.ts';

const DAY_MS = 86_400_000;

/** From a second to an hour, in seconds. */
const ISSUE_DURATION_BUCKETS = [1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600];

/** A cluster, or a CertificateRequest that stands alone, as far as gauges go. */
export interface ClusterSeries {
  readonly namespace: string;
  readonly name: string;
  /** `Serve`, `Decommission`, or why it is left alone (`NotManaged`, `NotInstalled`, …). */
  readonly gate: string;
  readonly limitedSupport: boolean;
}

/** A CertificateRequest as far as gauges go. */
export interface RequestSeries {
  readonly namespace: string;
  readonly name: string;
  /** First name of the certificate. */
  readonly commonName: string;
  /** Epoch milliseconds; absent while there is no certificate. */
  readonly notBefore?: number;
  readonly notAfter?: number;
  /** As the user set it. */
  readonly renewBeforeDays?: number;
}

/** How far the CA says when certificates should be renewed (RFC 9773). */
export interface AriCoverage {
  /** Certificates in use that it has said it of. */
  readonly certificates: number;
  /** It does not answer, or there is no account to know it by. */
  readonly failing: boolean;
}

/** What the gauges are made from. Owned by the caller, read at each scrape. */
export interface FleetView {
  readonly clusters: Iterable<ClusterSeries>;
  readonly standalone: Iterable<ClusterSeries>;
  readonly requests: Iterable<RequestSeries>;
  readonly ari: AriCoverage;
  /** Undefined until they have been counted: no series then, rather than a wrong zero. */
  readonly issued: IssuedCounts | undefined;
}

export interface FleetGauges {
  /** Seconds from the start of an issuance until its certificate was installed. */
  observeIssueDuration(seconds: number): void;
  /** Takes everything out of the registry. */
  unregister(): void;
}

/** Gauges of one number, in the order they are shown: the name, what it says, how it is read. */
const UNLABELLED_GAUGES: readonly (readonly [
  name: string,
  help: string,
  read: (view: FleetView) => number | undefined,
])[] = [
  [
    'certman_operator_certs_in_last_day_openshift_com',
    'Certificates issued in the last day with a name under openshift.com.',
    ({ issued }) => issued?.lastDay.openshiftCom,
  ],
  [
    'certman_operator_certs_in_last_day_openshift_apps_com',
    'Certificates issued in the last day with a name under openshiftapps.com.',
    ({ issued }) => issued?.lastDay.openshiftAppsCom,
  ],
  [
    'certman_operator_certs_in_last_week_openshift_com',
    'Certificates issued in the last week with a name under openshift.com.',
    ({ issued }) => issued?.lastWeek.openshiftCom,
  ],
  [
    'certman_operator_certs_in_last_week_openshift_apps_com',
    'Certificates issued in the last week with a name under openshiftapps.com.',
    ({ issued }) => issued?.lastWeek.openshiftAppsCom,
  ],
  [
    'certman_operator_duplicate_certs_in_last_week',
    'Certificates issued in the last week beyond the first of their exact set of names, renewals whose time had come left out.',
    ({ issued }) => issued?.duplicatesInLastWeek,
  ],
  [
    'certman_operator_certificate_requests_count',
    'CertificateRequests on the hub.',
    ({ requests }) => [...requests].length,
  ],
  [
    'certman_ari_certificates',
    'Certificates of which the CA has said when they should be renewed (RFC 9773).',
    ({ ari }) => ari.certificates,
  ],
  [
    'certman_ari_failing',
    'Whether the CA cannot be asked for renewal information at this moment: 1 or 0.',
    ({ ari }) => Number(ari.failing),
  ],
];

/** @param view called at every scrape. */
export function registerFleetGauges(
  registry: Registry,
  view: () => FleetView,
  now: () => number = Date.now,
): FleetGauges {
  const registers = [registry];
  const numbers = UNLABELLED_GAUGES.map(
    ([name, help, read]) =>
      new Gauge({
        name,
        help,
        registers,
        collect() {
          const known = read(view());
          if (known === undefined) this.remove();
          else this.set(known);
        },
      }),
  );
  const labelled = [
    new Gauge({
      name: 'certman_clusters',
      help: 'ClusterDeployments on the hub, by what certman does for them: Serve, Decommission, or why nothing.',
      labelNames: ['gate'],
      registers,
      collect() {
        this.reset();
        for (const { gate } of view().clusters) this.inc({ gate });
      },
    }),
    new Gauge({
      name: 'certman_standalone_requests',
      help: 'CertificateRequests that belong to no ClusterDeployment, by what certman does for them: Serve, Decommission, or why nothing.',
      labelNames: ['gate'],
      registers,
      collect() {
        this.reset();
        for (const { gate } of view().standalone) this.inc({ gate });
      },
    }),
    new Gauge({
      name: 'certman_operator_cluster_in_limited_support',
      help: 'Clusters labelled api.openshift.com/limited-support, 1 each.',
      labelNames: ['cluster_name', 'cluster_namespace'],
      registers,
      collect() {
        this.reset();
        for (const { name, namespace, limitedSupport } of view().clusters) {
          if (limitedSupport) this.set({ cluster_name: name, cluster_namespace: namespace }, 1);
        }
      },
    }),
    new Gauge({
      name: 'certman_operator_certificate_valid_duration_days',
      help: 'Days for which a certificate remains valid; negative once it has expired.',
      labelNames: ['cn', 'certificaterequest_name', 'certificaterequest_namespace'],
      registers,
      collect() {
        this.reset();
        for (const request of view().requests) {
          if (request.notAfter === undefined) continue;
          this.set({ cn: request.commonName, ...labelsOf(request) }, (request.notAfter - now()) / DAY_MS);
        }
      },
    }),
    new Gauge({
      name: 'certman_certificate_not_after_timestamp_seconds',
      help: 'When the certificate of a CertificateRequest expires; 0 while it has none.',
      labelNames: ['certificaterequest_name', 'certificaterequest_namespace'],
      registers,
      collect() {
        this.reset();
        for (const request of view().requests) this.set(labelsOf(request), (request.notAfter ?? 0) / 1000);
      },
    }),
    expiryGauge(registers, view, now),
  ];
  const durations = new Histogram({
    name: 'certman_operator_certificate_issue_duration',
    help: 'Seconds from the start of an issuance until its certificate was installed.',
    buckets: ISSUE_DURATION_BUCKETS,
    registers,
  });
  return {
    observeIssueDuration: (seconds) => durations.observe(seconds),
    unregister: () => {
      for (const metric of [...numbers, ...labelled, durations]) registry.removeSingleMetric(nameOf(metric));
    },
  };
}

/** Only those whose renewal is held up have a series: in a healthy fleet there is none. */
function expiryGauge(registers: Registry[], view: () => FleetView, now: () => number) {
  return new Gauge({
    name: 'certman_certificate_expiry_near',
    help: 'Certificates whose renewal is held up (failing, paused, waiting), 1 each, by how near the expiry is: near, critical, expired.',
    labelNames: ['certificaterequest_name', 'certificaterequest_namespace', 'level'],
    registers,
    collect() {
      this.reset();
      for (const request of view().requests) {
        const nearness = expiryLevelOf(request, now());
        if (nearness !== 'far') this.set({ ...labelsOf(request), level: nearness }, 1);
      }
    },
  });
}

function expiryLevelOf({ notBefore, notAfter, renewBeforeDays }: RequestSeries, now: number): ExpiryLevel {
  if (notBefore === undefined || notAfter === undefined) return 'far';
  const validity = { notBefore: new Date(notBefore).toISOString(), notAfter: new Date(notAfter).toISOString() };
  return expiryLevel(validity, now, renewBeforeDays);
}

function labelsOf({
  namespace,
  name,
}: RequestSeries): Record<'certificaterequest_name' | 'certificaterequest_namespace', string> {
  return { certificaterequest_name: name, certificaterequest_namespace: namespace };
}

/** prom-client keeps a metric's name, but does not type it. */
function nameOf(metric: object): string {
  return 'name' in metric ? String(metric.name) : '';
}
