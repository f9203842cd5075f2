/** Metrics of a worker process. src/observability/fleet-gauges.ts: the fleet's, of the controller's worker only. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

type Labels<Name extends string> = Readonly<Record<Name, string | number>>;

/** Registers every metric, once per registry. To add one, add a row here and record it where it happens. */
export function createMetrics(registry: Registry) {
  const registers = [registry];
  const plainCounter = (name: string, help: string): { inc(count?: number): void } =>
    new Counter({ name, help, registers });
  /** @param labels their names, each with the values whose series start at 0: rate() then sees the first increase. */
  const counter = <Name extends string>(
    name: string,
    help: string,
    labels: Readonly<Record<Name, readonly string[]>>,
  ): { inc(labels: Labels<Name>): void } => {
    const created = new Counter({ name, help, labelNames: Object.keys(labels), registers });
    for (const [label, values] of Object.entries<readonly string[]>(labels))
      for (const value of values) created.inc({ [label]: value }, 0);
    return created;
  };
  const histogram = <Name extends string>(
    name: string,
    help: string,
    labelNames: Name[],
    buckets: number[],
  ): { observe(labels: Labels<Name>, seconds: number): void } =>
    new Histogram({ name, help, labelNames, buckets, registers });
  return {
    caUp: new Gauge({
      name: 'certman_ca_up',
      help: '0 while requests of this process to a CA have failed for CERTMAN_FAILOVER_AFTER, 1 again once they succeed; by CA.',
      labelNames: ['ca'],
      registers,
    }) as { set(labels: Labels<'ca'>, value: number): void },
    caFailovers: counter(
      'certman_ca_failovers_total',
      'Orders of this process that went to a fallback CA, by the CA that failed and the one that was used.',
      { from: [], to: [] },
    ),
    caFailoverRefusals: counter(
      'certman_ca_failover_refusals_total',
      'Orders of this process that a fallback CA could not take, by that CA and failure code.',
      { ca: [], code: [] },
    ),
    issuedCertificates: counter(
      'certman_operator_issued_certificates_count',
      'Certificates issued and installed by this process, by action: create or renew.',
      { action: ['create', 'renew'] },
    ),
    caMaintenanceErrors: plainCounter(
      'certman_operator_lets_encrypt_maintenance_error_count',
      'Responses in which the CA reports that it is down for maintenance.',
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
    decommissionFailures: counter(
      'certman_decommission_failures_total',
      'What deleted clusters were released without, by failure code: a revocation, a deletion, a withdrawal that was given up.',
      { code: [] },
    ),
    signalDelay: histogram(
      'certman_watch_signal_delay_seconds',
      'From when the watch saw a change until its cluster was signalled, or found to need no signal.',
      [],
      [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 900],
    ),
    activityDuration: histogram(
      'certman_activity_duration_seconds',
      'Duration of activity attempts, by activity and success.',
      ['activity', 'succeeded'],
      [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600],
    ),
    activityFailures: counter(
      'certman_activity_failures_total',
      'Failed activity attempts, by activity and failure code; worker/lost: timed out.',
      { activity: [], code: [] },
    ),
    objectWriteFailures: counter(
      'certman_object_write_failures_total',
      'Evaluations of a certificate in use that could not write its finalizer or CertificateRequest, by failure code.',
      { code: [] },
    ),
    acmeRequestDuration: histogram(
      'certman_acme_request_duration_seconds',
      'Duration of requests to the CA, by ACME resource and HTTP status.',
      ['resource', 'status'],
      [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    ),
    acmeProblems: counter(
      'certman_acme_problems_total',
      'Refusals of the CA, by ACME resource and type of the problem document (RFC 8555 §6.7; other: of another type, or without one).',
      { resource: [], type: [] },
    ),
    issuanceStepDuration: histogram(
      'certman_issuance_step_duration_seconds',
      'Duration of the steps of orders, over all attempts: publishTxtRecords, verifyPropagation (the propagation time), answerChallenges, finalizeOrder, installCertificate.',
      ['step'],
      [0.1, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600, 1_800],
    ),
    ariWindowChanges: plainCounter(
      'certman_ari_window_changes_total',
      'Renewals that were rescheduled because the CA moved the suggested window (RFC 9773).',
    ),
    crlFetches: counter(
      'certman_crl_fetches_total',
      'CRL fetches by this process, by outcome: fetched, outdated (past its nextUpdate), untrusted (not signed by the CA of a certificate that it lists), unusable, refused (its host has no public address) or unreachable.',
      { outcome: ['fetched', 'outdated', 'untrusted', 'unusable', 'refused', 'unreachable'] },
    ),
    refusedChains: counter(
      'certman_refused_chains_total',
      'Chains from the CA that were not installed because clients would refuse them, by reason (docs/chain.md).',
      { reason: [] },
    ),
    canaryCertificates: counter(
      'certman_canary_certificates_total',
      'Certificates that were about to be installed while CERTMAN_CANARY_CLUSTERS is set, by outcome: known (the fleet has the issuer), canary (installed first), exempt (installed at once, since no certificate in use would be spared), waiting, or refused.',
      { outcome: ['known', 'canary', 'exempt', 'waiting', 'refused'] },
    ),
    renewalWindowsInvalid: new Gauge({
      name: 'certman_renewal_windows_invalid',
      help: 'Whether the renewal windows of the ConfigMap are not valid, so that planned renewals wait: 1 or 0; 0 in processes that do not run the controller.',
      registers,
    }) as { set(value: number): void },
    restartTurnFailures: counter(
      'certman_restart_turn_failures_total',
      'Attempts of this process to take a turn to restart a kube-apiserver that failed, by failure code. The renewal waits, as long as is safe.',
      { code: ['configuration/invalid', 'kubernetes/forbidden'] },
    ),
    issuersInCanary: new Gauge({
      name: 'certman_issuers_in_canary',
      help: 'Issuers that are new to the management cluster, and on a few clusters first; 0 in processes that do not run the controller.',
      registers,
    }) as { set(value: number): void },
    revokedCertificates: plainCounter(
      'certman_revoked_certificates_total',
      'Certificates in use that were found on a CRL of their CA, or an issuer of which was.',
    ),
    servedLag: histogram(
      'certman_served_lag_seconds',
      'Time from the installation of a certificate until its cluster was seen to serve it, by action: create or renew.',
      ['action'],
      [60, 300, 900, 1_800, 3_600, 5_400, 7_200, 9_000, 10_800, 14_400, 21_600, 43_200, 86_400],
    ),
    workflowListFailures: plainCounter(
      'certman_workflow_list_failures_total',
      'Lists of workflows by the controller that Temporal could not answer (visibility). Each is retried.',
    ),
    preflights: counter(
      'certman_preflights_total',
      'Preflights of new orders, by outcome: passed, undecided (the CA decides), or refused (nothing was ordered).',
      { outcome: ['passed', 'undecided', 'refused'] },
    ),
    sweptZones: counter(
      'certman_dns_swept_zones_total',
      'Zones searched for TXT records that a crash left behind, by outcome: swept, gone (the zone does not exist), or failed.',
      { outcome: ['swept', 'gone', 'failed'] },
    ),
    removedRecords: plainCounter(
      'certman_dns_leftover_records_removed_total',
      'TXT values that the sweep removed: those of challenges that a crash left behind, and their owner tags.',
    ),
    leftRecords: plainCounter(
      'certman_dns_records_left_total',
      'TXT records that were not withdrawn, because they are in a challenge zone that the settings no longer name.',
    ),
    budgetOrders: counter(
      'certman_ca_budget_orders_total',
      "Orders that asked the budget of the CA's account, by outcome: granted, queued (the order waits for its turn), unavailable (no budget answered: ordered without), overdue (urgent, and not held again), or refused (by a limit of the CA, which corrects the budget).",
      { outcome: ['granted', 'queued', 'unavailable', 'overdue', 'refused'] },
    ),
    stagingProofs: counter(
      'certman_staging_proofs_total',
      'Orders that were proved at the staging CA after a failure at the production CA, by outcome: proved, refused (the production CA was not asked), or skipped (the staging CA could not be used).',
      { outcome: ['proved', 'refused', 'skipped'] },
    ),
    runawayChecks: counter(
      'certman_runaway_checks_total',
      'Checks of new orders against the bound of their exact set of names, by outcome: passed, refused (too many were issued: something orders in a loop), or unavailable (visibility did not answer: what this process has ordered decided).',
      { outcome: ['passed', 'refused', 'unavailable'] },
    ),
    dnsRequests: counter('certman_dns_requests_total', 'Requests to DNS services, by service and action.', {
      service: [],
      action: [],
    }),
    dnsRequestFailures: counter(
      'certman_dns_request_failures_total',
      'Requests that a DNS service refused or did not answer, by service, action and failure code.',
      { service: [], action: [], code: [] },
    ),
  };
}

/** Records the metrics: `metrics.crlFetches.inc({ outcome: 'fetched' })`. */
export type Metrics = Readonly<ReturnType<typeof createMetrics>>;
