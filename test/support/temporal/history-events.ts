/** What a run's history says of the code that it went by. */
import { defaultPayloadConverter } from '@temporalio/common';
import type { History } from './history-json.ts';

/** `WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND`: a message came in while the run wanted to end; the task is done once more. */
const UNHANDLED_COMMAND = 3;

/** The `patched` markers that the run has come by. */
export function patchesIn({ events }: History): readonly string[] {
  return (events ?? []).flatMap((event) => {
    const fields = event.upsertWorkflowSearchAttributesEventAttributes?.searchAttributes?.indexedFields;
    const versions = fields?.['TemporalChangeVersion'];
    return versions === undefined ? [] : defaultPayloadConverter.fromPayload<string[]>(versions);
  });
}

/** Why tasks of the run failed: defects of the workflow code, or code that does not go with the history. */
export function failedTasksIn({ events }: History): readonly string[] {
  return (events ?? []).flatMap((event) => {
    const failed = event.workflowTaskFailedEventAttributes;
    if (!failed || Number(failed.cause) === UNHANDLED_COMMAND) return [];
    return [failed.failure?.message ?? `cause ${failed.cause}`];
  });
}

/** Build ids of the workers that did the run's tasks, in order, each once in a row; '' where they were unversioned. */
export function buildIdsIn({ events }: History): readonly string[] {
  const builds = (events ?? []).flatMap((event) => {
    const done = event.workflowTaskCompletedEventAttributes;
    return done ? [done.deploymentVersion?.buildId ?? ''] : [];
  });
  return builds.filter((build, index) => build !== builds[index - 1]);
}
