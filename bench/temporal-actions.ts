/** Events and billable actions of a history, by https://docs.temporal.io/cloud/actions. */
import type { Client } from '@temporalio/client';

/** Kinds of actions. */
export const ACTIONS = [
  'workflows started',
  'signals',
  'updates',
  'activities',
  'timers',
  'search attribute upserts',
] as const;
/** A kind of action. */
export type Action = (typeof ACTIONS)[number];

/** Cost of one history. */
export interface HistoryCost {
  readonly events: number;
  /** A child is counted in its own history. */
  readonly actions: Readonly<Record<Action, number>>;
}

/** Counts a history. @param runId default: the newest run. @param after events up to this id are excluded. */
export async function historyCost(client: Client, workflowId: string, runId?: string, after = 0): Promise<HistoryCost> {
  const { events } = await client.workflow.getHandle(workflowId, runId).fetchHistory();
  const actions = Object.fromEntries(ACTIONS.map((action) => [action, 0])) as Record<Action, number>;
  const counted = (events ?? []).filter(({ eventId }) => Number(eventId) > after);
  for (const event of counted) {
    if (event.workflowExecutionStartedEventAttributes) actions['workflows started'] += 1;
    if (event.workflowExecutionSignaledEventAttributes) actions.signals += 1;
    if (event.workflowExecutionUpdateAcceptedEventAttributes) actions.updates += 1;
    // Retries appear only in the number of the last attempt.
    actions.activities += event.activityTaskStartedEventAttributes?.attempt ?? 0;
    if (event.timerStartedEventAttributes) actions.timers += 1;
    if (event.upsertWorkflowSearchAttributesEventAttributes) actions['search attribute upserts'] += 1;
  }
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
