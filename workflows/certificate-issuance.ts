import {
  ApplicationFailure,
  CancellationScope,
  isCancellation,
  log,
  patched,
  setCurrentDetails,
  uuid4,
  workflowInfo,
} from '@temporalio/workflow';
import { ownershipRecords, ownershipValue, uniqueRecords } from '../src/certificates/dns-name.ts';
import { isRefusedProof } from '../src/certificates/staging-proof.ts';
import type { ClusterIdentity } from '../src/clusters/cluster-identity.ts';
import type { PlacedOrder } from '../src/contract/activities/acme.ts';
import type { VerifiedPropagation } from '../src/contract/activities/dns.ts';
import type { FulfilledPlacement, FulfillmentTerms, UnfulfilledOrder } from '../src/contract/activities/order.ts';
import type { OwnershipProof, SealedTxtRecord } from '../src/contract/activities/txt-records.ts';
import {
  CANCELLED_WITH_LEFTOVERS,
  type CertificateIssuanceInput,
  type CertificateIssuanceResult,
  type IssuanceFailureContext,
} from '../src/contract/certificate-issuance.ts';
import { recordOutsideZone } from '../src/contract/fulfillable-order.ts';
import { reportIssuanceEnd } from '../src/contract/issuance-sinks.ts';
import {
  COMPLETE_ORDER_PATCH,
  FULFILL_ORDER,
  PERSISTENT_RECORDS,
  patchesOfInput,
  STAGING_PROOF,
} from '../src/contract/patches.ts';
import { counted } from '../src/failures/counted.ts';
import { type FailureCode, type FailureInfo, failureInfo } from '../src/failures/failure.ts';
import { proveOrder, withdrawTxtRecords } from './activities.ts';
import { failureIn } from './failures.ts';
import { hasPatch } from './has-patch.ts';
import { FulfillmentSteps, issuanceResult } from './issuance/fulfillment-steps.ts';
import { IssuanceState } from './issuance/issuance-state.ts';
import { CombinedSteps, type OrderSteps } from './issuance/order-steps.ts';
import { isSameRecord, planRecords, type RecordPlan, withoutPersistence } from './issuance/persistent-records.ts';
import { isFulfilled, type PlacementOptions, placeOrder } from './issuance/place-order.ts';
import { SeparateSteps } from './issuance/separate-steps.ts';

/** The order is invalid after these: the next attempt needs a new one. */
const INVALID_ORDER_CODES = new Set<FailureCode>([
  'acme/challengeFailed',
  'acme/orderInvalid',
  'acme/orderGone',
  'acme/badCsr',
]);

/** Ownership records are of use for the attempt that made them only; as long as an order at Let's Encrypt. */
const OWNERSHIP_RECORDS_MS = 7 * 86_400_000;

/**
 * Issues one certificate and installs it; always withdraws the TXT records.
 * @throws ApplicationFailure: `FailureCode` or `CANCELLED_WITH_LEFTOVERS`; `details[1]`: `IssuanceFailureContext`.
 */
export async function certificateIssuance(input: CertificateIssuanceInput): Promise<CertificateIssuanceResult> {
  const state = new IssuanceState(input);
  const issuance = new Issuance(state, stepsOf(state));
  try {
    const result = await issuance.run();
    reportIssuanceEnd('issued');
    return result;
  } catch (error) {
    const context = issuance.failureContext();
    if (isCancellation(error)) {
      reportIssuanceEnd('cancelled');
      if (Object.values(context).every((value) => value === undefined)) throw error;
      // A cancellation has no details.
      throw ApplicationFailure.create({
        type: CANCELLED_WITH_LEFTOVERS,
        message: 'The issuance was cancelled; its cluster cleans up what is left, or resumes the order.',
        details: [null, context],
        nonRetryable: true,
      });
    }
    const failure = failureIn(error);
    reportIssuanceEnd(failure.code);
    const openOrder = INVALID_ORDER_CODES.has(failure.code) ? undefined : context.openOrder;
    throw failureWith(failure, { ...context, openOrder });
  }
}

function stepsOf(state: IssuanceState): OrderSteps {
  if (hasPatch(FULFILL_ORDER, patchesOfInput(state.input.patches))) return new FulfillmentSteps(state);
  return patched(COMPLETE_ORDER_PATCH) ? new CombinedSteps(state) : new SeparateSteps(state);
}

class Issuance {
  readonly #state: IssuanceState;
  readonly #steps: OrderSteps;
  #leftoverRecords: readonly SealedTxtRecord[] | undefined;
  #proved: true | undefined;

  constructor(state: IssuanceState, steps: OrderSteps) {
    this.#state = state;
    this.#steps = steps;
  }

  failureContext(): IssuanceFailureContext {
    return { ...this.#state.failureContext(), leftoverRecords: this.#leftoverRecords, proved: this.#proved };
  }

  async run(): Promise<CertificateIssuanceResult> {
    const { names, input } = this.#state;
    setCurrentDetails(`Ordering ${names}.\n\nReason: ${input.reason}`);
    const { leftoverRecords = [], dnsNames } = input;
    const ownership = this.#ownershipRecords();
    const early = ownership.length === 0 ? [] : uniqueRecords([...ownership, ...leftoverRecords]);
    let ownershipProof: OwnershipProof | undefined;
    // Before the CA is asked: a request whose credentials cannot change the zones of its names costs no order.
    if (ownership.length > 0) {
      const verify = () => this.#publishAndVerify(ownership, dnsNames);
      ({ ownershipProof } = await this.#orWithdraw(early, verify));
    }
    const present = [...ownership, ...leftoverRecords];
    const place = (options: Pick<PlacementOptions, 'proveFirst' | 'fulfill'>) =>
      this.#orWithdraw(early, () => placeOrder(this.#state, { ownershipProof, ...options }));
    let placed = await place(input.proveFirst === true ? { proveFirst: true } : { fulfill: this.#terms(present) });
    if (!isFulfilled(placed) && placed.proof === true) {
      const proof = placed;
      // Held back, it costs an order at the staging CA.
      if (patched(STAGING_PROOF)) await this.#orWithdraw(early, () => this.#prove(proof, ownershipProof));
      placed = await place({ fulfill: this.#terms(present) });
    }
    if (isFulfilled(placed)) return await this.#end(placed, present);
    const { order, keepsRecords, plan } = this.#plan(placed);
    const { publish, withdrawIfFailed, kept } = plan;
    const isKept = (record: SealedTxtRecord): boolean => kept.some((other) => isSameRecord(record, other));
    const others = [...present, ...plan.obsolete].filter((record) => !isKept(record));
    const ifFailed = uniqueRecords([...withdrawIfFailed, ...present]);
    if (publish.length > 0) await this.#orWithdraw(ifFailed, () => this.#publishProofs(publish));
    const ifIssued = uniqueRecords([...publish.filter((record) => !isKept(record)), ...others]);
    const result = await this.#steps.complete(order, ownershipProof, others, (isIssued) =>
      this.#withdraw(isIssued ? ifIssued : ifFailed),
    );
    const issued = this.#issued(result);
    return keepsRecords ? { ...issued, persistentRecords: kept } : issued;
  }

  /** Of an order that its placement has fulfilled. */
  async #end(placed: FulfilledPlacement, present: readonly SealedTxtRecord[]): Promise<CertificateIssuanceResult> {
    const { fulfilled, leftRecords = [] } = placed;
    if (!fulfilled.withdrawn) {
      this.#state.mayBePublished = true;
      await this.#withdraw(uniqueRecords([...leftRecords, ...present]));
    }
    const { zoneNames = [] } = placed;
    const where = zoneNames.length === 0 ? '' : ` Its TXT records were in ${zoneNames.join(' and ')}.`;
    return this.#issued(issuanceResult(placed, fulfilled), where);
  }

  #issued(result: CertificateIssuanceResult, where = ''): CertificateIssuanceResult {
    const { issuerName, serialNumber, notAfter } = result.certificate;
    const { names } = this.#state;
    setCurrentDetails(`Issued ${names} by ${issuerName}, serial ${serialNumber}, valid until ${notAfter}.${where}`);
    return { ...result, leftoverRecords: this.#leftoverRecords };
  }

  #terms(present: readonly SealedTxtRecord[]): FulfillmentTerms | undefined {
    return this.#steps.terms?.(uniqueRecords(present));
  }

  #plan(placed: UnfulfilledOrder): {
    readonly order: UnfulfilledOrder;
    readonly keepsRecords: boolean;
    readonly plan: RecordPlan;
  } {
    const { dnsNames, persistentRecords: known = [] } = this.#state.input;
    const { challenges } = placed;
    const isAsked = known.length > 0 || challenges.some(({ record }) => record.persistent === true);
    const keepsRecords = isAsked && this.#steps.canKeepRecords && patched(PERSISTENT_RECORDS);
    if (keepsRecords) return { order: placed, keepsRecords, plan: planRecords(challenges, known, dnsNames) };
    const passing = challenges.map(({ record, ...challenge }) => {
      const { persistent: _, ...passes } = record;
      return { ...challenge, record: passes };
    });
    return { order: { ...placed, challenges: passing }, keepsRecords, plan: withoutPersistence(passing) };
  }

  /**
   * Proves an order at the staging CA, and withdraws its TXT records.
   * @throws the failure that the order would have at the production CA too; where the staging CA shows none, it returns.
   */
  async #prove(
    { orderUrl, caHost, challenges }: PlacedOrder,
    ownershipProof: OwnershipProof | undefined,
  ): Promise<void> {
    const { cluster, bundleName, dnsNames, commonName } = this.#state.input;
    const records = challenges.map(({ record }) => record);
    this.#state.show(`The last order failed, so this one is proved at the staging CA ${caHost} first.`);
    try {
      if (records.length > 0) await this.#publishAndVerify(records);
      const summary = `prove ${this.#state.names} at the staging CA`;
      await proveOrder.executeWithOptions({ summary }, [
        { cluster, bundleName, orderUrl, challenges, dnsNames, commonName, ownershipProof },
      ]);
      this.#proved = true;
    } catch (error) {
      if (isCancellation(error)) throw error;
      const failure = failureIn(error);
      if (isRefusedProof(failure.code)) throw error;
      log.warn('The staging CA proves nothing, so the order goes to the production CA', { caHost, failure });
    } finally {
      await this.#withdraw(records);
    }
  }

  #ownershipRecords(): readonly SealedTxtRecord[] {
    const { cluster, dnsNames } = this.#state.input;
    if (!isStandalone(cluster)) return [];
    const expires = new Date(workflowInfo().startTime.getTime() + OWNERSHIP_RECORDS_MS).toISOString();
    return ownershipRecords(dnsNames, ownershipValue(cluster.uid, uuid4())).map((record) => ({ ...record, expires }));
  }

  async #publishAndVerify(
    records: readonly SealedTxtRecord[],
    ownershipOf?: readonly string[],
  ): Promise<VerifiedPropagation> {
    this.#requireInZone(records);
    return await this.#steps.publishAndVerify(records, ownershipOf);
  }

  async #publishProofs(proofs: readonly SealedTxtRecord[]): Promise<void> {
    this.#requireInZone(proofs);
    await this.#steps.prove(proofs);
  }

  #requireInZone(records: readonly SealedTxtRecord[]): void {
    const { input } = this.#state;
    const outside = recordOutsideZone(records, input.zone);
    if (outside !== undefined) throw failureWith(outsideZoneFailure(outside.name, input));
  }

  async #orWithdraw<T>(records: readonly SealedTxtRecord[], step: () => Promise<T>): Promise<T> {
    try {
      return await step();
    } catch (error) {
      await this.#withdraw(records);
      throw error;
    }
  }

  /** Never throws, and is never cancelled. */
  async #withdraw(records: readonly SealedTxtRecord[]): Promise<void> {
    if (records.length === 0) return;
    const { mayBePublished, isPublished, input } = this.#state;
    const { cluster, zone, leftoverRecords } = input;
    try {
      await CancellationScope.nonCancellable(() =>
        withdrawTxtRecords.executeWithOptions({ summary: `withdraw ${counted(records.length, 'TXT record')}` }, [
          { cluster, zone, records },
        ]),
      );
    } catch (error) {
      const { neverSent, message } = failureIn(error);
      // A withdrawal that can never have been sent rules out a publication that was cancelled before its first attempt,
      // unless the records are known to be published: the worker's settings may have changed since.
      const isRuledOut = neverSent === true && !isPublished;
      const left = mayBePublished && !isRuledOut ? records : [];
      // A withdrawal that failed before was of other records, such as those of a proof, which is without the leftover ones.
      const all = uniqueRecords([...(leftoverRecords ?? []), ...(this.#leftoverRecords ?? []), ...left]);
      this.#leftoverRecords = all.length === 0 ? undefined : all;
      log.warn('TXT records could not be withdrawn; the next order or the decommission retries', {
        records: records.map(({ name }) => name),
        failure: message,
      });
    }
  }
}

function isStandalone({ kind }: ClusterIdentity): boolean {
  return kind === 'CertificateRequest';
}

function failureWith(failure: FailureInfo, context?: IssuanceFailureContext): ApplicationFailure {
  return ApplicationFailure.create({
    type: failure.code,
    message: failure.message,
    details: context === undefined ? [failure] : [failure, context],
    nonRetryable: true,
  });
}

function outsideZoneFailure(recordName: string, { zone }: CertificateIssuanceInput): FailureInfo {
  return failureInfo({
    code: 'dns/nameOutsideZone',
    message: `The TXT record ${recordName} is not in the zone ${zone.zoneName}, so control of the name cannot be proved.`,
    remedy:
      zone.kind === undefined
        ? 'Remove the name from the ClusterDeployment, or correct its base domain.'
        : 'Remove the name from spec.dnsNames, or set spec.acmeDNSDomain to the zone that contains it.',
  });
}
