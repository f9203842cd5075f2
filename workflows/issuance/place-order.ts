import type { ActivityOptions } from '@temporalio/workflow';
import type {
  FulfilledPlacement,
  FulfillmentTerms,
  UnfinishedPlacement,
  UnfulfilledOrder,
} from '../../src/contract/activities/order.ts';
import type { OwnershipProof, SealedTxtRecord } from '../../src/contract/activities/txt-records.ts';
import type { CertificateIssuanceInput } from '../../src/contract/certificate-issuance.ts';
import { PRIORITIES } from '../../src/contract/priorities.ts';
import { withinBytes } from '../../src/contract/within-bytes.ts';
import { placeAndFulfillOrder, placeOrder as placeOrderAlone } from '../activities.ts';
import { lastHeartbeatDetailsIn, stepDetailsIn } from '../failures.ts';
import type { IssuanceState } from './issuance-state.ts';

/** Temporal's limit is 400 bytes. */
const MAX_SUMMARY_BYTES = 300;

/** How an order is placed. */
export interface PlacementOptions {
  readonly ownershipProof: OwnershipProof | undefined;
  /** At the staging CA, if there is one. */
  readonly proveFirst?: true | undefined;
  /** Go on to fulfill it; absent: only place it. */
  readonly fulfill?: FulfillmentTerms | undefined;
}

/**
 * Places an order, and fulfills it where that is asked for and takes no wait.
 * @param withdraw of an order that an attempt has gone on with, where no other attempt could say what became of it.
 */
export async function placeOrder(
  state: IssuanceState,
  { ownershipProof, proveFirst, fulfill }: PlacementOptions,
  withdraw: (records: readonly SealedTxtRecord[]) => Promise<void>,
): Promise<UnfulfilledOrder | FulfilledPlacement> {
  const { names, input } = state;
  const { cluster, bundleName, dnsNames, caHost, resumeOrder, replaces, renewal, turn } = input;
  const { inUse, lifetimeMs, exceedLimit, limitedCas, urgent, inWindow, moreUrgentAt } = input;
  const [run, summary] =
    fulfill === undefined ? [placeOrderAlone, `order ${names}`] : [placeAndFulfillOrder, summaryOf(state, fulfill)];
  try {
    const priority = placementPriority(input);
    const order = await run.executeWithOptions({ summary, priority }, [
      {
        cluster,
        bundleName,
        caHost,
        dnsNames,
        resume: resumeOrder,
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
    if (!isFulfilled(order) && order.proof === true) return order;
    state.order = order.orderUrl;
    state.caHost = order.caHost;
    if (!isFulfilled(order) && isPublishedBy(order)) state.isPublished = true;
    return order;
  } catch (error) {
    const interrupted = interruptedPlacementIn(error);
    state.order = interrupted?.orderUrl ?? state.order;
    if (fulfill !== undefined && interrupted !== undefined) await giveUp(state, interrupted, withdraw);
    throw error;
  }
}

/** Whether `placeOrder` has done all of it. */
export function isFulfilled(order: UnfulfilledOrder | FulfilledPlacement): order is FulfilledPlacement {
  return 'fulfilled' in order;
}

async function giveUp(
  state: IssuanceState,
  { caHost, records }: UnfinishedPlacement,
  withdraw: (records: readonly SealedTxtRecord[]) => Promise<void>,
): Promise<void> {
  state.caHost = caHost ?? state.caHost;
  state.mayBeIssued = true;
  if (records === undefined) return;
  [state.mayBePublished, state.isPublished] = [true, true];
  await withdraw(records);
}

/** Of an attempt that was interrupted, it is not known. */
function isPublishedBy({ begun }: UnfulfilledOrder): boolean {
  if (begun === undefined) return false;
  const { failure, unfinished } = begun;
  return failure === undefined || unfinished?.published === true || failure.outcomeUnknown === true;
}

/** Which zones the records are in, and how many there are, the placement finds out. */
function summaryOf({ names }: IssuanceState, { request, secretName }: FulfillmentTerms): string {
  const steps = [
    `order ${names}`,
    'publish TXT records',
    'verify propagation',
    'answer challenges',
    'finalize',
    `write Secret ${request.namespace}/${secretName}`,
  ];
  return withinBytes(steps.join(', '), MAX_SUMMARY_BYTES);
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

/** The order that an attempt had recorded before its worker died. */
function interruptedPlacementIn(error: unknown): UnfinishedPlacement | undefined {
  return [stepDetailsIn(error), lastHeartbeatDetailsIn(error)].find(isUnfinishedPlacement);
}

function isUnfinishedPlacement(details: unknown): details is UnfinishedPlacement {
  if (typeof details !== 'object' || details === null || !('orderUrl' in details)) return false;
  return typeof details.orderUrl === 'string';
}
