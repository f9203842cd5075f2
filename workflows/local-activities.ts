/** The one local activity. docs/decisions/first-task.md has what it requires of its caller. */
import { ActivityCancellationType, proxyLocalActivities } from '@temporalio/workflow';
import type { ApplyCertificateRequestsInput, RequestObservation } from '../src/contract/activities/kubernetes.ts';
import type { Activities } from '../src/contract/activities.ts';
import { evaluationSummary } from './evaluation-summary.ts';

/**
 * After the start of the workflow task, whose time-out is 10 s: well before the worker would extend it, at 8 s. The worker's
 * clock is compared with the server's; on one that is late, the time-out below holds.
 */
const DEADLINE_MS = 5_000;

/** More than the activity takes by itself (activities/first-tasks.ts): for one that does not react. */
const { evaluateInFirstTask: evaluate } = proxyLocalActivities<Pick<Activities, 'evaluateInFirstTask'>>({
  scheduleToCloseTimeout: '4 seconds',
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  retry: { maximumAttempts: 1 },
});

/** Evaluates bundles of a cluster inside the present workflow task. @returns undefined where its worker has not the time. */
export async function evaluateInFirstTask(
  input: ApplyCertificateRequestsInput,
): Promise<Readonly<Record<string, RequestObservation>> | undefined> {
  const summary = evaluationSummary(input);
  return await evaluate.executeWithOptions({ summary }, [{ ...input, deadline: Date.now() + DEADLINE_MS }]);
}
