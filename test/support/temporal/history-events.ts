/** What a run's history records about the code it ran. */
import { defaultPayloadConverter } from '@temporalio/common';
import type { History } from './history-json.ts';

/**
 * A message arrived while the task that completes the run was open: the server repeats that task, with the message.
 * Source: temporal.api.enums.v1.WorkflowTaskFailedCause.
 */
export const UNHANDLED_COMMAND = 1;

/** Patches of the run's input. */
export function givenPatchesIn({ events }: History): readonly string[] {
  const started = events?.[0]?.workflowExecutionStartedEventAttributes;
  const [payload] = started?.input?.payloads ?? [];
  const input = payload && defaultPayloadConverter.fromPayload<{ readonly patches?: readonly string[] }>(payload);
  return input?.patches ?? [];
}

/** Patches of the run: those of its input, and the ids of its `patched` markers. */
export function patchesIn(history: History): readonly string[] {
  const marked = (history.events ?? []).flatMap((event) => {
    const fields = event.upsertWorkflowSearchAttributesEventAttributes?.searchAttributes?.indexedFields;
    const versions = fields?.['TemporalChangeVersion'];
    return versions === undefined ? [] : defaultPayloadConverter.fromPayload<string[]>(versions);
  });
  return [...givenPatchesIn(history), ...marked];
}

/** The same history of a run whose input has these fields as well. */
export function withInput(history: History, fields: Readonly<Record<string, unknown>>): History {
  const [first, ...events] = history.events ?? [];
  const started = first?.workflowExecutionStartedEventAttributes;
  const [payload, ...others] = started?.input?.payloads ?? [];
  if (payload === undefined) throw new Error('The history does not begin with an input');
  const input = defaultPayloadConverter.toPayload({
    ...defaultPayloadConverter.fromPayload<object>(payload),
    ...fields,
  });
  const workflowExecutionStartedEventAttributes = { ...started, input: { payloads: [input, ...others] } };
  return { ...history, events: [{ ...first, workflowExecutionStartedEventAttributes }, ...events] } as History;
}

/** Messages of the run's failed workflow tasks: defects of the workflow code, or code that does not fit the history. */
export function failedTasksIn({ events }: History): readonly string[] {
  return (events ?? []).flatMap((event) => {
    const failed = event.workflowTaskFailedEventAttributes;
    if (!failed || Number(failed.cause) === UNHANDLED_COMMAND) return [];
    return [failed.failure?.message ?? `cause ${failed.cause}`];
  });
}

/** Build ids of the workers that completed the run's tasks, in order, without repetitions; '' for an unversioned worker. */
export function buildIdsIn({ events }: History): readonly string[] {
  const builds = (events ?? []).flatMap((event) => {
    const done = event.workflowTaskCompletedEventAttributes;
    return done ? [done.deploymentVersion?.buildId ?? ''] : [];
  });
  return builds.filter((build, index) => build !== builds[index - 1]);
}

/** For each local activity of the run, which of its workflow tasks recorded the result, from 1. */
export function workflowTasksOfLocalActivities({ events }: History): readonly number[] {
  let completedTasks = 0;
  return (events ?? []).flatMap(({ workflowTaskCompletedEventAttributes, markerRecordedEventAttributes }) => {
    if (workflowTaskCompletedEventAttributes) completedTasks += 1;
    return markerRecordedEventAttributes?.markerName === 'core_local_activity' ? [completedTasks] : [];
  });
}
