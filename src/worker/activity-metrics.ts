import type { Context } from '@temporalio/activity';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import type { ActivityInterceptors } from '@temporalio/worker';
import { z } from 'zod';
import type { FinalizerOutcome, RequestObservation } from '../contract/activities/kubernetes.ts';
import type {
  FulfilledOrder,
  FulfilledPlacement,
  FulfillOrderInput,
  OrderPlacementInput,
} from '../contract/activities/order.ts';
import type { Activities } from '../contract/activities.ts';
import { isFailureCode } from '../failures/failure.ts';
import type { Metrics } from '../observability/metrics.ts';

const failureSchema = z.object({ code: z.string().refine(isFailureCode) });

type ReportStatusInput = Parameters<Activities['reportStatus']>[0];

/** In the detail of the CA's problem document or the body of its 503. */
const MAINTENANCE = /\bmaintenance\b/i;

/** For `WorkerOptions.interceptors.activity`. @param onIssued called when an installed certificate is reported. */
export function createActivityMetricsInterceptor(
  metrics: Metrics,
  onIssued: () => void,
): (context: Context) => ActivityInterceptors {
  return (context) => ({
    inbound: {
      async execute(input, next) {
        const { activityType: activity, attempt } = context.info;
        const start = performance.now();
        let timedOut = false;
        context.cancellationSignal.addEventListener('abort', () => {
          timedOut = hasTimedOut(context);
          // Of one that hangs, nothing else is seen.
          if (timedOut) metrics.activityFailures.inc({ activity, code: 'worker/lost' });
        });
        const observe = (succeeded: boolean): void =>
          metrics.activityDuration.observe(
            { activity, succeeded: String(succeeded) },
            (performance.now() - start) / 1000,
          );
        // Whether or not the report can be written.
        if (activity === 'reportStatus' && attempt === 1)
          recordIssuance(metrics, onIssued, input.args[0] as ReportStatusInput);
        try {
          const result = await next(input);
          observe(true);
          if (activity === 'fulfillOrder')
            recordFulfillment(metrics, onIssued, input.args[0] as FulfillOrderInput, result as FulfilledOrder);
          if (activity === 'placeOrder')
            recordPlacement(
              metrics,
              onIssued,
              input.args[0] as OrderPlacementInput | undefined,
              result as Partial<FulfilledPlacement> | undefined,
            );
          if (activity === 'removeFinalizer') recordFinalizer(metrics, result as FinalizerOutcome, input.args[1]);
          if (activity === 'applyCertificateRequest') recordObjectWrite(metrics, result as RequestObservation);
          if (activity === 'applyCertificateRequests' || activity === 'evaluateInFirstTask')
            for (const observation of Object.values((result ?? {}) as Readonly<Record<string, RequestObservation>>))
              recordObjectWrite(metrics, observation);
          return result;
        } catch (error) {
          if (error instanceof CancelledFailure) throw error;
          observe(false);
          if (timedOut) throw error;
          const failure = error instanceof ApplicationFailure ? error : undefined;
          metrics.activityFailures.inc({ activity, code: failure?.type ?? 'internal/unexpected' });
          if (failure?.type?.startsWith('acme/') === true && MAINTENANCE.test(failure.message))
            metrics.caMaintenanceErrors.inc();
          throw error;
        }
      },
    },
  });
}

/** Whether Temporal waits no longer for this attempt: it timed out, or (rarely) a person has ended its workflow. */
function hasTimedOut({ cancellationDetails }: Context): boolean {
  return cancellationDetails?.timedOut === true || cancellationDetails?.notFound === true;
}

function recordObjectWrite(metrics: Metrics, { writeError }: RequestObservation): void {
  if (writeError !== undefined) metrics.objectWriteFailures.inc({ code: writeError.code });
}

/** Each issuance and each failure is reported with one Event. */
function recordIssuance(metrics: Metrics, onIssued: () => void, { report }: ReportStatusInput): void {
  const { event, conditions } = report;
  if (event?.reason === 'Issued' || event?.reason === 'Renewed') {
    countIssued(metrics, onIssued, event.reason === 'Issued' ? 'create' : 'renew');
  } else if (event?.reason === 'Failing') {
    const failing = conditions.find(({ type, status }) => type === 'Failing' && status === 'True');
    metrics.issuances.inc({ result: failing?.reason ?? event.reason });
  }
}

/** What it has not reported, `reportStatus` does. */
function recordFulfillment(
  metrics: Metrics,
  onIssued: () => void,
  { reportTerms }: Pick<FulfillOrderInput, 'reportTerms'>,
  { reported }: FulfilledOrder,
): void {
  if (reported === undefined) return;
  countIssued(metrics, onIssued, reportTerms?.isRenewal === true ? 'renew' : 'create');
}

/** The order may have been placed only. */
function recordPlacement(
  metrics: Metrics,
  onIssued: () => void,
  input: OrderPlacementInput | undefined,
  result: Partial<FulfilledPlacement> | undefined,
): void {
  const { fulfill } = input ?? {};
  if (fulfill !== undefined && result?.fulfilled !== undefined)
    recordFulfillment(metrics, onIssued, fulfill, result.fulfilled);
}

function countIssued(metrics: Metrics, onIssued: () => void, action: 'create' | 'renew'): void {
  metrics.issuedCertificates.inc({ action });
  metrics.issuances.inc({ result: 'issued' });
  onIssued();
}

/** @param failures what the workflow gave up. */
function recordFinalizer(metrics: Metrics, outcome: FinalizerOutcome, failures: unknown): void {
  if (outcome === 'kept') {
    metrics.activityFailures.inc({ activity: 'removeFinalizer', code: 'kubernetes/notAskedFor' });
    return;
  }
  const given: readonly unknown[] = Array.isArray(failures) ? failures : [];
  metrics.decommissions.inc({ outcome: given.length > 0 ? 'incomplete' : 'complete' });
  // Temporal is a trust boundary: the number of series is bounded by the codes that there are.
  for (const failure of given) {
    const { data } = failureSchema.safeParse(failure);
    metrics.decommissionFailures.inc({ code: data?.code ?? 'internal/unexpected' });
  }
}
