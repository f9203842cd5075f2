import {
  ApplicationFailure,
  CancellationScope,
  isCancellation,
  log,
  setCurrentDetails,
  sleep,
  uuid4,
} from '@temporalio/workflow';
import { isInZone, ownershipRecords, ownershipValue } from '../src/certificates/dns-name.ts';
import type { ClusterIdentity } from '../src/clusters/cluster-identity.ts';
import type {
  OwnershipProof,
  PlacedOrder,
  PublishedRecords,
  SealedTxtRecord,
  VerifiedPropagation,
} from '../src/contract/activities.ts';
import {
  CANCELLED_WITH_LEFTOVERS,
  type CertificateIssuanceInput,
  type CertificateIssuanceResult,
  type IssuanceFailureContext,
} from '../src/contract/certificate-issuance.ts';
import { splitSeal } from '../src/contract/sealed-url.ts';
import { type FailureCode, type FailureInfo, failureInfo } from '../src/failures/failure.ts';
import {
  answerChallenges,
  finalizeOrder,
  installCertificate,
  placeOrder,
  publishTxtRecords,
  verifyPropagation,
  withdrawTxtRecords,
} from './activities.ts';
import { failureIn, lastHeartbeatDetailsIn } from './failures.ts';

/** The order is invalid after these: the next attempt needs a new one. */
const INVALID_ORDER_CODES = new Set<FailureCode>([
  'acme/challengeFailed',
  'acme/orderInvalid',
  'acme/orderGone',
  'acme/badCsr',
]);

/** An order that others keep from publishing for so long is a failure to report; the next attempt resumes it. */
const MAX_QUEUE_MS = 2 * 60 * 60_000;

/**
 * Issues one certificate and installs it; always withdraws the TXT records.
 * @throws ApplicationFailure: `FailureCode` or `CANCELLED_WITH_LEFTOVERS`; `details[1]`: `IssuanceFailureContext`.
 */
export async function certificateIssuance(input: CertificateIssuanceInput): Promise<CertificateIssuanceResult> {
  const issuance = new Issuance(input);
  try {
    return await issuance.run();
  } catch (error) {
    const context = issuance.failureContext();
    if (isCancellation(error)) {
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
    const openOrder = INVALID_ORDER_CODES.has(failure.code) ? undefined : context.openOrder;
    throw failureWith(failure, { ...context, openOrder });
  }
}

class Issuance {
  readonly #input: CertificateIssuanceInput;
  readonly #names: string;
  /** URL, once there is one. */
  #order: string | undefined;
  #leftoverRecords: readonly SealedTxtRecord[] | undefined;
  #mayBePublished = false;
  #isPublished = false;
  /** Whether the CA may have issued a certificate that is not in its Secret. */
  #mayBeIssued = false;

  constructor(input: CertificateIssuanceInput) {
    this.#input = input;
    this.#names = describeNames(input.dnsNames);
    this.#order = input.resumeOrder;
  }

  failureContext(): IssuanceFailureContext {
    return {
      openOrder: this.#order,
      leftoverRecords: this.#leftoverRecords,
      unclaimedOrder: this.#mayBeIssued ? this.#order : undefined,
    };
  }

  async run(): Promise<CertificateIssuanceResult> {
    setCurrentDetails(`Ordering ${this.#names}.\n\nReason: ${this.#input.reason}`);
    const { leftoverRecords = [], dnsNames } = this.#input;
    const ownership = this.#ownershipRecords();
    let records = ownership.length === 0 ? [] : uniqueRecords([...ownership, ...leftoverRecords]);
    let ownershipProof: OwnershipProof | undefined;
    // Before the CA is asked: a request whose credentials cannot change the zones of its names costs no order.
    if (ownership.length > 0) {
      const verify = () => this.#publishVerified(ownership, dnsNames);
      ({ ownershipProof } = await this.#orWithdraw(records, verify));
    }
    const order = await this.#orWithdraw(records, () => this.#place(ownershipProof));
    const proofs = order.challenges.map(({ record }) => record);
    records = uniqueRecords([...proofs, ...ownership, ...leftoverRecords]);
    if (proofs.length > 0) await this.#orWithdraw(records, () => this.#prove(order, proofs));
    // The withdrawal need not delay the certificate.
    const withdrawn = this.#withdraw(records);
    let result: CertificateIssuanceResult;
    try {
      result = await this.#finalize(order, ownershipProof);
    } finally {
      await withdrawn;
    }
    const { issuerName, serialNumber, notAfter } = result.certificate;
    setCurrentDetails(`Issued ${this.#names} by ${issuerName}, serial ${serialNumber}, valid until ${notAfter}.`);
    return { ...result, leftoverRecords: this.#leftoverRecords };
  }

  async #place(ownershipProof: OwnershipProof | undefined): Promise<PlacedOrder> {
    const { cluster, bundleName, dnsNames, caHost, resumeOrder, replaces, renewal, turn } = this.#input;
    try {
      const order = await placeOrder.executeWithOptions({ summary: `order ${this.#names}` }, [
        { cluster, bundleName, caHost, dnsNames, resume: resumeOrder, replaces, renewal, turn, ownershipProof },
      ]);
      this.#order = order.orderUrl;
      return order;
    } catch (error) {
      this.#order = orderInHeartbeat(error) ?? this.#order;
      throw error;
    }
  }

  #ownershipRecords(): readonly SealedTxtRecord[] {
    const { cluster, dnsNames } = this.#input;
    return isStandalone(cluster) ? ownershipRecords(dnsNames, ownershipValue(cluster.uid, uuid4())) : [];
  }

  async #prove({ orderUrl, challenges }: PlacedOrder, records: readonly SealedTxtRecord[]): Promise<void> {
    const { cluster, bundleName } = this.#input;
    await this.#publishVerified(records);
    this.#show(`${count(records.length, 'TXT record')} propagated; the CA is validating.`);
    await answerChallenges.executeWithOptions({ summary: `answer ${count(challenges.length, 'challenge')}` }, [
      { cluster, bundleName, orderUrl, challenges },
    ]);
  }

  /** @param ownershipOf names whose ownership records these are: the result has the proof. */
  async #publishVerified(
    records: readonly SealedTxtRecord[],
    ownershipOf?: readonly string[],
  ): Promise<VerifiedPropagation> {
    const { cluster, zone } = this.#input;
    const { zoneName } = zone;
    const what = count(records.length, 'TXT record');
    const outside = records.find(({ name }) => !isInZone(name, zoneName));
    if (outside !== undefined) throw failureWith(outsideZoneFailure(outside.name, this.#input));
    this.#show(`Publishing ${what} in ${zoneName}.`);
    const { nameServers, seal } = await this.#publish(what, records);
    this.#show(`${what} published in ${zoneName}; verifying propagation.`);
    return await verifyPropagation.executeWithOptions({ summary: `verify propagation of ${what}` }, [
      { cluster, records, zoneName, nameServers, seal, ownershipOf },
    ]);
  }

  async #publish(what: string, records: readonly SealedTxtRecord[]): Promise<PublishedRecords> {
    const { cluster, zone } = this.#input;
    this.#mayBePublished = true;
    const summary = `publish ${what} in ${zone.zoneName}`;
    const since = Date.now();
    for (;;) {
      const waitingSince = Date.now() > since ? new Date(since).toISOString() : undefined;
      try {
        const published = await publishTxtRecords.executeWithOptions({ summary }, [
          { cluster, zone, records, waitingSince },
        ]);
        this.#isPublished = true;
        return published;
      } catch (error) {
        const turn = turnIn(error);
        if (turn === undefined || Date.now() - since > MAX_QUEUE_MS) throw this.#notPublished(error);
        this.#show(`${turn.message} ${what} of ${zone.zoneName} wait until ${turn.at.toISOString()}.`);
        await sleep(Math.max(1, turn.at.getTime() - Date.now()), { summary: `wait for a turn in ${zone.zoneName}` });
      }
    }
  }

  #notPublished(error: unknown): unknown {
    const { retry, outcomeUnknown } = failureIn(error);
    // Of an earlier publication, or of this one.
    this.#isPublished ||= outcomeUnknown === true;
    // Without credentials or a zone, nothing was published. A cancellation before the first attempt looks like one
    // between attempts.
    if (!isCancellation(error) && retry === 'onChange' && !this.#isPublished) this.#mayBePublished = false;
    return error;
  }

  async #finalize(
    { orderUrl, caHost }: PlacedOrder,
    ownershipProof: OwnershipProof | undefined,
  ): Promise<CertificateIssuanceResult> {
    const { cluster, bundleName, dnsNames, commonName, request, secretName, returnReplaced } = this.#input;
    this.#mayBeIssued = true;
    this.#show(`Control of all ${dnsNames.length} names is proved; finalizing.`);
    const { certificateUrl } = await finalizeOrder.executeWithOptions(
      { summary: `finalize the order for ${this.#names}` },
      [{ cluster, bundleName, orderUrl, dnsNames, commonName, request, ownershipProof }],
    );
    const { replaced, seal, ...certificate } = await installCertificate.executeWithOptions(
      { summary: `write Secret ${request.namespace}/${secretName}` },
      [{ cluster, bundleName, orderUrl, certificateUrl, dnsNames, request, secretName, returnReplaced }],
    );
    this.#mayBeIssued = false;
    const { serialNumber, notAfter } = certificate;
    return { certificate, issued: { certificateUrl, serialNumber, notAfter, seal }, replaced, caHost, orderUrl };
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
    const { cluster, zone, leftoverRecords } = this.#input;
    try {
      await CancellationScope.nonCancellable(() =>
        withdrawTxtRecords.executeWithOptions({ summary: `withdraw ${count(records.length, 'TXT record')}` }, [
          { cluster, zone, records },
        ]),
      );
    } catch (error) {
      const { neverSent, message } = failureIn(error);
      // A withdrawal that can never have been sent rules out a publication that was cancelled before its first attempt,
      // unless the records are known to be published: the worker's settings may have changed since.
      const isRuledOut = neverSent === true && !this.#isPublished;
      this.#leftoverRecords = this.#mayBePublished && !isRuledOut ? records : leftoverRecords;
      log.warn('TXT records could not be withdrawn; the next order or the decommission retries', {
        records: records.map(({ name }) => name),
        failure: message,
      });
    }
  }

  #show(progress: string): void {
    const order = this.#order === undefined ? `Ordering ${this.#names}` : `Order ${splitSeal(this.#order).url}`;
    setCurrentDetails(`${order}\n\n${progress}`);
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

/** When it is an order's turn to publish, where others are served first. */
function turnIn(error: unknown): { readonly message: string; readonly at: Date } | undefined {
  if (isCancellation(error)) return undefined;
  const { code, message, notBefore } = failureIn(error);
  return code === 'dns/queued' && notBefore !== undefined ? { message, at: new Date(notBefore) } : undefined;
}

/** The order that an attempt to place one had recorded before its worker died. */
function orderInHeartbeat(error: unknown): string | undefined {
  const details = lastHeartbeatDetailsIn(error);
  if (typeof details !== 'object' || details === null || !('orderUrl' in details)) return undefined;
  return typeof details.orderUrl === 'string' ? details.orderUrl : undefined;
}

function uniqueRecords(records: readonly SealedTxtRecord[]): readonly SealedTxtRecord[] {
  const unique = new Map(records.map((record) => [`${record.name} ${record.value}`, record]));
  return [...unique.values()];
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

/** `api.x.example.com and 2 more`: fits a summary (200 bytes). */
export function describeNames(names: readonly string[]): string {
  const first = (names[0] ?? 'no names').slice(0, 120);
  return names.length > 1 ? `${first} and ${names.length - 1} more` : first;
}
