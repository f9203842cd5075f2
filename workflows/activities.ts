/**
 * The activities as workflows call them: time-outs and retry policies, each in one place with its reason.
 *
 * Every activity heartbeats (see activities/boundary.ts), so one whose worker was killed is started again elsewhere after
 * `HEARTBEAT_TIMEOUT`, not after its whole time-out.
 */
import { ActivityCancellationType, isCancellation, proxyActivities, proxyLocalActivities } from '@temporalio/workflow';
import type {
  Activities,
  ApplyCertificateRequestInput,
  DecommissionRules,
  ReportStatusInput,
  RequestObservation,
} from '../src/contract/activities.ts';
import { failureIn } from './failures.ts';

const HEARTBEAT_TIMEOUT = '10 seconds';

/**
 * What writes is waited for when it is cancelled, so that what clears away behind it finds what it wrote. To be said each
 * time: left out, the SDK sends 0, which is TRY_CANCEL, whatever its documentation says of the default.
 */
const AWAIT_CANCELLATION = ActivityCancellationType.WAIT_CANCELLATION_COMPLETED;

/** The CA. Passing faults are retried for some seconds; what lasts longer is told on the resource and goes by the retry schedule. */
export const { placeOrder } = proxyActivities<Activities>({
  startToCloseTimeout: '2 minutes',
  heartbeatTimeout: HEARTBEAT_TIMEOUT,
  retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '30 seconds', maximumAttempts: 5 },
});

/** Steps of an order that is open: each attempt goes on where the last one was, by the CA's own Retry-After. */
export const { answerChallenges, finalizeOrder, installCertificate } = proxyActivities<Activities>({
  startToCloseTimeout: '2 minutes',
  scheduleToCloseTimeout: '10 minutes',
  heartbeatTimeout: HEARTBEAT_TIMEOUT,
  cancellationType: AWAIT_CANCELLATION,
  retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '30 seconds' },
});

/** A change is live within a minute as a rule; after ten, the failure is recorded. */
export const { publishTxtRecords, withdrawTxtRecords } = proxyActivities<Activities>({
  startToCloseTimeout: '2 minutes',
  scheduleToCloseTimeout: '10 minutes',
  heartbeatTimeout: HEARTBEAT_TIMEOUT,
  cancellationType: AWAIT_CANCELLATION,
  retry: { initialInterval: '1 second', backoffCoefficient: 1.5, maximumInterval: '30 seconds' },
});

/** It only looks, so nobody waits for its end. */
export const { verifyPropagation } = proxyActivities<Activities>({
  startToCloseTimeout: '2 minutes',
  scheduleToCloseTimeout: '10 minutes',
  heartbeatTimeout: HEARTBEAT_TIMEOUT,
  cancellationType: ActivityCancellationType.TRY_CANCEL,
  retry: { initialInterval: '1 second', backoffCoefficient: 1.5, maximumInterval: '30 seconds' },
});

/** The API server may be away for as long as an upgrade takes: nothing else can be told to anybody until it is back. */
const kubernetesActivities = proxyActivities<Activities>({
  startToCloseTimeout: '1 minute',
  heartbeatTimeout: HEARTBEAT_TIMEOUT,
  cancellationType: AWAIT_CANCELLATION,
  retry: { initialInterval: '500 milliseconds', backoffCoefficient: 2, maximumInterval: '30 seconds' },
});
export const { removeBundle, removeFinalizer } = kubernetesActivities;

/**
 * The two steps that every look at a bundle takes are tried within the workflow task first: they are quick and idempotent,
 * and two thirds of what they would cost as ordinary activities is the passing to and fro. When the API server does not
 * answer, the ordinary, patient activity takes over, so that no outage is waited for inside a worker.
 */
const localActivities = proxyLocalActivities<Activities>({
  startToCloseTimeout: '5 seconds',
  cancellationType: AWAIT_CANCELLATION,
  retry: { maximumAttempts: 2, initialInterval: '200 milliseconds' },
});

export async function applyCertificateRequest(input: ApplyCertificateRequestInput): Promise<RequestObservation> {
  return await localThenRegular(
    () => localActivities.applyCertificateRequest(input),
    () =>
      kubernetesActivities.applyCertificateRequest.executeWithOptions(
        { summary: `apply the CertificateRequest of ${input.bundle.name}` },
        [input],
      ),
  );
}

export async function reportStatus(input: ReportStatusInput): Promise<void> {
  const { bundleName, state } = input.report;
  await localThenRegular(
    () => localActivities.reportStatus(input),
    () =>
      kubernetesActivities.reportStatus.executeWithOptions({ summary: `write status ${state} of ${bundleName}` }, [
        input,
      ]),
  );
}

/** Read from the worker's own settings: nothing to be waited for. */
export async function decommissionRules(): Promise<DecommissionRules> {
  return await localActivities.decommissionRules();
}

async function localThenRegular<T>(quickly: () => Promise<T>, patiently: () => Promise<T>): Promise<T> {
  try {
    return await quickly();
  } catch (error) {
    if (isCancellation(error) || !isTransient(error)) throw error;
    return await patiently();
  }
}

/** A time-out, whose stance is to try again soon, says as little about the request as a connection that was cut. */
function isTransient(error: unknown): boolean {
  const { code, retry: stance } = failureIn(error);
  return stance === 'transient' || code === 'internal/unexpected';
}

/** Revocation at the end of a cluster's life: some tries at once, the rest by the decommission's own schedule. */
export const { revokeCertificates } = proxyActivities<Activities>({
  startToCloseTimeout: '2 minutes',
  heartbeatTimeout: HEARTBEAT_TIMEOUT,
  retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '30 seconds', maximumAttempts: 4 },
});
