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
        const other = [...managementClustersIn(input.args, MAX_DEPTH)].find((name) => name !== managementCluster);
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

/** Every `managementCluster` that the arguments name: that of an identity, wherever an activity takes one. */
function* managementClustersIn(value: unknown, depth: number): Generator<string> {
  if (typeof value !== 'object' || value === null || depth < 0) return;
  for (const [field, inner] of Object.entries(value)) {
    if (field === 'managementCluster') yield String(inner);
    else yield* managementClustersIn(inner, depth - 1);
  }
}
