/** Computed at the scrape: a deleted object leaves no series. Only the controller's worker reports them. */
import type { ValidityMs } from '../certificates/certificate-facts.ts';
import { type ExpiryLevel, expiryLevelMs } from '../certificates/expiry-level.ts';
import { latestPlannedRenewal } from '../certificates/planned-renewal.ts';
import { POSTPONEMENT_REASONS } from '../certificates/postponement.ts';
import type { ServedReason } from '../certificates/served.ts';
import type { CertificateState } from '../certificates/status-report.ts';
import type { AriCoverage, ClusterSeries, CrdState, RequestSeries, WatchState } from '../controller/fleet-snapshot.ts';
import type { IssuedCounts } from './issued-counts.ts';

const DAY_MS = 86_400_000;

/** Input of the gauges, collected at each scrape. What is not known yet has no series, rather than a wrong zero. */
export interface FleetView {
  readonly watches: readonly WatchState[];
  readonly crd?: CrdState;
  readonly clusters?: readonly ClusterSeries[];
  readonly standalone?: readonly ClusterSeries[];
  readonly requests?: readonly RequestSeries[];
  /** The requests, or as an earlier controller of this process knew them last. */
  readonly certificates?: readonly RequestSeries[];
  readonly ari?: AriCoverage;
  readonly issued?: IssuedCounts;
}

/** @param labels as in the text format: `gate="Serve"`; '' for none. */
type Sample = readonly [labels: string, value: number];

/** A sample of each item, undefined where it has none: so that a long computation can be interrupted at each item. */
type Samples = Iterable<Sample | undefined>;

interface GaugeRow {
  readonly name: string;
  readonly help: string;
  /** @param now epoch milliseconds. */
  readonly samples: (fleet: FleetView, now: number) => Samples;
}

// Computed anew at each scrape: kept, the labels and thresholds of a certificate would take 0.7 kB.

function labelsOf({ namespace, name }: RequestSeries): string {
  return `certificaterequest_name="${escape(name)}",certificaterequest_namespace="${escape(namespace)}"`;
}

/** Undefined without a certificate. */
function validityOf({ notBefore, notAfter }: RequestSeries): ValidityMs | undefined {
  return notBefore === undefined || notAfter === undefined ? undefined : { notBefore, notAfter };
}

/** As planned, else at the latest: epoch seconds, never after the expiry. */
function renewalSecondsOf(validity: ValidityMs, { renewalAt, renewBeforeDays }: RequestSeries): number {
  const at = renewalAt ?? latestPlannedRenewal(validity, renewBeforeDays);
  return Math.floor(Math.min(at, validity.notAfter) / 1000);
}

function levelOf(request: RequestSeries, now: number): ExpiryLevel {
  const validity = validityOf(request);
  return validity === undefined ? 'far' : expiryLevelMs(validity, now, request.renewBeforeDays);
}

/** To some ten seconds: the digits of an exact fraction are half of the time that a line takes. */
function daysUntil(instant: number, now: number): number {
  return Math.round(((instant - now) / DAY_MS) * 10_000) / 10_000;
}

function single(value: number | undefined): readonly Sample[] {
  return value === undefined ? [] : [['', value]];
}

function countByGate(clusters: readonly ClusterSeries[] | undefined): Samples {
  const counts = new Map<string, number>();
  for (const { gate } of clusters ?? []) counts.set(gate, (counts.get(gate) ?? 0) + 1);
  return Array.from(counts, ([gate, count]) => [labelText({ gate }), count] as const);
}

function countByState(requests: readonly RequestSeries[] | undefined): Samples {
  const counts = new Map<string, number>();
  for (const { state } of requests ?? []) {
    if (state !== undefined) counts.set(state.state, (counts.get(state.state) ?? 0) + 1);
  }
  return Array.from(counts, ([state, count]) => [labelText({ state }), count] as const);
}

const HELD_UP_STATES: ReadonlySet<string> = new Set<CertificateState>([
  'Failing',
  'Waiting',
  'Paused',
  'Decommissioning',
]);

const LATE_REASONS: ReadonlySet<string> = new Set<ServedReason>(['NotServed', 'ChainNotTrusted']);

function countByServed(requests: readonly RequestSeries[] | undefined): Samples {
  const counts = new Map<string, number>();
  for (const { served } of requests ?? []) {
    if (served !== undefined) counts.set(served.reason, (counts.get(served.reason) ?? 0) + 1);
  }
  return Array.from(counts, ([reason, count]) => [labelText({ reason }), count] as const);
}

function countByPostponement(requests: readonly RequestSeries[] | undefined): Samples {
  if (requests === undefined) return [];
  const counts = new Map<string, number>(POSTPONEMENT_REASONS.map((reason) => [reason, 0]));
  for (const { postponed } of requests) {
    if (postponed !== undefined) counts.set(postponed, (counts.get(postponed) ?? 0) + 1);
  }
  return Array.from(counts, ([reason, count]) => [labelText({ reason }), count] as const);
}

function* each<T>(items: Iterable<T> | undefined, sample: (item: T) => Sample | undefined): Samples {
  for (const item of items ?? []) yield sample(item);
}

const GAUGES: readonly GaugeRow[] = [
  {
    name: 'certman_watch_synced',
    help: 'Whether every object of a kind is known and watched: 1 or 0. At 0, its series are missing, or show what was known last.',
    samples: ({ watches }) => each(watches, ({ kind, synced }) => [labelText({ kind }), Number(synced)]),
  },
  {
    name: 'certman_watch_last_synced_timestamp_seconds',
    help: 'Up to when the series of a kind are current; none before its first list is complete.',
    samples: ({ watches }) =>
      each(watches, ({ kind, syncedUntil }) =>
        syncedUntil === undefined ? undefined : [labelText({ kind }), syncedUntil / 1000],
      ),
  },
  {
    name: 'certman_crd_outdated',
    help: 'Whether the installed CRD of CertificateRequests lacks fields that this version writes: 1 or 0.',
    samples: ({ crd }) => single(crd && Number(crd.problem !== undefined)),
  },
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
    name: 'certman_certificates_issued_last_day',
    help: 'Certificates issued in the last day, by why they were ordered: SecretMissing, RenewalDue, SuggestedByCa, ….',
    samples: ({ issued }) =>
      each(Object.entries(issued?.lastDayByReason ?? {}), ([reason, count]) => [labelText({ reason }), count]),
  },
  {
    name: 'certman_operator_certificate_requests_count',
    help: 'CertificateRequests on the management cluster.',
    samples: ({ requests }) => single(requests?.length),
  },
  {
    name: 'certman_ari_certificates',
    help: 'Certificates for which the CA has suggested a renewal window (RFC 9773).',
    samples: ({ ari }) => single(ari?.certificates),
  },
  {
    name: 'certman_ari_failing',
    help: 'Whether renewal information cannot be fetched from the CA at this moment: 1 or 0.',
    samples: ({ ari }) => single(ari && Number(ari.failing)),
  },
  {
    name: 'certman_clusters',
    help: 'ClusterDeployments on the management cluster, by gate: Serve, Decommission, or why they are not served.',
    samples: ({ clusters }) => countByGate(clusters),
  },
  {
    name: 'certman_standalone_requests',
    help: 'Standalone CertificateRequests, by gate: Serve, Decommission, or why they are not served.',
    samples: ({ standalone }) => countByGate(standalone),
  },
  {
    name: 'certman_operator_cluster_in_limited_support',
    help: 'Clusters labelled api.openshift.com/limited-support, 1 each.',
    samples: ({ clusters }) =>
      each(clusters, ({ name, namespace, limitedSupport }) =>
        limitedSupport ? [labelText({ cluster_name: name, cluster_namespace: namespace }), 1] : undefined,
      ),
  },
  {
    name: 'certman_operator_certificate_valid_duration_days',
    help: 'Days for which a certificate remains valid; negative once it has expired.',
    samples: ({ certificates }, now) =>
      each(certificates, (request) =>
        request.notAfter === undefined
          ? undefined
          : [`cn="${escape(request.dnsNames[0] ?? '')}",${labelsOf(request)}`, daysUntil(request.notAfter, now)],
      ),
  },
  {
    name: 'certman_certificate_not_after_timestamp_seconds',
    help: 'When the certificate of a CertificateRequest expires; 0 while it has none.',
    samples: ({ certificates }) => each(certificates, (request) => [labelsOf(request), (request.notAfter ?? 0) / 1000]),
  },
  {
    name: 'certman_renewals_postponed',
    help: 'Renewals that are due and wait, by reason: OutsideWindow, Frozen, InvalidWindows, RestartBudget.',
    samples: ({ requests }) => countByPostponement(requests),
  },
  {
    name: 'certman_certificate_renewal_timestamp_seconds',
    help: 'When the renewal of a certificate is, or was, due by its plan; none while a CertificateRequest has no certificate.',
    samples: ({ certificates }) =>
      each(certificates, (request) => {
        const validity = validityOf(request);
        return validity && [labelsOf(request), renewalSecondsOf(validity, request)];
      }),
  },
  {
    name: 'certman_certificates',
    help: 'CertificateRequests by state: Pending, Issuing, Ready, Renewing, Failing, Waiting, Paused, Decommissioning.',
    samples: ({ requests }) => countByState(requests),
  },
  {
    // A series only where no order is under way, nor planned: a healthy fleet has none.
    name: 'certman_certificate_held_up',
    help: 'CertificateRequests that are Failing, Waiting, Paused or Decommissioning, 1 each, by state and reason: that of the failure, of the pause, or NoFailure while an order waits for its turn.',
    samples: ({ requests }) =>
      each(requests, (request) => {
        const { state } = request;
        if (state === undefined || !HELD_UP_STATES.has(state.state)) return undefined;
        return [`${labelsOf(request)},${labelText({ state: state.state, reason: state.reason })}`, 1];
      }),
  },
  {
    name: 'certman_certificates_served',
    help: 'Certificates by the reason of their condition Served: Served, NotServedYet, NotServed, ChainNotTrusted, and why that is not known.',
    samples: ({ requests }) => countByServed(requests),
  },
  {
    // A series only where Hive is late: a healthy fleet has none.
    name: 'certman_certificate_not_served',
    help: 'Certificates that their cluster does not serve although Hive has had the time, or in a chain that clients refuse, 1 each, by reason.',
    samples: ({ requests }) =>
      each(requests, (request) => {
        const reason = request.served?.reason ?? '';
        if (!LATE_REASONS.has(reason)) return undefined;
        return [`${labelsOf(request)},${labelText({ reason })}`, 1];
      }),
  },
  {
    // A series only where a renewal is held up: a healthy fleet has none.
    name: 'certman_certificate_expiry_near',
    help: 'Certificates whose renewal is held up (failing, paused, waiting), 1 each, by level: near, critical, expired.',
    samples: ({ certificates }, now) =>
      each(certificates, (request) => {
        const level = levelOf(request, now);
        return level === 'far' ? undefined : [`${labelsOf(request)},${labelText({ level })}`, 1];
      }),
  },
];

/** Samples of one text: each takes microseconds, and a check of the clock is as dear as one. */
const SAMPLES_PER_TEXT = 50;

/**
 * The gauges in Prometheus' text format (prometheus.io/docs/instrumenting/exposition_formats), in texts of a few lines,
 * so that the computation can be interrupted; '' where no item has a line.
 * @param now epoch milliseconds.
 */
export function* fleetGaugeTexts(fleet: FleetView, now: number): Generator<string> {
  for (const { name, help, samples } of GAUGES) {
    let text = `# HELP ${name} ${help}\n# TYPE ${name} gauge\n`;
    let count = 0;
    for (const sample of samples(fleet, now)) {
      if (sample !== undefined) text += lineOf(name, sample);
      count += 1;
      if (count % SAMPLES_PER_TEXT !== 0) continue;
      yield text;
      text = '';
    }
    yield text;
  }
}

function lineOf(name: string, [labels, value]: Sample): string {
  return labels === '' ? `${name} ${value}\n` : `${name}{${labels}} ${value}\n`;
}

function labelText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([label, value]) => `${label}="${escape(value)}"`)
    .join(',');
}

const ESCAPES: Readonly<Record<string, string>> = { '\\': String.raw`\\`, '\n': String.raw`\n`, '"': String.raw`\"` };

function escape(value: string): string {
  return /[\\\n"]/.test(value) ? value.replaceAll(/[\\\n"]/g, (character) => ESCAPES[character] ?? character) : value;
}
