/** Turns what activities do into this process's metrics. */
import type { Context } from '@temporalio/activity';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import type { ActivityInterceptors } from '@temporalio/worker';
import type { Activities } from '../contract/activities.ts';
import type { DecommissionOutcome, WorkerMetrics } from '../observability/worker-metrics.ts';

type ReportStatusInput = Parameters<Activities['reportStatus']>[0];

/** Said by a CA that is down for maintenance, in the detail of its problem document or the body of its 503. */
const MAINTENANCE = /\bmaintenance\b/i;

/**
 * For `WorkerOptions.interceptors.activity`.
 * @param onIssued called when a certificate has been issued, installed and told.
 */
export function createActivityMetricsInterceptor(
  metrics: WorkerMetrics,
  onIssued: () => void,
): (context: Context) => ActivityInterceptors {
  return (context) => ({
    inbound: {
      async execute(input, next) {
        const activity = context.info.activityType;
        const began = performance.now();
        const ended = (result: string): void =>
          metrics.activityEnded({ activity, seconds: (performance.now() - began) / 1000, result });
        try {
          const result = await next(input);
          ended('ok');
          if (activity === 'reportStatus') recordReport(metrics, onIssued, input.args[0]);
          if (activity === 'removeFinalizer' && result !== 'kept')
            metrics.clusterDecommissioned(outcomeOf(input.args[1]));
          return result;
        } catch (error) {
          ended(resultOf(error));
          if (error instanceof ApplicationFailure && isMaintenance(error)) metrics.maintenanceReported();
          throw error;
        }
      },
    },
  });
}

/** The Event of a report announces what happened, once. */
function recordReport(metrics: WorkerMetrics, onIssued: () => void, input: unknown): void {
  if (!isReport(input)) return;
  const { event, conditions } = input.report;
  if (event?.reason === 'Issued' || event?.reason === 'Renewed') {
    metrics.certificateIssued(event.reason === 'Issued' ? 'create' : 'renew');
    onIssued();
  } else if (event?.reason === 'Failing') {
    metrics.issuanceFailed(
      conditions.find(({ type, status }) => type === 'Failing' && status === 'True')?.reason ?? event.reason,
    );
  }
}

function isReport(input: unknown): input is ReportStatusInput {
  return typeof input === 'object' && input !== null && 'report' in input;
}

/** @param left what the workflow says could not be done; a run of an earlier version says nothing. */
function outcomeOf(left: unknown): DecommissionOutcome {
  return Array.isArray(left) && left.length > 0 ? 'incomplete' : 'complete';
}

function resultOf(error: unknown): string {
  if (error instanceof CancelledFailure) return 'cancelled';
  return error instanceof ApplicationFailure ? (error.type ?? 'internal/unexpected') : 'internal/unexpected';
}

function isMaintenance(failure: ApplicationFailure): boolean {
  return failure.type?.startsWith('acme/') === true && MAINTENANCE.test(failure.message);
}
