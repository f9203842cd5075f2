/** What a history costs at Temporal: its events, and the actions by the rules of https://docs.temporal.io/cloud/actions. */
import type { Client } from '@temporalio/client';

export const ACTIONS = [
  'workflows started',
  'signals',
  'updates',
  'activities',
  'local activities',
  'timers',
  'search attribute upserts',
] as const;
export type Action = (typeof ACTIONS)[number];

export interface HistoryCost {
  readonly events: number;
  /** Those of one workflow task count as one local activity; a child is counted where it starts, in its own history. */
  readonly actions: Readonly<Record<Action, number>>;
}

/** @param runId the newest one when absent. @param after events up to this id are left out. */
export async function historyCost(client: Client, workflowId: string, runId?: string, after = 0): Promise<HistoryCost> {
  const { events } = await client.workflow.getHandle(workflowId, runId).fetchHistory();
  const actions = Object.fromEntries(ACTIONS.map((action) => [action, 0])) as Record<Action, number>;
  const tasksWithMarkers = new Set<string>();
  const counted = (events ?? []).filter(({ eventId }) => Number(eventId) > after);
  for (const event of counted) {
    if (event.workflowExecutionStartedEventAttributes) actions['workflows started'] += 1;
    if (event.workflowExecutionSignaledEventAttributes) actions.signals += 1;
    if (event.workflowExecutionUpdateAcceptedEventAttributes) actions.updates += 1;
    // Retries are written only as the number of the last attempt.
    actions.activities += event.activityTaskStartedEventAttributes?.attempt ?? 0;
    if (event.timerStartedEventAttributes) actions.timers += 1;
    if (event.upsertWorkflowSearchAttributesEventAttributes) actions['search attribute upserts'] += 1;
    const marker = event.markerRecordedEventAttributes;
    if (marker) tasksWithMarkers.add(String(marker.workflowTaskCompletedEventId));
  }
  actions['local activities'] = tasksWithMarkers.size;
  return { events: counted.length, actions };
}

export function totalActions(cost: HistoryCost): number {
  return Object.values(cost.actions).reduce((sum, count) => sum + count, 0);
}

export function sumCosts(costs: readonly HistoryCost[]): HistoryCost {
  return {
    events: costs.reduce((sum, { events }) => sum + events, 0),
    actions: Object.fromEntries(
      ACTIONS.map((action) => [action, costs.reduce((sum, { actions }) => sum + actions[action], 0)]),
    ) as Record<Action, number>,
  };
}
