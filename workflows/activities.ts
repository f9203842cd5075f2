/**
 * The activities as workflows call them: time-outs and retry policies, each in one place with its reason.
 *
 * Every activity heartbeats (see activities/boundary.ts), so one whose worker was killed is started again elsewhere after
 * `HEARTBEAT_TIMEOUT`, not after its whole time-out.
 */
import { proxyActivities } from '@temporalio/workflow';
import type { Activities } from '../activities/contract.ts';

const HEARTBEAT_TIMEOUT = '10 seconds';

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
  retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '30 seconds' },
});

/** Route 53 answers INSYNC within a minute as a rule; ten are a fault worth telling. */
export const { publishTxtRecords, withdrawTxtRecords, verifyPropagation } = proxyActivities<Activities>({
  startToCloseTimeout: '2 minutes',
  scheduleToCloseTimeout: '10 minutes',
  heartbeatTimeout: HEARTBEAT_TIMEOUT,
  retry: { initialInterval: '1 second', backoffCoefficient: 1.5, maximumInterval: '30 seconds' },
});

/** The API server may be away for as long as an upgrade takes: nothing else can be told to anybody until it is back. */
export const { applyCertificateRequest, reportStatus, removeBundle, releaseCluster } = proxyActivities<Activities>({
  startToCloseTimeout: '1 minute',
  heartbeatTimeout: HEARTBEAT_TIMEOUT,
  retry: { initialInterval: '500 milliseconds', backoffCoefficient: 2, maximumInterval: '30 seconds' },
});

/** Revocation at the end of a cluster's life: some tries at once, the rest by the decommission's own schedule. */
export const { revokeCertificates } = proxyActivities<Activities>({
  startToCloseTimeout: '2 minutes',
  heartbeatTimeout: HEARTBEAT_TIMEOUT,
  retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '30 seconds', maximumAttempts: 4 },
});
