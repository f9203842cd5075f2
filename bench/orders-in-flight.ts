import { Client } from '@temporalio/client';
import { tsToMs } from '@temporalio/common/lib/time.js';
import type { Stack } from '../local/stack/stack.ts';
import { connect } from '../src/temporal/connect.ts';
import type { History } from '../test/support/temporal/history-json.ts';

/** Most orders at one time of those begun after `since`, from the start of `placeOrder` to the end of the order, by their histories. */
export async function mostOrdersInFlight({ temporal }: Pick<Stack, 'temporal'>, since: Date): Promise<number> {
  const connection = await connect({ address: temporal.address });
  try {
    const client = new Client({ connection, namespace: temporal.namespace });
    const query = `WorkflowType = 'certificateIssuance' AND StartTime >= '${since.toISOString()}'`;
    const changes: { readonly at: number; readonly by: number }[] = [];
    for await (const found of client.workflow.list({ query }).intoHistories({ concurrency: 10 })) {
      const { events } = found.history as History;
      if (!events) continue;
      const begun = events.find((event) => event.activityTaskStartedEventAttributes);
      changes.push({ at: tsToMs(begun?.eventTime), by: 1 }, { at: tsToMs(events.at(-1)?.eventTime), by: -1 });
    }
    let [now, most] = [0, 0];
    for (const { by } of changes.sort((a, b) => a.at - b.at)) {
      now += by;
      most = Math.max(most, now);
    }
    return most;
  } finally {
    await connection.close();
  }
}
