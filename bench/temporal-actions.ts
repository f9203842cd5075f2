/** Events and billable actions of a history, by https://docs.temporal.io/cloud/actions. */
import type { Client } from '@temporalio/client';

/** Kinds of actions. */
export const ACTIONS = [
  'workflows started',
  'child workflows to be started',
  'signals',
  'updates',
  'activities',
  'timers',
  'search attribute upserts',
  'workflow tasks with markers',
] as const;
/** A kind of action. */
export type Action = (typeof ACTIONS)[number];

/** Cost of one history. */
export interface HistoryCost {
  readonly events: number;
  /** The start of a child is two: one here, and one in its own history. */
  readonly actions: Readonly<Record<Action, number>>;
}

/** Counts a history. @param runId default: the newest run. @param after events up to this id are excluded. */
export async function historyCost(client: Client, workflowId: string, runId?: string, after = 0): Promise<HistoryCost> {
  const { events } = await client.workflow.getHandle(workflowId, runId).fetchHistory();
  const actions = Object.fromEntries(ACTIONS.map((action) => [action, 0])) as Record<Action, number>;
  const counted = (events ?? []).filter(({ eventId }) => Number(eventId) > after);
  for (const event of counted) {
    if (event.workflowExecutionStartedEventAttributes) actions['workflows started'] += 1;
    if (event.startChildWorkflowExecutionInitiatedEventAttributes) actions['child workflows to be started'] += 1;
    // The second event is the signal of a signal-with-start, which is one action.
    if (event.workflowExecutionSignaledEventAttributes && Number(event.eventId) !== 2) actions.signals += 1;
    if (event.workflowExecutionUpdateAcceptedEventAttributes) actions.updates += 1;
    // Retries appear only in the number of the last attempt.
    actions.activities += event.activityTaskStartedEventAttributes?.attempt ?? 0;
    if (event.timerStartedEventAttributes) actions.timers += 1;
    const upserted = event.upsertWorkflowSearchAttributesEventAttributes?.searchAttributes?.indexedFields;
    // The SDK's own attribute for patches is exempt.
    if (upserted && !('TemporalChangeVersion' in upserted)) actions['search attribute upserts'] += 1;
  }
  const markers = counted.flatMap(({ markerRecordedEventAttributes: marker }) => marker ?? []);
  const tasks = new Set(markers.map(({ workflowTaskCompletedEventId }) => String(workflowTaskCompletedEventId)));
  actions['workflow tasks with markers'] = tasks.size;
  return { events: counted.length, actions };
}

/** Sum of all actions. */
export function totalActions(cost: HistoryCost): number {
  return Object.values(cost.actions).reduce((sum, count) => sum + count, 0);
}

/** Sum of several histories. */
export function sumCosts(costs: readonly HistoryCost[]): HistoryCost {
  return {
    events: costs.reduce((sum, { events }) => sum + events, 0),
    actions: Object.fromEntries(
      ACTIONS.map((action) => [action, costs.reduce((sum, { actions }) => sum + actions[action], 0)]),
    ) as Record<Action, number>,
  };
}
