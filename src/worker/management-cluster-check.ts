import type { Context } from '@temporalio/activity';
import type { ActivityInterceptors } from '@temporalio/worker';
import { toApplicationFailure } from '../../activities/wrap-activity.ts';
import { isWorkflowOf } from '../contract/ids.ts';
import { failureInfo } from '../failures/failure.ts';

/** Of an activity's arguments; an identity is at most this deep. */
const MAX_DEPTH = 4;

/**
 * For `WorkerOptions.interceptors.activity`: an activity runs only for a workflow of this worker's management cluster,
 * and only on objects of that cluster. @throws ApplicationFailure `worker/otherManagementCluster`.
 */
export function createManagementClusterCheck(managementCluster: string): (context: Context) => ActivityInterceptors {
  return ({ info }) => ({
    inbound: {
      async execute(input, next) {
        const workflowId = info.workflowExecution?.workflowId ?? '';
        const other = otherManagementClusterIn(input.args, managementCluster, MAX_DEPTH);
        if (isWorkflowOf(managementCluster, workflowId) && other === undefined) return await next(input);
        const whose = other === undefined ? '' : ` and is for the management cluster ${other.slice(0, 100)}`;
        throw toApplicationFailure(
          failureInfo({
            code: 'worker/otherManagementCluster',
            message: `The activity ${info.activityType} was not run: this worker serves the management cluster ${managementCluster}, but the activity comes from the workflow ${workflowId}${whose}.`,
            remedy: `Start workflows of a management cluster on its own task queue, certman/<name>.`,
          }),
        );
      },
    },
  });
}

/** The first `managementCluster` in the arguments that is another one: an activity takes identities in any place. */
function otherManagementClusterIn(value: unknown, own: string, depth: number): string | undefined {
  if (typeof value !== 'object' || value === null || depth < 0) return undefined;
  const fields = value as Readonly<Record<string, unknown>>;
  for (const field of Object.keys(fields)) {
    const inner = fields[field];
    const other = field === 'managementCluster' ? String(inner) : otherManagementClusterIn(inner, own, depth - 1);
    if (other !== undefined && other !== own) return other;
  }
  return undefined;
}
