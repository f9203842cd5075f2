import type { PlacedOrder } from './activities/acme.ts';
import type { UnfulfilledOrder } from './activities/order.ts';
import { fieldsOf, isAbsentOr, isListOf } from './shape.ts';

/** What an attempt of `placeOrder` records from before it begins to fulfill its order until it ends. */
export interface UnfinishedPlacement extends PlacedOrder {
  /** The step that it is at, for people. */
  readonly step?: string;
  /** What the fulfillment has recorded; not trusted. */
  readonly fulfilling?: unknown;
}

/** More than an order has: 100 names, one or two challenges each. */
const MAX_CHALLENGES = 1_000;

/**
 * The order that an interrupted attempt of `placeOrder` may have begun to fulfill, by its last heartbeat; undefined: it had not.
 * Only the shape is checked: `fulfillOrder` trusts it no more than any other input.
 */
export function unfulfilledIn(heartbeatDetails: unknown): UnfulfilledOrder | undefined {
  if (!isUnfinished(heartbeatDetails)) return undefined;
  const { orderUrl, expires, caHost, failover, challenges, fulfilling } = heartbeatDetails;
  return { orderUrl, expires, caHost, failover, challenges, begun: { recorded: fulfilling } };
}

/** The order that an attempt of `placeOrder` has placed, or resumed, by its last heartbeat. */
export function orderUrlIn(heartbeatDetails: unknown): string | undefined {
  const { orderUrl } = fieldsOf<UnfinishedPlacement>(heartbeatDetails);
  return typeof orderUrl === 'string' ? orderUrl : undefined;
}

function isUnfinished(details: unknown): details is UnfinishedPlacement {
  const { orderUrl, expires, caHost, failover, challenges } = fieldsOf<UnfinishedPlacement>(details);
  const areTexts = [orderUrl, expires, caHost].every(isString);
  return areTexts && isAbsentOr(failover, isString) && isListOf(challenges, MAX_CHALLENGES, hasRecord);
}

function hasRecord(challenge: unknown): boolean {
  const { record } = fieldsOf<PlacedOrder['challenges'][number]>(challenge);
  const { name, value } = fieldsOf<PlacedOrder['challenges'][number]['record']>(record);
  return isString(name) && isString(value);
}

function isString(value: unknown): value is string {
  return typeof value === 'string';
}
