import { isCancellation, sleep } from '@temporalio/workflow';
import type { VerifiedPropagation } from '../../src/contract/activities/dns.ts';
import type { FulfillmentTerms, UnfulfilledOrder } from '../../src/contract/activities/order.ts';
import type { OwnershipProof, SealedTxtRecord } from '../../src/contract/activities/txt-records.ts';
import type { CertificateIssuanceResult } from '../../src/contract/certificate-issuance.ts';
import { counted } from '../../src/failures/counted.ts';
import { completeOrder, publishAndVerify } from '../activities.ts';
import { failureIn, unfinishedStepIn } from '../failures.ts';
import { describeZones } from './describe.ts';
import type { IssuanceState } from './issuance-state.ts';

/** An order that others keep from publishing for so long is a failure to report; the next attempt resumes it. */
const MAX_QUEUE_MS = 2 * 60 * 60_000;

/** The steps of an order between its placement and its end. */
export interface OrderSteps {
  /** Whether {@link complete} leaves persistent records in the zone. */
  readonly canKeepRecords: boolean;
  /** What `placeOrder` needs to go on with its order by itself; undefined: it does not. @param otherRecords as for `complete`. */
  terms?(otherRecords: readonly SealedTxtRecord[]): FulfillmentTerms | undefined;
  /** @param ownershipOf names whose ownership records these are: the result has the proof. */
  publishAndVerify(records: readonly SealedTxtRecord[], ownershipOf?: readonly string[]): Promise<VerifiedPropagation>;
  /** Publishes and verifies the records of challenges, unless `complete` does. */
  prove(proofs: readonly SealedTxtRecord[]): Promise<void>;
  /**
   * Answers the challenges, finalizes, installs; withdraws in any case.
   * @param withdraw to be called once at most, with whether the certificate is in its Secret; never throws.
   */
  complete(
    order: UnfulfilledOrder,
    ownershipProof: OwnershipProof | undefined,
    otherRecords: readonly SealedTxtRecord[],
    withdraw: (isIssued: boolean) => Promise<void>,
  ): Promise<CertificateIssuanceResult>;
}

/** In two activities. */
export class CombinedSteps implements OrderSteps {
  readonly canKeepRecords = true;
  readonly #state: IssuanceState;

  constructor(state: IssuanceState) {
    this.#state = state;
  }

  async prove(proofs: readonly SealedTxtRecord[]): Promise<void> {
    await this.publishAndVerify(proofs);
  }

  async publishAndVerify(
    records: readonly SealedTxtRecord[],
    ownershipOf?: readonly string[],
  ): Promise<VerifiedPropagation> {
    const { cluster, zone } = this.#state.input;
    const what = counted(records.length, 'TXT record');
    const where = describeZones(records, zone);
    const isPublished = records.every(({ published }) => published === true);
    const doing = isPublished ? 'Looking for' : 'Publishing';
    this.#state.show(`${doing} ${what} in ${where}, and verifying propagation.`);
    this.#state.mayBePublished = true;
    const summary = isPublished
      ? `verify ${what} of an earlier order in ${where}`
      : `publish ${what} in ${where}, verify propagation`;
    const verified = await atTurn(this.#state, what, async (waitingSince) => {
      try {
        return await publishAndVerify.executeWithOptions({ summary }, [
          { cluster, zone, records, waitingSince, ownershipOf },
        ]);
      } catch (error) {
        if (unfinishedStepIn(error)?.published === true) this.#state.isPublished = true;
        throw error;
      }
    });
    this.#state.isPublished = true;
    return verified;
  }

  async complete(
    { orderUrl, caHost, challenges, failover }: UnfulfilledOrder,
    ownershipProof: OwnershipProof | undefined,
    otherRecords: readonly SealedTxtRecord[],
    withdraw: (isIssued: boolean) => Promise<void>,
  ): Promise<CertificateIssuanceResult> {
    const { cluster, bundleName, dnsNames, commonName, request, secretName, zone } = this.#state.input;
    const { secretMissing, skipCanary, returnReplaced, returnWindow } = this.#state.input;
    const answer = challenges.length === 0 ? [] : [`answer ${counted(challenges.length, 'challenge')}`];
    const steps = [...answer, 'finalize', `write Secret ${request.namespace}/${secretName}`].join(', ');
    this.#state.show(`To do: ${steps}. The heartbeat of completeOrder says which it is at.`);
    this.#state.mayBeIssued = true;
    let isWithdrawn = false;
    let isIssued = false;
    try {
      const { certificateUrl, installed, withdrawn } = await completeOrder.executeWithOptions({ summary: steps }, [
        {
          cluster,
          bundleName,
          orderUrl,
          challenges,
          zone,
          otherRecords,
          dnsNames,
          commonName,
          request,
          secretName,
          skipCanary,
          secretMissing,
          returnReplaced,
          returnWindow,
          ownershipProof,
        },
      ]);
      isWithdrawn = withdrawn;
      isIssued = true;
      this.#state.mayBeIssued = false;
      const { replaced, suggestedWindow, seal, ...certificate } = installed;
      const { serialNumber, notAfter } = certificate;
      const issued = { certificateUrl, serialNumber, notAfter, seal };
      return { certificate, issued, replaced, suggestedWindow, caHost, failover, orderUrl };
    } catch (error) {
      if (unfinishedStepIn(error)?.notFinalized === true) this.#state.mayBeIssued = false;
      throw error;
    } finally {
      if (!isWithdrawn) await withdraw(isIssued);
    }
  }
}

/**
 * Publishes when it is the zone's turn. @param publish gets the instant since which it waits (RFC 3339).
 * @param begunAt when it was first tried (RFC 3339), if that was before.
 */
export async function atTurn<T>(
  state: IssuanceState,
  what: string,
  publish: (waitingSince: string | undefined) => Promise<T>,
  begunAt?: string,
): Promise<T> {
  const { zoneName } = state.input.zone;
  const since = begunAt === undefined ? Date.now() : Date.parse(begunAt);
  let waits = false;
  for (;;) {
    const waitingSince = waits ? new Date(since).toISOString() : undefined;
    try {
      return await publish(waitingSince);
    } catch (error) {
      const turn = turnIn(error);
      if (turn === undefined || Date.now() - since > MAX_QUEUE_MS) {
        recordNotPublished(state, error);
        throw error;
      }
      state.show(`${turn.message} ${what} of ${zoneName} wait until ${turn.at.toISOString()}.`);
      await sleep(Math.max(1, turn.at.getTime() - Date.now()), { summary: `wait for a turn in ${zoneName}` });
      waits = true;
    }
  }
}

function recordNotPublished(state: IssuanceState, error: unknown): void {
  const { retry, outcomeUnknown } = failureIn(error);
  // Of an earlier publication, or of this one.
  state.isPublished ||= outcomeUnknown === true;
  // Without credentials or a zone, nothing was published. A cancellation before the first attempt looks like one
  // between attempts.
  if (!isCancellation(error) && retry === 'onChange' && !state.isPublished) state.mayBePublished = false;
}

/** When it is an order's turn to publish, where others are served first. */
function turnIn(error: unknown): { readonly message: string; readonly at: Date } | undefined {
  if (isCancellation(error)) return undefined;
  const { code, message, notBefore } = failureIn(error);
  return code === 'dns/queued' && notBefore !== undefined ? { message, at: new Date(notBefore) } : undefined;
}
