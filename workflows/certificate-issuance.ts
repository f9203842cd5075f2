/**
 * One order from beginning to end: place it, publish the TXT records, see them visible, answer, finalize, install;
 * and, whatever happens, withdraw the records.
 */
import { ApplicationFailure, CancellationScope, isCancellation, log, setCurrentDetails } from '@temporalio/workflow';
import type { CertificateFacts, IssuedCertificate } from '../src/certificates/certificate-facts.ts';
import { isInZone, type TxtRecord } from '../src/certificates/dns-name.ts';
import type { PlacedOrder, PublishedRecords } from '../src/contract/activities.ts';
import {
  CANCELLED_WITH_LEFTOVERS,
  type CertificateIssuanceInput,
  type CertificateIssuanceResult,
  type IssuanceFailureContext,
} from '../src/contract/certificate-issuance.ts';
import type { FailureCode } from '../src/failures/failure.ts';
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

/** After these the order is dead at the CA; the next attempt needs a new one. */
const DEAD_ORDER_CODES = new Set<FailureCode>([
  'acme/challengeFailed',
  'acme/orderInvalid',
  'acme/orderGone',
  'acme/badCsr',
]);

export async function certificateIssuance(input: CertificateIssuanceInput): Promise<CertificateIssuanceResult> {
  const issuance = new Issuance(input);
  try {
    return await issuance.run();
  } catch (error) {
    const left = issuance.leftovers();
    if (isCancellation(error)) {
      const carried: IssuanceFailureContext = { ...left, ...issuance.resumableOrder() };
      if (Object.keys(carried).length === 0) throw error;
      // A cancellation carries nothing; its cluster must know what is left to clear away, and what to go on with.
      throw ApplicationFailure.create({
        type: CANCELLED_WITH_LEFTOVERS,
        message: 'The issuance was cut short; its cluster clears away what it left behind, or goes on with its order.',
        details: [null, carried],
        nonRetryable: true,
      });
    }
    const failure = failureIn(error);
    const context: IssuanceFailureContext = {
      ...(DEAD_ORDER_CODES.has(failure.code) ? {} : issuance.resumableOrder()),
      ...left,
    };
    throw ApplicationFailure.create({
      type: failure.code,
      message: failure.message,
      details: [failure, context],
      nonRetryable: true,
    });
  }
}

class Issuance {
  readonly #input: CertificateIssuanceInput;
  /** The order at the CA, once there is one. */
  openOrder: string | undefined;
  /** Records that could not be withdrawn in time. */
  leftoverRecords: readonly TxtRecord[] = [];
  /** Whether the zone may have this order's records. */
  #mayBePublished = false;
  /** Whether it is known to have them. */
  #published = false;
  /** Whether the CA may have issued a certificate that is not in its Secret. */
  #mayBeIssued = false;

  constructor(input: CertificateIssuanceInput) {
    this.#input = input;
    this.openOrder = input.resumeOrder;
  }

  /** The order at the CA, as what the next attempt may go on with. */
  resumableOrder(): Pick<IssuanceFailureContext, 'openOrder'> {
    return this.openOrder === undefined ? {} : { openOrder: this.openOrder };
  }

  /** What outlives an issuance that did not succeed. */
  leftovers(): Pick<IssuanceFailureContext, 'leftoverRecords' | 'unclaimedOrder'> {
    return {
      ...(this.leftoverRecords.length === 0 ? {} : { leftoverRecords: this.leftoverRecords }),
      ...(this.#mayBeIssued && this.openOrder !== undefined ? { unclaimedOrder: this.openOrder } : {}),
    };
  }

  async run(): Promise<CertificateIssuanceResult> {
    const { dnsNames, returnReplaced, reason } = this.#input;
    const described = describeNames(dnsNames);
    setCurrentDetails(`Ordering ${described}.\n\nWhy: ${reason}`);
    const order = await this.#place(described);

    const proofs = recordsToVerify(order);
    const records = uniqueRecords([...proofs, ...(this.#input.leftoverRecords ?? [])]);
    let certificate: CertificateFacts;
    let replaced: IssuedCertificate | undefined;
    let certificateUrl: string;
    let withdrawn: Promise<void> = Promise.resolve();
    try {
      if (proofs.length > 0) await this.#prove(order, proofs);
      // The proof is done: the records are of no more use, and taking them away need not hold the certificate up.
      withdrawn = this.#withdraw(records);
      this.#mayBeIssued = true;
      setCurrentDetails(
        `Order ${order.orderUrl}\n\nAll ${dnsNames.length} names are proved; the CA is issuing ${described}.`,
      );
      ({ certificateUrl } = await finalizeOrder.executeWithOptions({ summary: `finalize the order for ${described}` }, [
        {
          orderUrl: order.orderUrl,
          dnsNames,
          ...(this.#input.commonName === undefined ? {} : { commonName: this.#input.commonName }),
          request: this.#input.request,
        },
      ]));
      ({ replaced, ...certificate } = await installCertificate.executeWithOptions(
        { summary: `write Secret ${this.#input.request.namespace}/${this.#input.secretName}` },
        [
          {
            orderUrl: order.orderUrl,
            certificateUrl,
            dnsNames,
            request: this.#input.request,
            secretName: this.#input.secretName,
            ...(returnReplaced === undefined ? {} : { returnReplaced }),
          },
        ],
      ));
    } catch (error) {
      await this.#withdraw(records);
      throw error;
    }
    this.#mayBeIssued = false;
    await withdrawn;
    setCurrentDetails(
      `Issued ${described} by ${certificate.issuerName}, serial ${certificate.serialNumber}, valid until ${certificate.notAfter}.`,
    );
    return {
      certificate,
      issued: { certificateUrl, serialNumber: certificate.serialNumber, notAfter: certificate.notAfter },
      ...(replaced === undefined ? {} : { replaced }),
      caHost: order.caHost,
      orderUrl: order.orderUrl,
      ...(this.leftoverRecords.length === 0 ? {} : { leftoverRecords: this.leftoverRecords }),
    };
  }

  async #place(described: string): Promise<PlacedOrder> {
    const { cluster, dnsNames, resumeOrder, replaces } = this.#input;
    try {
      const order = await placeOrder.executeWithOptions({ summary: `order ${described}` }, [
        {
          dnsNames,
          ...(resumeOrder === undefined ? {} : { resume: resumeOrder }),
          ...(replaces === undefined ? {} : { replaces }),
          ...(cluster.kind === 'CertificateRequest' ? { standaloneRequestUid: cluster.uid } : {}),
        },
      ]);
      this.openOrder = order.orderUrl;
      return order;
    } catch (error) {
      this.openOrder = orderInHeartbeat(error) ?? this.openOrder;
      throw error;
    }
  }

  /** Publishes the TXT records, waits until they are seen, and has the CA look. */
  async #prove(order: PlacedOrder, records: readonly TxtRecord[]): Promise<void> {
    const { zone } = this.#input;
    const what = `${records.length} TXT record${records.length === 1 ? '' : 's'}`;
    const outside = records.find((record) => !isInZone(record.name, zone.zoneName));
    if (outside !== undefined) {
      const info = {
        code: 'dns/nameOutsideZone',
        message: `The TXT record ${outside.name} is not in the zone ${zone.zoneName}, so the name cannot be proved.`,
        retry: 'onChange',
        remedy:
          zone.kind === undefined
            ? 'Remove the name from the ClusterDeployment, or correct its base domain.'
            : 'Take the name out of spec.dnsNames, or name the zone that it is in in spec.acmeDNSDomain.',
      } as const;
      throw ApplicationFailure.create({ type: info.code, message: info.message, details: [info], nonRetryable: true });
    }
    setCurrentDetails(`Order ${order.orderUrl}\n\nPublishing ${what} in ${zone.zoneName}.`);
    const published = await this.#publish(what, records);
    setCurrentDetails(
      `Order ${order.orderUrl}\n\n${what} published in ${zone.zoneName}; waiting until the world sees them.`,
    );
    await verifyPropagation.executeWithOptions({ summary: `verify propagation of ${what}` }, [
      { records, zoneName: zone.zoneName, nameServers: published.nameServers },
    ]);
    if (order.challenges.length === 0) return;
    setCurrentDetails(`Order ${order.orderUrl}\n\n${what} visible; the CA is looking.`);
    await answerChallenges.executeWithOptions(
      { summary: `answer ${order.challenges.length} challenge${order.challenges.length === 1 ? '' : 's'}` },
      [{ orderUrl: order.orderUrl, challenges: order.challenges }],
    );
  }

  async #publish(what: string, records: readonly TxtRecord[]): Promise<PublishedRecords> {
    const { zone } = this.#input;
    this.#mayBePublished = true;
    try {
      const published = await publishTxtRecords.executeWithOptions({ summary: `publish ${what} in ${zone.zoneName}` }, [
        { zone, records },
      ]);
      this.#published = true;
      return published;
    } catch (error) {
      // Without credentials or a zone nothing was published: nothing that a cluster's end would have to wait for. A cancellation
      // says nothing of the kind: one before the first attempt looks like one between two attempts, of which the first had sent.
      const { retry, outcomeUnknown } = failureIn(error);
      this.#published = outcomeUnknown === true;
      if (!isCancellation(error) && retry === 'onChange' && outcomeUnknown !== true) this.#mayBePublished = false;
      throw error;
    }
  }

  /** Once per order; never throws and is never cancelled. */
  #withdraw(records: readonly TxtRecord[]): Promise<void> {
    this.#withdrawal ??= this.#withdrawOnce(records);
    return this.#withdrawal;
  }

  async #withdrawOnce(records: readonly TxtRecord[]): Promise<void> {
    if (records.length === 0) return;
    try {
      await CancellationScope.nonCancellable(() =>
        withdrawTxtRecords.executeWithOptions(
          { summary: `withdraw ${records.length} TXT record${records.length === 1 ? '' : 's'}` },
          [{ zone: this.#input.zone, records }],
        ),
      );
    } catch (error) {
      // A publication cancelled before its first attempt reports nothing. A failure that rules out sending speaks for it,
      // but not against what is known: the worker's settings may have changed since.
      const ruledOut = failureIn(error).neverSent === true && !this.#published;
      this.leftoverRecords = this.#mayBePublished && !ruledOut ? records : (this.#input.leftoverRecords ?? []);
      log.warn('TXT records could not be withdrawn; they are tried again with the next order or at the end', {
        records: records.map((record) => record.name),
        failure: failureIn(error).message,
      });
    }
  }

  #withdrawal: Promise<void> | undefined;
}

/** What is to be seen in the DNS before the order is gone on with: for the CA, and for us. */
function recordsToVerify({ challenges, ownershipRecords: ownership = [] }: PlacedOrder): readonly TxtRecord[] {
  return [...challenges.map((challenge) => challenge.record), ...ownership];
}

/** The order that an attempt at placing one had recorded before its worker died. */
function orderInHeartbeat(error: unknown): string | undefined {
  const recorded = lastHeartbeatDetailsIn(error);
  if (typeof recorded !== 'object' || recorded === null || !('orderUrl' in recorded)) return undefined;
  return typeof recorded.orderUrl === 'string' ? recorded.orderUrl : undefined;
}

function uniqueRecords(records: readonly TxtRecord[]): readonly TxtRecord[] {
  const seen = new Map(records.map((record) => [`${record.name} ${record.value}`, record]));
  return [...seen.values()];
}

/** `api.x.example.com and 2 more`: fits a summary (200 bytes). */
export function describeNames(names: readonly string[]): string {
  const first = (names[0] ?? 'no names').slice(0, 120);
  return names.length > 1 ? `${first} and ${names.length - 1} more` : first;
}
