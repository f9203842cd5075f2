/** Metrics of a worker process. src/observability/fleet-gauges.ts: the fleet's, of the controller's worker only. */

/** Outcomes of fetching a CRL. */
export const CRL_FETCH_OUTCOMES = ['fetched', 'outdated', 'untrusted', 'unusable', 'unreachable'] as const;

/** Label names, each with the values whose series start at 0: rate() then sees the first increase. */
type Labels = Readonly<Record<string, readonly string[]>>;

interface MetricRow<L extends Labels> {
  readonly name: string;
  readonly help: string;
  readonly labels: L;
}

type LabelValues<L extends Labels> = Readonly<Record<keyof L, string | number>>;

/** A counter of events. */
export interface CounterRow<L extends Labels = Labels> extends MetricRow<L> {
  readonly kind: 'counter';
}

/** A histogram of seconds. */
export interface HistogramRow<L extends Labels = Labels> extends MetricRow<L> {
  readonly kind: 'histogram';
  /** Upper bounds, in seconds. */
  readonly buckets: readonly number[];
}

function counter<const L extends Labels>(name: string, help: string, labels: L): CounterRow<L> {
  return { kind: 'counter', name, help, labels };
}

function histogram<const L extends Labels>(
  name: string,
  help: string,
  labels: L,
  buckets: readonly number[],
): HistogramRow<L> {
  return { kind: 'histogram', name, help, labels, buckets };
}

/** Every metric, by the key it is recorded with: to add one, add a row here and record it where it happens. */
export const METRICS = {
  issuedCertificates: counter(
    'certman_operator_issued_certificates_count',
    'Certificates issued and installed by this process, by action: create or renew.',
    { action: ['create', 'renew'] },
  ),
  caMaintenanceErrors: counter(
    'certman_operator_lets_encrypt_maintenance_error_count',
    'Responses in which the CA reports that it is down for maintenance.',
    {},
  ),
  issuances: counter(
    'certman_issuances_total',
    'Issuance attempts that ended in this process, by result: issued, or the reason on the CertificateRequest.',
    { result: ['issued'] },
  ),
  decommissions: counter(
    'certman_decommissions_total',
    'Deleted clusters released by this process, by outcome: complete, or incomplete when something was given up.',
    { outcome: ['complete', 'incomplete'] },
  ),
  activityDuration: histogram(
    'certman_activity_duration_seconds',
    'Duration of activity attempts, by activity and success.',
    { activity: [], succeeded: [] },
    [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600],
  ),
  activityFailures: counter(
    'certman_activity_failures_total',
    'Failed activity attempts, by activity and failure code.',
    { activity: [], code: [] },
  ),
  acmeRequestDuration: histogram(
    'certman_acme_request_duration_seconds',
    'Duration of requests to the CA, by ACME resource and HTTP status.',
    { resource: [], status: [] },
    [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
  ),
  ariWindowChanges: counter(
    'certman_ari_window_changes_total',
    'Renewals that were rescheduled because the CA moved the suggested window (RFC 9773).',
    {},
  ),
  crlFetches: counter(
    'certman_crl_fetches_total',
    'CRL fetches by this process, by outcome: fetched, outdated (past its nextUpdate), untrusted (not signed by the CA of a certificate that it lists), unusable or unreachable.',
    { outcome: CRL_FETCH_OUTCOMES },
  ),
  revokedCertificates: counter(
    'certman_revoked_certificates_total',
    'Certificates in use that were found on a CRL of their CA.',
    {},
  ),
  dnsRequests: counter('certman_dns_requests_total', 'Requests to DNS services, by service and action.', {
    service: [],
    action: [],
  }),
};

type Recorder<Row> =
  Row extends CounterRow<infer L>
    ? { inc(...labels: keyof L extends never ? [] : [labels: LabelValues<L>]): void }
    : Row extends HistogramRow<infer L>
      ? { observe(labels: LabelValues<L>, seconds: number): void }
      : never;

/** Records the metrics of the table: `metrics.crlFetches.inc({ outcome: 'fetched' })`. */
export type Metrics = { readonly [Key in keyof typeof METRICS]: Recorder<(typeof METRICS)[Key]> };
