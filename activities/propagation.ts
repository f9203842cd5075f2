import { Context } from '@temporalio/activity';
import type { PropagationActivities } from '../src/contract/activities.ts';
import type { PropagationCheck } from '../src/dns/propagation-check.ts';
import { wrapActivity } from './wrap-activity.ts';

/** Creates the activity that verifies that TXT records are visible in public DNS before the CA validates them. */
export function createPropagationActivities(propagation: PropagationCheck): PropagationActivities {
  return {
    verifyPropagation: wrapActivity(async ({ records, zoneName, nameServers }) => {
      const { info, cancellationSignal: signal } = Context.current();
      return { seenBy: await propagation.verify({ records, zoneName, nameServers, attempt: info.attempt }, signal) };
    }),
  };
}
