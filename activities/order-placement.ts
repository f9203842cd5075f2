import { Context } from '@temporalio/activity';
import type { PlacedOrder, PlaceOrderInput } from '../src/contract/activities/acme.ts';
import type {
  BegunFulfillment,
  FulfilledPlacement,
  FulfillmentTerms,
  OrderPlacementInput,
  UnfulfilledOrder,
  UnreadOrder,
} from '../src/contract/activities/order.ts';
import { isFulfillable, zoneNamesOf } from '../src/contract/fulfillable-order.ts';
import { orderUrlIn, type UnfinishedPlacement, unfulfilledIn } from '../src/contract/unfinished-placement.ts';
import { placeOrderWithFailover } from '../src/issuance/ca-failover.ts';
import { type AcmeActivityDeps, currentAttempt } from './acme.ts';
import { fulfillOrder, type OrderFulfillmentDeps, withStep } from './order-fulfillment.ts';
import {
  describeThrown,
  detailsOfThrown,
  ErrorWithDetails,
  frameHeartbeats,
  heartbeat,
  heartbeatDetails,
  heartbeatFrom,
} from './wrap-activity.ts';

/** What an order is placed, and then fulfilled with. */
export interface OrderPlacementDeps extends OrderFulfillmentDeps {
  /** Heartbeats with these details. @throws when Temporal has not recorded them in time, or the attempt is to end. */
  readonly confirmHeartbeat: (taskToken: Uint8Array, details: unknown) => Promise<void>;
}

/** Places an order, or resumes one; with `fulfill`, an attempt that no other has come so far before goes on to fulfill it. */
export async function placeOrder(
  deps: OrderPlacementDeps,
  { fulfill, ...input }: OrderPlacementInput,
): Promise<UnfulfilledOrder | FulfilledPlacement> {
  const { acme } = deps;
  if (fulfill === undefined) return await placeAlone(acme, input);
  // No other order takes its place, at whichever CA: a certificate of it may exist.
  const begun = unfulfilledIn(Context.current().info.heartbeatDetails);
  if (begun !== undefined) return begun;
  const { placed, isRecorded } = await placeAndRecord(deps, input);
  if (!isFulfillable(placed, fulfill.zone) || Context.current().cancellationSignal.aborted) return placed;
  // What Temporal does not know of, another attempt would order again, and nothing would withdraw. One after the other: the
  // last one is what the workflow, or another attempt, finds.
  const isKnown = (await isRecorded) && (await confirm(deps, progressOf(placed, undefined)));
  return isKnown ? await goOn(deps, input, placed, fulfill) : placed;
}

/** Records the URL while the attempt reads the authorizations. `isRecorded`: nothing was to be recorded, or Temporal has it. */
async function placeAndRecord(
  deps: OrderPlacementDeps,
  input: PlaceOrderInput,
): Promise<{ readonly placed: PlacedOrder; readonly isRecorded: Promise<boolean> }> {
  let [recorded, isRecorded] = [undefined as unknown, Promise.resolve(true)];
  try {
    const placed = await placeAlone(deps.acme, input, (progress) => {
      recorded = { ...progress, step: 'placeOrder' };
      isRecorded = confirm(deps, recorded);
    });
    return { placed, isRecorded };
  } catch (error) {
    // With the failure, unlike what is under way.
    if (recorded !== undefined) heartbeat(recorded);
    throw error;
  }
}

/**
 * Without going on. @param record default: with a heartbeat.
 * @throws ErrorWithDetails of an {@link UnreadOrder}, once an order is placed: the workflow does not get the heartbeats.
 */
export async function placeAlone(
  acme: AcmeActivityDeps,
  input: PlaceOrderInput,
  record: (progress: object) => void = heartbeat,
): Promise<PlacedOrder> {
  const { ca: cas, onFailover, onProof } = acme;
  let orderUrl = orderUrlIn(Context.current().info.heartbeatDetails);
  const note = (progress: unknown): void => {
    orderUrl = orderUrlIn(progress) ?? orderUrl;
    record(Object(progress));
  };
  try {
    const seals = await cas.seals();
    const context = { ...currentAttempt(acme), record: note, cas, seals, onFailover, onProof };
    return await placeOrderWithFailover(context, input);
  } catch (error) {
    throw orderUrl === undefined ? error : new ErrorWithDetails(error, { orderUrl } satisfies UnreadOrder);
  }
}

/** @returns whether Temporal has recorded it. Never throws. */
async function confirm({ confirmHeartbeat }: OrderPlacementDeps, order: unknown): Promise<boolean> {
  const { info, log } = Context.current();
  heartbeatFrom(() => order);
  try {
    await confirmHeartbeat(info.taskToken, order);
    return true;
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    log.info('Temporal has not confirmed that an order is placed, so fulfillOrder fulfills it', { problem });
    // Not over that of a fallback CA, which is placed meanwhile where the first one fails.
    if (heartbeatDetails() === order) heartbeat(order);
    return false;
  }
}

async function goOn(
  deps: OrderPlacementDeps,
  { cluster, bundleName, dnsNames, ownershipProof }: PlaceOrderInput,
  placed: PlacedOrder,
  fulfill: FulfillmentTerms,
): Promise<UnfulfilledOrder | FulfilledPlacement> {
  const { orderUrl, caHost, failover, challenges } = placed;
  const { cancellationSignal: signal } = Context.current();
  heartbeatFrom(() => undefined);
  frameHeartbeats((fulfilling) => progressOf(placed, fulfilling));
  const scheduledAt = Date.now();
  const attempt = { attempt: 1, scheduledAt, signal, recorded: undefined, record: heartbeatFromNow };
  const terms = { ...fulfill, cluster, bundleName, dnsNames, ownershipProof, orderUrl, caHost, failover, challenges };
  try {
    const fulfilled = await fulfillOrder(attempt, deps, terms);
    const records = challenges.map(({ record }) => record);
    const zoneNames = zoneNamesOf(records, fulfill.zone);
    return {
      orderUrl,
      caHost,
      failover,
      fulfilled,
      ...(zoneNames.length > 0 && { zoneNames }),
      ...(fulfilled.withdrawn ? {} : { leftRecords: records }),
    };
  } catch (error) {
    if (isSuspended()) {
      heartbeat(heartbeatDetails());
      throw error;
    }
    return { ...placed, begun: { ...begunBy(error), begunAt: new Date(scheduledAt).toISOString() } };
  }
}

/** A person has paused or reset the activity: it is not to end, and another attempt follows. */
function isSuspended(): boolean {
  const { cancellationDetails } = Context.current();
  return cancellationDetails?.paused === true || cancellationDetails?.reset === true;
}

/** With the next heartbeat: another attempt can find it out by itself. */
function heartbeatFromNow(progress: unknown): void {
  heartbeatFrom(() => progress);
}

/** What is recorded of an order from before its fulfillment begins. */
function progressOf(placed: PlacedOrder, fulfilling: unknown): UnfinishedPlacement {
  return { ...placed, step: withStep(placed.challenges, fulfilling).step, fulfilling };
}

function begunBy(error: unknown): BegunFulfillment {
  const context = Context.current();
  const recorded = heartbeatDetails();
  const unfinished = detailsOfThrown(error);
  const left = { recorded, ...(unfinished && { unfinished }) };
  if (context.cancellationSignal.aborted) return left;
  const { info, isFinal } = describeThrown(error, context);
  return { ...left, failure: info, ...(isFinal && { isFinal }) };
}
