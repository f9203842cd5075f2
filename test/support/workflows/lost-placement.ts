/** A placement whose worker dies while it has an order. */
import { Context } from '@temporalio/activity';
import type { PlacedOrder } from '../../../src/contract/activities/acme.ts';
import { TEST_TIMEOUT_MS } from '../vitest/timeouts.ts';

/** What it has placed, for `clusterView()`. */
export const LOST_ORDER: PlacedOrder = {
  orderUrl: 'https://ca.test/order/1',
  expires: '2099-01-01T00:00:00.000Z',
  caHost: 'ca.test',
  challenges: [
    {
      identifier: 'api.c1.example.com',
      wildcard: false,
      authorizationUrl: 'https://ca.test/authz/1',
      challengeUrl: 'https://ca.test/challenge/1',
      record: { name: '_acme-challenge.api.c1.example.com', value: 'of-order-1' },
    },
  ],
};

/** Records in a heartbeat, and then does as one whose worker has died: Temporal gives up waiting after ten seconds. */
export async function dieAfter(recorded: unknown): Promise<never> {
  const context = Context.current();
  context.heartbeat(recorded);
  await context.sleep(TEST_TIMEOUT_MS);
  throw new Error('its worker has not ended');
}
