import type { PlacedOrder } from '../../src/contract/activities/acme.ts';
import type { OwnershipProof, SealedTxtRecord } from '../../src/contract/activities/txt-records.ts';
import type { CertificateIssuanceResult } from '../../src/contract/certificate-issuance.ts';
import { withinBytes } from '../../src/contract/within-bytes.ts';
import { counted } from '../../src/failures/counted.ts';
import { fulfillOrder } from '../activities.ts';
import { unfinishedStepIn } from '../failures.ts';
import { describeZones } from './describe.ts';
import type { IssuanceState } from './issuance-state.ts';
import { atTurn, CombinedSteps } from './order-steps.ts';

/** Temporal's limit is 400 bytes. */
const MAX_SUMMARY_BYTES = 300;

/** All after the placement in one activity. The ownership records of a standalone request are published before it. */
export class FulfillmentSteps extends CombinedSteps {
  readonly #state: IssuanceState;
  #keepsRecords = false;

  constructor(state: IssuanceState) {
    super(state);
    this.#state = state;
  }

  /** Records that stay in the zone are published, or found there, in an activity of their own. */
  override async prove(proofs: readonly SealedTxtRecord[]): Promise<void> {
    this.#keepsRecords = proofs.some(({ persistent }) => persistent === true);
    if (this.#keepsRecords) await super.prove(proofs);
  }

  override async complete(
    order: PlacedOrder,
    ownershipProof: OwnershipProof | undefined,
    otherRecords: readonly SealedTxtRecord[],
    withdraw: (isIssued: boolean) => Promise<void>,
  ): Promise<CertificateIssuanceResult> {
    if (this.#keepsRecords) return await super.complete(order, ownershipProof, otherRecords, withdraw);
    const { orderUrl, caHost, challenges, failover } = order;
    const state = this.#state;
    const { cluster, bundleName, dnsNames, commonName, request, secretName, secretMissing, zone } = state.input;
    const { reportTerms, skipCanary, returnReplaced, returnWindow } = state.input;
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
      const { certificateUrl, installed, withdrawn, installedAt, reported } = await atTurn(
        state,
        what,
        async (waitingSince) => {
          state.show(`To do: ${steps}. The heartbeat of fulfillOrder says which it is at.`);
          if (challenges.length > 0) state.mayBePublished = true;
          state.mayBeIssued = true;
          try {
            return await fulfillOrder.executeWithOptions({ summary: withinBytes(steps, MAX_SUMMARY_BYTES) }, [
              {
                cluster,
                bundleName,
                orderUrl,
                caHost,
                failover,
                challenges,
                zone,
                otherRecords,
                dnsNames,
                commonName,
                request,
                secretName,
                secretMissing,
                skipCanary,
                reportTerms,
                returnReplaced,
                returnWindow,
                ownershipProof,
                waitingSince,
              },
            ]);
          } catch (error) {
            const unfinished = unfinishedStepIn(error);
            if (unfinished?.published === true) state.isPublished = true;
            if (unfinished?.notFinalized === true) state.mayBeIssued = false;
            throw error;
          }
        },
      );
      isWithdrawn = withdrawn;
      isIssued = true;
      state.mayBeIssued = false;
      const { replaced, suggestedWindow, seal, ...certificate } = installed;
      const { serialNumber, notAfter } = certificate;
      const issued = { certificateUrl, serialNumber, notAfter, seal };
      return { certificate, issued, replaced, suggestedWindow, caHost, failover, orderUrl, installedAt, reported };
    } finally {
      if (!isWithdrawn) await withdraw(isIssued);
    }
  }
}
