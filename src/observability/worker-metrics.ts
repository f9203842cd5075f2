/**
 * Metrics of one worker process: what it did itself. What is true of the whole fleet is in fleet-gauges.ts, because only the
 * process that runs the watch may say it.
 */
import { Counter, collectDefaultMetrics, Histogram, Registry } from 'prom-client';

/** From a tenth of a second to ten minutes, in seconds. */
const ACTIVITY_BUCKETS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600];

/** Whether a certificate was the first of its place or took over from another. */
export type IssuanceAction = 'create' | 'renew';

/** How an attempt at a step ended; a failure is named by its code. */
export interface ActivityOutcome {
  readonly activity: string;
  readonly seconds: number;
  /** `ok`, `cancelled`, or a failure code. */
  readonly result: string;
}

/** How a cluster was let go: with all of it done, or with something left that could not be. */
export type DecommissionOutcome = 'complete' | 'incomplete';

/** What came of fetching a list of revoked certificates. */
export const CRL_FETCH_OUTCOMES = ['fetched', 'outdated', 'untrusted', 'unusable', 'unreachable'] as const;
export type CrlFetchOutcome = (typeof CRL_FETCH_OUTCOMES)[number];

export interface WorkerMetrics {
  readonly registry: Registry;
  activityEnded(outcome: ActivityOutcome): void;
  /** A certificate is in its Secret. */
  certificateIssued(action: IssuanceAction): void;
  /** An attempt at a certificate failed, with the reason that its CertificateRequest shows. */
  issuanceFailed(reason: string): void;
  /** The finalizer of a cluster that was deleted has been released. */
  clusterDecommissioned(outcome: DecommissionOutcome): void;
  /** The CA said that it is down for maintenance. */
  maintenanceReported(): void;
  /** The CA answered a request for a resource, such as `newOrder`. */
  acmeRequestEnded(this: void, resource: string, status: number, seconds: number): void;
  /** A cluster was told that the CA suggests another time for the renewal of its certificate. */
  ariWindowChanged(this: void): void;
  /** A list of revoked certificates was fetched, or was to be. */
  crlFetched(this: void, outcome: CrlFetchOutcome): void;
  /** A cluster was told that its certificate is revoked. */
  revokedCertificateFound(this: void): void;
  /** Route 53 was asked, by action, such as `ChangeResourceRecordSets`. */
  route53Requested(this: void, action: string): void;
}

export function createWorkerMetrics(registry = new Registry()): WorkerMetrics {
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: 50 });
  const registers = [registry];
  const issued = new Counter({
    name: 'certman_operator_issued_certificates_count',
    help: 'Certificates issued and installed by this process: action create or renew.',
    labelNames: ['action'],
    registers,
  });
  const maintenance = new Counter({
    name: 'certman_operator_lets_encrypt_maintenance_error_count',
    help: 'Answers of the CA saying that it is down for maintenance.',
    registers,
  });
  const issuances = new Counter({
    name: 'certman_issuances_total',
    help: 'Attempts at a certificate that ended in this process, by result: issued, or the reason on the CertificateRequest.',
    labelNames: ['result'],
    registers,
  });
  const decommissions = new Counter({
    name: 'certman_decommissions_total',
    help: 'Deleted clusters let go by this process, by outcome: complete, or incomplete when something could not be done.',
    labelNames: ['outcome'],
    registers,
  });
  const steps = new Histogram({
    name: 'certman_activity_duration_seconds',
    help: 'Duration of the attempts at each step (activity), by whether it succeeded.',
    labelNames: ['activity', 'succeeded'],
    buckets: ACTIVITY_BUCKETS,
    registers,
  });
  const failures = new Counter({
    name: 'certman_activity_failures_total',
    help: 'Failed attempts at each step (activity), by failure code.',
    labelNames: ['activity', 'code'],
    registers,
  });
  const acmeRequests = new Histogram({
    name: 'certman_acme_request_duration_seconds',
    help: 'Duration of the requests to the CA, by resource and HTTP status.',
    labelNames: ['resource', 'status'],
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers,
  });
  const windowsMoved = new Counter({
    name: 'certman_ari_window_changes_total',
    help: 'Times that a cluster was told that the CA suggests another time for a renewal (RFC 9773).',
    registers,
  });
  const crlCheck = new Counter({
    name: 'certman_crl_fetches_total',
    help: 'Lists of revoked certificates that this process set out to fetch, by outcome: fetched, outdated (its successor is overdue), untrusted (not signed by the CA of a certificate that it names), unusable, or unreachable.',
    labelNames: ['outcome'],
    registers,
  });
  const revokedCertificates = new Counter({
    name: 'certman_revoked_certificates_total',
    help: 'Times that a cluster was told that its CA has revoked its certificate.',
    registers,
  });
  const route53Requests = new Counter({
    name: 'certman_route53_requests_total',
    help: 'Requests to Route 53, by action.',
    labelNames: ['action'],
    registers,
  });
  // A series that is there from the start makes the first increase visible to rate().
  for (const action of ['create', 'renew'] as const) issued.inc({ action }, 0);
  issuances.inc({ result: 'issued' }, 0);
  for (const outcome of ['complete', 'incomplete'] as const) decommissions.inc({ outcome }, 0);
  for (const outcome of CRL_FETCH_OUTCOMES) crlCheck.inc({ outcome }, 0);
  return {
    registry,
    activityEnded: ({ activity, seconds, result }) => {
      if (result === 'cancelled') return;
      steps.observe({ activity, succeeded: String(result === 'ok') }, seconds);
      if (result !== 'ok') failures.inc({ activity, code: result });
    },
    certificateIssued: (action) => {
      issued.inc({ action });
      issuances.inc({ result: 'issued' });
    },
    issuanceFailed: (reason) => issuances.inc({ result: reason }),
    clusterDecommissioned: (outcome) => decommissions.inc({ outcome }),
    maintenanceReported: () => maintenance.inc(),
    acmeRequestEnded: (resource, status, seconds) => acmeRequests.observe({ resource, status }, seconds),
    ariWindowChanged: () => windowsMoved.inc(),
    crlFetched: (outcome) => crlCheck.inc({ outcome }),
    revokedCertificateFound: () => revokedCertificates.inc(),
    route53Requested: (action) => route53Requests.inc({ action }),
  };
}
