import { CancellationScope } from '@temporalio/workflow';
import type { FulfilledOrder, FulfillmentTerms, UnfulfilledOrder } from '../../src/contract/activities/order.ts';
import type { OwnershipProof, SealedTxtRecord } from '../../src/contract/activities/txt-records.ts';
import type { CertificateIssuanceInput, CertificateIssuanceResult } from '../../src/contract/certificate-issuance.ts';
import { FULFILL_WITH_PLACEMENT, patchesOfInput } from '../../src/contract/patches.ts';
import { counted } from '../../src/failures/counted.ts';
import { fulfillOrder } from '../activities.ts';
import { unfinishedStepIn } from '../failures.ts';
import { hasPatch } from '../has-patch.ts';
import { describeZones, withinSummary } from './describe.ts';
import type { IssuanceState } from './issuance-state.ts';
import { atTurn, CombinedSteps } from './order-steps.ts';

/** All after the placement in one activity. The ownership records of a standalone request are published before it. */
export class FulfillmentSteps extends CombinedSteps {
  readonly #state: IssuanceState;
  #keepsRecords = false;

  constructor(state: IssuanceState) {
    super(state);
    this.#state = state;
  }

  terms(otherRecords: readonly SealedTxtRecord[]): FulfillmentTerms | undefined {
    const { input } = this.#state;
    // What stays in the zone has a plan of its own.
    if (input.persistentRecords !== undefined && input.persistentRecords.length > 0) return undefined;
    if (!hasPatch(FULFILL_WITH_PLACEMENT, patchesOfInput(input.patches))) return undefined;
    return { ...termsOf(input), otherRecords };
  }

  /** Records that stay in the zone are published, or found there, in an activity of their own. */
  override async prove(proofs: readonly SealedTxtRecord[]): Promise<void> {
    this.#keepsRecords = proofs.some(({ persistent }) => persistent === true);
    if (this.#keepsRecords) await super.prove(proofs);
  }

  override async complete(
    order: UnfulfilledOrder,
    ownershipProof: OwnershipProof | undefined,
    otherRecords: readonly SealedTxtRecord[],
    withdraw: (isIssued: boolean) => Promise<void>,
  ): Promise<CertificateIssuanceResult> {
    if (this.#keepsRecords) return await super.complete(order, ownershipProof, otherRecords, withdraw);
    const { orderUrl, caHost, challenges, failover, begun } = order;
    const state = this.#state;
    const { cluster, bundleName, dnsNames, request, secretName, zone } = state.input;
    const records = challenges.map(({ record }) => record);
    const what = counted(records.length, 'TXT record');
    const proof = [
      `publish ${what} in ${describeZones(records, zone)}`,
      'verify propagation',
      `answer ${counted(challenges.length, 'challenge')}`,
    ];
    const steps = [
      ...(challenges.length === 0 ? [] : proof),
      'finalize',
      `write Secret ${request.namespace}/${secretName}`,
    ].join(', ');
    let isWithdrawn = false;
    let isIssued = false;
    try {
      const fulfilled = await atTurn(
        state,
        what,
        async (waitingSince) => {
          state.show(`To do: ${steps}. The heartbeat of fulfillOrder says which it is at.`);
          // Cancelled before, fulfillOrder is not scheduled: only what its placement has begun counts.
          const isCancelled = CancellationScope.current().consideredCancelled;
          const isBegun = !isCancelled || begun !== undefined;
          if (challenges.length > 0 && isBegun) state.mayBePublished = true;
          state.mayBeIssued = isBegun && !(isCancelled && begun?.unfinished?.notFinalized === true);
          try {
            return await fulfillOrder.executeWithOptions({ summary: withinSummary(steps) }, [
              {
                ...termsOf(state.input),
                cluster,
                bundleName,
                orderUrl,
                caHost,
                failover,
                challenges,
                otherRecords,
                dnsNames,
                ownershipProof,
                waitingSince,
                // After a wait for its turn, there is nothing to go on with.
                begun: waitingSince === undefined ? begun : undefined,
              },
            ]);
          } catch (error) {
            const unfinished = unfinishedStepIn(error);
            if (unfinished?.published === true) state.isPublished = true;
            if (unfinished?.notFinalized === true) state.mayBeIssued = false;
            throw error;
          }
        },
        begun?.begunAt,
      );
      isWithdrawn = fulfilled.withdrawn;
      isIssued = true;
      state.mayBeIssued = false;
      return issuanceResult(order, fulfilled);
    } finally {
      if (!isWithdrawn) await withdraw(isIssued);
    }
  }
}

/** What the workflow of a fulfilled order ends with. */
export function issuanceResult(
  { orderUrl, caHost, failover }: Pick<UnfulfilledOrder, 'orderUrl' | 'caHost' | 'failover'>,
  { certificateUrl, installed, installedAt, reported }: FulfilledOrder,
): CertificateIssuanceResult {
  const { replaced, suggestedWindow, seal, ...certificate } = installed;
  const { serialNumber, notAfter } = certificate;
  const issued = { certificateUrl, serialNumber, notAfter, seal };
  return { certificate, issued, replaced, suggestedWindow, caHost, failover, orderUrl, installedAt, reported };
}

function termsOf(input: CertificateIssuanceInput): Omit<FulfillmentTerms, 'otherRecords'> {
  const { commonName, request, secretName, secretMissing, zone, skipCanary } = input;
  const { reportTerms, returnReplaced, returnWindow } = input;
  return {
    zone,
    commonName,
    request,
    secretName,
    secretMissing,
    skipCanary,
    reportTerms,
    returnReplaced,
    returnWindow,
  };
}
