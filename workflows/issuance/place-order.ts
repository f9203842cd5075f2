import { type ActivityOptions, log } from '@temporalio/workflow';
import type { FulfilledPlacement, FulfillmentTerms, UnfulfilledOrder } from '../../src/contract/activities/order.ts';
import type { OwnershipProof } from '../../src/contract/activities/txt-records.ts';
import type { CertificateIssuanceInput } from '../../src/contract/certificate-issuance.ts';
import { PRIORITIES } from '../../src/contract/priorities.ts';
import { orderUrlIn, unfulfilledIn } from '../../src/contract/unfinished-placement.ts';
import { placeAndFulfillOrder, placeOrder as placeOrderAlone } from '../activities.ts';
import { failureIn, isTimeoutWithoutRetry, lastHeartbeatDetailsIn, stepDetailsIn } from '../failures.ts';
import { withinSummary } from './describe.ts';
import type { IssuanceState } from './issuance-state.ts';

/** How an order is placed. */
export interface PlacementOptions {
  readonly ownershipProof: OwnershipProof | undefined;
  /** At the staging CA, if there is one. */
  readonly proveFirst?: true | undefined;
  /** Go on to fulfill it; absent: only place it. */
  readonly fulfill?: FulfillmentTerms | undefined;
}

/** For people, in the Web UI. */
const GOES_ON =
  'placeOrder places the order and, unless it has to wait, goes on to fulfill it. Its heartbeat says which step it is at.';

/** Places an order, and fulfills it where that is asked for and takes no wait. */
export async function placeOrder(
  state: IssuanceState,
  options: PlacementOptions,
): Promise<UnfulfilledOrder | FulfilledPlacement> {
  try {
    return noted(state, await executePlacement(state, options));
  } catch (error) {
    const recorded = lastHeartbeatDetailsIn(error);
    const begun = unfulfilledIn(recorded);
    if (begun !== undefined) {
      log.info('An order is continued whose worker was lost while it fulfilled it', { failure: failureIn(error) });
      return noted(state, begun);
    }
    state.order = orderUrlIn(recorded) ?? orderUrlIn(stepDetailsIn(error)) ?? state.order;
    if (options.fulfill === undefined || !isTimeoutWithoutRetry(error)) throw error;
    return await placeOrder(state, { ...options, fulfill: undefined });
  }
}

async function executePlacement(
  state: IssuanceState,
  { ownershipProof, proveFirst, fulfill }: PlacementOptions,
): Promise<UnfulfilledOrder | FulfilledPlacement> {
  const { names, input, order: resume } = state;
  const { cluster, bundleName, dnsNames, caHost, replaces, renewal, turn } = input;
  const { inUse, lifetimeMs, exceedLimit, limitedCas, urgent, inWindow, moreUrgentAt } = input;
  const [run, summary] =
    fulfill === undefined ? [placeOrderAlone, `order ${names}`] : [placeAndFulfillOrder, summaryOf(state, fulfill)];
  if (fulfill !== undefined) state.show(`Reason: ${input.reason}\n\n${GOES_ON}`);
  return await run.executeWithOptions({ summary, priority: placementPriority(input) }, [
    {
      cluster,
      bundleName,
      caHost,
      dnsNames,
      resume,
      replaces,
      renewal,
      inUse,
      lifetimeMs,
      exceedLimit,
      proveFirst,
      turn,
      limitedCas,
      urgent,
      moreUrgentAt,
      inWindow,
      ownershipProof,
      fulfill,
    },
  ]);
}

/** Records what is known of an order, unless it is a proof. */
function noted<Order extends UnfulfilledOrder | FulfilledPlacement>(state: IssuanceState, order: Order): Order {
  if (!isFulfilled(order) && order.proof === true) return order;
  state.order = order.orderUrl;
  state.caHost = order.caHost;
  if (!isFulfilled(order) && isPublishedBy(order)) state.isPublished = true;
  return order;
}

/** Whether `placeOrder` has done all of it. */
export function isFulfilled(order: UnfulfilledOrder | FulfilledPlacement): order is FulfilledPlacement {
  return 'fulfilled' in order;
}

/** Of an attempt whose worker died, it is not known. */
function isPublishedBy({ begun }: UnfulfilledOrder): boolean {
  if (begun === undefined) return false;
  const { failure, unfinished } = begun;
  if (failure === undefined && unfinished === undefined) return true;
  return unfinished?.published === true || failure?.outcomeUnknown === true;
}

/** Which zones the records are in, and how many there are, the placement finds out. */
function summaryOf({ names }: IssuanceState, { request, secretName }: FulfillmentTerms): string {
  const proof = 'publish TXT records, verify propagation, answer challenges';
  const summary = `order ${names}; unless it has to wait, ${proof}, finalize, write Secret ${request.namespace}/${secretName}`;
  return withinSummary(summary);
}

/** An urgent order is placed at its workflow's priority. */
function placementPriority({
  urgent,
  renewal,
  inUse,
  resumeOrder,
}: CertificateIssuanceInput): ActivityOptions['priority'] {
  if (urgent === true || resumeOrder !== undefined) return undefined;
  return renewal === true || inUse === true ? PRIORITIES.renewal : PRIORITIES.newOrder;
}
