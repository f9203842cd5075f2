/** The activities as workflows call them: time-outs and retry policies, each with its reason. */
import { ActivityCancellationType, type ActivityOptions, proxyActivities } from '@temporalio/workflow';
import type {
  ApplyCertificateRequestInput,
  ApplyCertificateRequestsInput,
  ReportStatusInput,
  RequestObservation,
} from '../src/contract/activities/kubernetes.ts';
import type { Activities } from '../src/contract/activities.ts';
import { PRIORITIES } from '../src/contract/priorities.ts';
import { evaluationSummary } from './evaluation-summary.ts';

/** Every activity heartbeats (wrap-activity.ts): if its worker is killed, it is retried elsewhere after this. */
const HEARTBEAT_TIMEOUT = '10 seconds';

// For activities that write: the clean-up after a cancellation must find what they wrote. Stated each time: left out,
// the SDK sends 0, which is TRY_CANCEL, despite its documentation.
const AWAIT_CANCELLATION = ActivityCancellationType.WAIT_CANCELLATION_COMPLETED;

const ATTEMPT: ActivityOptions = { startToCloseTimeout: '2 minutes', heartbeatTimeout: HEARTBEAT_TIMEOUT };
const BACKOFF = { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '30 seconds' } as const;

/**
 * Transient faults are retried for some seconds; what lasts longer is left to the retry schedule. An attempt may ask several
 * CAs, each within a time of its own (`src/issuance/ca-failover.ts`).
 */
export const { placeOrder } = proxyActivities<Activities>({
  ...ATTEMPT,
  startToCloseTimeout: '4 minutes',
  retry: { ...BACKOFF, maximumAttempts: 5 },
});

/**
 * With `fulfill`: its own limits, and those of `fulfillOrder`. Of an attempt whose worker was lost, only the heartbeats say what it
 * may have left, and the workflow gets them with the time-out. A cancellation between two attempts would not have them.
 */
export const { placeOrder: placeAndFulfillOrder } = proxyActivities<Activities>({
  ...ATTEMPT,
  startToCloseTimeout: '14 minutes',
  cancellationType: AWAIT_CANCELLATION,
  retry: {
    ...BACKOFF,
    maximumAttempts: 5,
    nonRetryableErrorTypes: ['TemporalTimeout:Heartbeat', 'TemporalTimeout:StartToClose'],
  },
});

/** Each attempt at an open order continues where the last one stopped, paced by the CA's Retry-After. */
export const { answerChallenges, finalizeOrder, installCertificate } = proxyActivities<Activities>({
  ...ATTEMPT,
  scheduleToCloseTimeout: '10 minutes',
  cancellationType: AWAIT_CANCELLATION,
  retry: BACKOFF,
});

/** A staging CA is no reason to wait longer. */
export const { proveOrder } = proxyActivities<Activities>({
  ...ATTEMPT,
  startToCloseTimeout: '4 minutes',
  scheduleToCloseTimeout: '10 minutes',
  cancellationType: AWAIT_CANCELLATION,
  retry: BACKOFF,
});

/** A DNS change is usually live within a minute; ten minutes are a fault to report. */
const DNS: ActivityOptions = {
  ...ATTEMPT,
  scheduleToCloseTimeout: '10 minutes',
  retry: { ...BACKOFF, backoffCoefficient: 1.5 },
};
export const { publishTxtRecords, withdrawTxtRecords } = proxyActivities<Activities>({
  ...DNS,
  cancellationType: AWAIT_CANCELLATION,
});

/** Both steps within their limits. */
export const { publishAndVerify } = proxyActivities<Activities>({
  ...DNS,
  startToCloseTimeout: '4 minutes',
  scheduleToCloseTimeout: '20 minutes',
  cancellationType: AWAIT_CANCELLATION,
});

/** All three steps within their limits. */
export const { completeOrder } = proxyActivities<Activities>({
  ...ATTEMPT,
  startToCloseTimeout: '6 minutes',
  scheduleToCloseTimeout: '30 minutes',
  cancellationType: AWAIT_CANCELLATION,
  retry: BACKOFF,
});

/** All steps within their limits. */
export const { fulfillOrder } = proxyActivities<Activities>({
  ...ATTEMPT,
  startToCloseTimeout: '10 minutes',
  scheduleToCloseTimeout: '50 minutes',
  cancellationType: AWAIT_CANCELLATION,
  retry: BACKOFF,
});

/** It only reads, so a cancellation need not wait for it. */
export const { verifyPropagation } = proxyActivities<Activities>({
  ...DNS,
  cancellationType: ActivityCancellationType.TRY_CANCEL,
});

/** A few attempts at once; then the decommission's retry schedule. */
export const { revokeCertificates, revokeReplaced, revokeRequested } = proxyActivities<Activities>({
  ...ATTEMPT,
  retry: { ...BACKOFF, maximumAttempts: 4 },
  priority: PRIORITIES.urgent,
});

/** A fault that lasts longer is recorded, and retried by the retry schedule. */
const KUBERNETES: ActivityOptions = {
  startToCloseTimeout: '1 minute',
  scheduleToCloseTimeout: '1 minute',
  heartbeatTimeout: HEARTBEAT_TIMEOUT,
  cancellationType: AWAIT_CANCELLATION,
  retry: { ...BACKOFF, initialInterval: '500 milliseconds' },
};
const kubernetesActivities = proxyActivities<Activities>(KUBERNETES);

/** Reads the worker's settings; deletes what a bundle left; removes the finalizer. */
export const { decommissionRules, removeBundle, removeFinalizer } = proxyActivities<Activities>({
  ...KUBERNETES,
  priority: PRIORITIES.urgent,
});

/** Asks nothing of the API server but the Secrets with the accounts, and is no more urgent than what waits for its turn. */
export const { releaseTurn } = kubernetesActivities;

/** A restart of the API server takes minutes, and is no failure to report. */
const EVALUATION: ActivityOptions = { scheduleToCloseTimeout: '2 minutes' };

/** Of clusters that are installed together, each waits for those before it: its attempts last two minutes, not its wait. */
const FIRST_EVALUATION: ActivityOptions = {
  scheduleToCloseTimeout: '1 day',
  retry: { maximumAttempts: 10 },
  priority: PRIORITIES.firstObservation,
};

/** Applies the CertificateRequest and reads the Secret. */
export async function applyCertificateRequest(input: ApplyCertificateRequestInput): Promise<RequestObservation> {
  const options = { ...EVALUATION, summary: `apply the CertificateRequest of ${input.bundleName}` };
  return await kubernetesActivities.applyCertificateRequest.executeWithOptions(options, [input]);
}

/** The same for several bundles, by name; one that fails among others is left out. */
export async function applyCertificateRequests(
  input: ApplyCertificateRequestsInput,
): Promise<Readonly<Record<string, RequestObservation>>> {
  const isFirst = input.bundles.every(({ requestUid }) => requestUid === undefined);
  const options = { ...(isFirst ? FIRST_EVALUATION : EVALUATION), summary: evaluationSummary(input) };
  return await kubernetesActivities.applyCertificateRequests.executeWithOptions(options, [input]);
}

/** Writes a bundle's status and Event. What follows waits for it, so it is given up soon and repeated later. */
export async function reportStatus(input: ReportStatusInput): Promise<void> {
  const { bundleName, state } = input.report;
  const options = { summary: `write status ${state} of ${bundleName}`, retry: { maximumAttempts: 3 } };
  await kubernetesActivities.reportStatus.executeWithOptions(options, [input]);
}
