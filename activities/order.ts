import type { OrderActivities } from '../src/contract/activities/order.ts';
import { currentDnsAttempt } from './dns-attempt.ts';
import { OrderCompletion } from './order-completion.ts';
import { fulfillmentAttempt, fulfillOrder } from './order-fulfillment.ts';
import { type OrderPlacementDeps, placeOrder } from './order-placement.ts';
import { publishAndVerify } from './publish-and-verify.ts';
import { wrapActivity } from './wrap-activity.ts';

/** What the activities of several steps are made of. */
export type OrderActivityDeps = OrderPlacementDeps;

/** Creates the activities that take an order through several steps. */
export function createOrderActivities(deps: OrderActivityDeps): OrderActivities {
  return {
    placeOrder: wrapActivity((input) => placeOrder(deps, input)),
    publishAndVerify: wrapActivity((input) => publishAndVerify(currentDnsAttempt(), deps, input)),
    fulfillOrder: wrapActivity((input) => fulfillOrder(fulfillmentAttempt(input), deps, input)),
    completeOrder: wrapActivity((input) => new OrderCompletion(deps, input).run()),
  };
}
