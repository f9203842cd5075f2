/** When each alert of deploy/components/monitoring fires, and when it does not, as series of promtool's unit tests. */

/** Values at each minute by series, in promtool's notation: `0x60` is 60 times 0 more, `0+1x60` counts up. */
type InputSeries = Readonly<Record<string, string>>;

/** One alert. The labels of the target are added to every series: see {@link targetOf}. */
export interface AlertCase {
  readonly alert: string;
  /** Since the first sample; epoch 0, so that instants in series are seconds from here. */
  readonly at: string;
  readonly fires: InputSeries;
  readonly quiet: readonly InputSeries[];
  /** Of the firing alert, besides its name, severity and those of the target. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Which labels of the target it keeps. Default: {@link KEPT}. */
  readonly keeps?: readonly string[];
}

/** What Prometheus adds to the series of a pod. */
export const TARGET: Readonly<Record<string, string>> = {
  namespace: 'certman-operator',
  job: 'certman-metrics',
  pod: 'certman-1',
  instance: '10.0.0.1:8080',
};
const KEPT = ['namespace', 'job'];

/** The labels that a firing alert has of its target. */
export function targetOf({ keeps = KEPT }: AlertCase): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(TARGET).filter(([name]) => keeps.includes(name)));
}

const REQUEST = { certificaterequest_name: 'demo-primary', certificaterequest_namespace: 'demo' };
const OF_REQUEST = 'certificaterequest_name="demo-primary",certificaterequest_namespace="demo"';
const NOT_AFTER = `certman_certificate_not_after_timestamp_seconds{${OF_REQUEST}}`;
const RENEWAL = `certman_certificate_renewal_timestamp_seconds{${OF_REQUEST}}`;
const HELD_UP = (state: string, reason: string): string =>
  `certman_certificate_held_up{${OF_REQUEST},state="${state}",reason="${reason}"}`;

/** A certificate that is due for renewal at `renewal` and expires at `notAfter`, in seconds. */
const certificate = (renewal: number, notAfter: number): InputSeries => ({
  [RENEWAL]: `${renewal}x1500`,
  [NOT_AFTER]: `${notAfter}x1500`,
});

/** A counter that counts once, after ten minutes. */
const ONCE = '0x10 1x1500';
const NEVER = '0x1500';

const counts = (alert: string, series: string, labels?: AlertCase['labels'], quiet = NEVER): AlertCase => ({
  alert,
  at: '30m',
  fires: { [series]: ONCE },
  quiet: [{ [series]: quiet }],
  ...(labels && { labels }),
});

/** @param le as Prometheus 3 stores it for 10800, unless given. */
const servedLag = (inTime: number, all: number, le = '10800.0'): InputSeries => ({
  [`certman_served_lag_seconds_bucket{action="renew",le="${le}"}`]: `0x10 ${inTime}x1500`,
  'certman_served_lag_seconds_bucket{action="renew",le="+Inf"}': `0x10 ${all}x1500`,
});

/** Every alert. */
export const ALERT_CASES: readonly AlertCase[] = [
  {
    alert: 'CertmanRenewalLate',
    at: '4h',
    fires: certificate(600, 100_000),
    quiet: [
      // On plan; a little late; a certificate that is replaced, and has a plan again; none yet.
      certificate(20_000, 100_000),
      certificate(10_000, 100_000),
      { [RENEWAL]: '600x200 50000x1500', [NOT_AFTER]: '100000x200 150000x1500' },
      { [NOT_AFTER]: NEVER },
      // Half of the time has passed: it is very late.
      certificate(600, 20_000),
    ],
    labels: REQUEST,
  },
  {
    alert: 'CertmanRenewalVeryLate',
    at: '4h',
    fires: certificate(600, 20_000),
    quiet: [certificate(600, 100_000), certificate(600, 10_000)],
    labels: REQUEST,
  },
  {
    alert: 'CertmanCertificateExpired',
    at: '4h',
    fires: certificate(600, 14_000),
    // The last is renewed at its expiry, by a plan of another writer.
    quiet: [certificate(600, 20_000), { [NOT_AFTER]: NEVER }, certificate(90_000, 90_000)],
    labels: REQUEST,
  },
  {
    alert: 'CertmanFirstCertificateLate',
    at: '90m',
    fires: { [NOT_AFTER]: NEVER, [HELD_UP('Failing', 'DnsAccessDenied')]: '1x1500' },
    quiet: [
      { [NOT_AFTER]: '0x45 100000x1500' },
      { [NOT_AFTER]: NEVER, [HELD_UP('Waiting', 'NoFailure')]: '1x1500' },
      { [NOT_AFTER]: NEVER, [HELD_UP('Paused', 'ReconcilePaused')]: '1x1500' },
      { [NOT_AFTER]: NEVER, [HELD_UP('Decommissioning', 'NoFailure')]: '1x1500' },
    ],
    labels: REQUEST,
  },
  {
    alert: 'CertmanCertificateNotServed',
    at: '30m',
    fires: { [`certman_certificate_not_served{${OF_REQUEST},reason="NotServed"}`]: '1x1500' },
    quiet: [{ [`certman_certificate_not_served{${OF_REQUEST},reason="NotServed"}`]: '1x5' }],
    labels: { ...REQUEST, reason: 'NotServed' },
  },
  {
    alert: 'CertmanServedObjectiveMissed',
    at: '2h',
    fires: servedLag(30, 40),
    quiet: [servedLag(39, 40), servedLag(1, 5)],
    labels: { action: 'renew' },
  },
  {
    alert: 'CertmanServedObjectiveMissed',
    at: '2h',
    // Of Prometheus 2.
    fires: servedLag(30, 40, '10800'),
    quiet: [servedLag(39, 40, '10800')],
    labels: { action: 'renew' },
  },
  {
    alert: 'CertmanRenewalWindowsInvalid',
    at: '30m',
    fires: { certman_renewal_windows_invalid: '1x1500' },
    quiet: [{ certman_renewal_windows_invalid: NEVER }],
  },
  {
    alert: 'CertmanRestartTurnsFailing',
    at: '30m',
    fires: { 'certman_restart_turn_failures_total{code="configuration/invalid"}': '0x5 1x2 2x5 3x1500' },
    quiet: [
      { 'certman_restart_turn_failures_total{code="configuration/invalid"}': ONCE },
      { 'certman_restart_turn_failures_total{code="kubernetes/unreachable"}': '0x5 1x2 2x5 3x1500' },
    ],
    labels: { code: 'configuration/invalid' },
  },
  counts('CertmanDecommissionIncomplete', 'certman_decommissions_total{outcome="incomplete"}', {
    outcome: 'incomplete',
  }),
  {
    alert: 'CertmanCaFailing',
    at: '30m',
    fires: { 'certman_ca_up{ca="ca.example.com"}': NEVER },
    quiet: [
      { 'certman_ca_up{ca="ca.example.com"}': '0x10 1x1500' },
      { 'certman_ca_up{ca="ca.example.com"}': NEVER, 'certman_ca_up{ca="ca.example.com",pod="certman-2"}': '1x1500' },
    ],
    labels: { ca: 'ca.example.com' },
  },
  {
    alert: 'CertmanAccountOfAnotherCa',
    at: '30m',
    fires: { [HELD_UP('Failing', 'AcmeCaChanged')]: '1x1500' },
    quiet: [{ [HELD_UP('Failing', 'AcmeRateLimited')]: '1x1500' }],
    labels: { reason: 'AcmeCaChanged' },
  },
  counts('CertmanLimitExceeded', 'certman_ca_budget_orders_total{outcome="refused"}', { outcome: 'refused' }),
  {
    alert: 'CertmanBudgetUnavailable',
    at: '30m',
    fires: { 'certman_ca_budget_orders_total{outcome="unavailable"}': '0+1x1500' },
    quiet: [{ 'certman_ca_budget_orders_total{outcome="unavailable"}': ONCE }],
    labels: { outcome: 'unavailable' },
  },
  counts('CertmanRunawayStopped', 'certman_runaway_checks_total{outcome="refused"}', { outcome: 'refused' }),
  {
    alert: 'CertmanDuplicateCertificates',
    at: '30m',
    fires: { certman_operator_duplicate_certs_in_last_week: '2x1500' },
    quiet: [{ certman_operator_duplicate_certs_in_last_week: NEVER }],
  },
  {
    alert: 'CertmanChainsRefused',
    at: '30m',
    fires: { 'certman_refused_chains_total{reason="noTrustedRoot"}': '0+1x1500' },
    quiet: [{ 'certman_refused_chains_total{reason="noTrustedRoot"}': ONCE }],
    labels: { reason: 'noTrustedRoot' },
  },
  {
    alert: 'CertmanIssuerInCanary',
    at: '30m',
    fires: { certman_issuers_in_canary: '1x1500' },
    quiet: [{ certman_issuers_in_canary: NEVER }],
  },
  counts('CertmanCertificatesRevoked', 'certman_revoked_certificates_total'),
  {
    alert: 'CertmanRenewalsMovedByCa',
    at: '30m',
    fires: { certman_ari_window_changes_total: '0+1x1500' },
    quiet: [{ certman_ari_window_changes_total: ONCE }],
  },
  {
    alert: 'CertmanAriFailing',
    at: '25h',
    fires: { certman_ari_failing: '1x2000' },
    quiet: [{ certman_ari_failing: '1x700 0x5 1x2000' }],
  },
  {
    alert: 'CertmanCrlsUnreachable',
    at: '2h',
    fires: {
      'certman_crl_fetches_total{outcome="unreachable"}': ONCE,
      'certman_crl_fetches_total{outcome="fetched"}': NEVER,
      'certman_crl_fetches_total{outcome="outdated"}': NEVER,
    },
    quiet: [
      {
        'certman_crl_fetches_total{outcome="unreachable"}': ONCE,
        'certman_crl_fetches_total{outcome="fetched"}': ONCE,
      },
    ],
  },
  counts('CertmanCrlNotTrusted', 'certman_crl_fetches_total{outcome="untrusted"}', { outcome: 'untrusted' }, '5x1500'),
  {
    alert: 'CertmanControllerMissing',
    at: '30m',
    fires: {},
    quiet: [{ 'certman_watch_synced{kind="secrets"}': NEVER }],
    keeps: [],
  },
  {
    alert: 'CertmanWatchLate',
    at: '30m',
    fires: { 'certman_watch_synced{kind="secrets"}': NEVER },
    quiet: [
      { 'certman_watch_synced{kind="secrets"}': '0x5 1x1 0x5 1x1 0x5 1x1 0x20' },
      { 'certman_watch_last_synced_timestamp_seconds{kind="secrets"}': '0+60x1500' },
    ],
    labels: { kind: 'secrets' },
  },
  {
    alert: 'CertmanSignalsLate',
    at: '90m',
    fires: {
      'certman_watch_signal_delay_seconds_bucket{le="60"}': '0+1x1500',
      'certman_watch_signal_delay_seconds_bucket{le="300"}': '0+10x1500',
      'certman_watch_signal_delay_seconds_bucket{le="+Inf"}': '0+10x1500',
    },
    quiet: [
      {
        'certman_watch_signal_delay_seconds_bucket{le="60"}': '0+10x1500',
        'certman_watch_signal_delay_seconds_bucket{le="300"}': '0+10x1500',
        'certman_watch_signal_delay_seconds_bucket{le="+Inf"}': '0+10x1500',
      },
    ],
  },
  {
    alert: 'CertmanCrdOutdated',
    at: '30m',
    fires: { certman_crd_outdated: '1x1500' },
    quiet: [{ certman_crd_outdated: NEVER }],
  },
  {
    alert: 'CertmanObjectWritesFailing',
    at: '30m',
    fires: { 'certman_object_write_failures_total{code="kubernetes/unreachable"}': '0+1x1500' },
    quiet: [{ 'certman_object_write_failures_total{code="kubernetes/unreachable"}': ONCE }],
    labels: { code: 'kubernetes/unreachable' },
  },
  {
    alert: 'CertmanVisibilityFailing',
    at: '30m',
    fires: { certman_workflow_list_failures_total: '0+1x1500' },
    quiet: [{ certman_workflow_list_failures_total: ONCE }],
  },
  {
    alert: 'CertmanWorkflowTasksFailing',
    at: '60m',
    // Temporal retries a task that fails again and again each ten minutes.
    fires: { temporal_workflow_task_execution_failed: '0x10 1x9 2x9 3x9 4x9 5x1500' },
    quiet: [{ temporal_workflow_task_execution_failed: '0x40 1x1500' }],
  },
  {
    alert: 'CertmanWorkersBusy',
    at: '45m',
    fires: { 'temporal_worker_task_slots_available{worker_type="ActivityWorker"}': NEVER },
    quiet: [
      { 'temporal_worker_task_slots_available{worker_type="ActivityWorker"}': '0x20 1x1 0x1500' },
      {
        'temporal_worker_task_slots_available{worker_type="ActivityWorker"}': NEVER,
        'temporal_worker_task_slots_available{worker_type="ActivityWorker",pod="certman-2"}': '7x1500',
      },
    ],
    keeps: ['namespace'],
  },
  {
    alert: 'CertmanMemoryNearLimit',
    at: '30m',
    fires: { process_resident_memory_bytes: '900x1500', certman_worker_memory_limit_bytes: '1000x1500' },
    quiet: [{ process_resident_memory_bytes: '700x1500', certman_worker_memory_limit_bytes: '1000x1500' }],
    keeps: ['namespace', 'job', 'pod', 'instance'],
  },
];
