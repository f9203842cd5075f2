/**
 * The steps of an order in an activity each, for runs that started before the patch `complete-order`. To be removed with
 * the patch and with the activities that nothing else calls: publishTxtRecords, verifyPropagation, answerChallenges,
 * finalizeOrder, installCertificate.
 */

import type { PlacedOrder } from '../../src/contract/activities/acme.ts';
import type { VerifiedPropagation } from '../../src/contract/activities/dns.ts';
import type { OwnershipProof, SealedTxtRecord } from '../../src/contract/activities/txt-records.ts';
import type { CertificateIssuanceResult } from '../../src/contract/certificate-issuance.ts';
import { counted } from '../../src/failures/counted.ts';
import {
  answerChallenges,
  finalizeOrder,
  installCertificate,
  publishTxtRecords,
  verifyPropagation,
} from '../activities.ts';
import type { IssuanceState } from './issuance-state.ts';
import { atTurn, type OrderSteps } from './order-steps.ts';

/** As recorded in test/histories/2026-11. */
export class SeparateSteps implements OrderSteps {
  readonly canKeepRecords = false;
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
    const { zoneName } = zone;
    const what = counted(records.length, 'TXT record');
    this.#state.show(`Publishing ${what} in ${zoneName}.`);
    this.#state.mayBePublished = true;
    const { nameServers, seal } = await atTurn(this.#state, what, (waitingSince) =>
      publishTxtRecords.executeWithOptions({ summary: `publish ${what} in ${zoneName}` }, [
        { cluster, zone, records, waitingSince },
      ]),
    );
    this.#state.isPublished = true;
    this.#state.show(`${what} published in ${zoneName}; verifying propagation.`);
    return await verifyPropagation.executeWithOptions({ summary: `verify propagation of ${what}` }, [
      { cluster, records, zoneName, nameServers, seal, ownershipOf },
    ]);
  }

  async complete(
    order: PlacedOrder,
    ownershipProof: OwnershipProof | undefined,
    _otherRecords: readonly SealedTxtRecord[],
    withdraw: (isIssued: boolean) => Promise<void>,
  ): Promise<CertificateIssuanceResult> {
    try {
      await this.#answer(order);
    } catch (error) {
      await withdraw(false);
      throw error;
    }
    // The withdrawal need not delay the certificate.
    const withdrawn = withdraw(false);
    try {
      return await this.#finalize(order, ownershipProof);
    } finally {
      await withdrawn;
    }
  }

  async #answer({ orderUrl, challenges }: PlacedOrder): Promise<void> {
    if (challenges.length === 0) return;
    const { cluster, bundleName } = this.#state.input;
    this.#state.show(`${counted(challenges.length, 'TXT record')} propagated; the CA is validating.`);
    await answerChallenges.executeWithOptions({ summary: `answer ${counted(challenges.length, 'challenge')}` }, [
      { cluster, bundleName, orderUrl, challenges },
    ]);
  }

  async #finalize(
    { orderUrl, caHost, failover }: PlacedOrder,
    ownershipProof: OwnershipProof | undefined,
  ): Promise<CertificateIssuanceResult> {
    const { cluster, bundleName, dnsNames, commonName, request, secretName, skipCanary, returnReplaced } =
      this.#state.input;
    this.#state.mayBeIssued = true;
    this.#state.show(`Control of all ${dnsNames.length} names is proved; finalizing.`);
    const { certificateUrl } = await finalizeOrder.executeWithOptions(
      { summary: `finalize the order for ${this.#state.names}` },
      [{ cluster, bundleName, orderUrl, dnsNames, commonName, request, ownershipProof }],
    );
    const { replaced, seal, ...certificate } = await installCertificate.executeWithOptions(
      { summary: `write Secret ${request.namespace}/${secretName}` },
      [{ cluster, bundleName, orderUrl, certificateUrl, dnsNames, request, secretName, skipCanary, returnReplaced }],
    );
    this.#state.mayBeIssued = false;
    const { serialNumber, notAfter } = certificate;
    const issued = { certificateUrl, serialNumber, notAfter, seal };
    return { certificate, issued, replaced, caHost, failover, orderUrl };
  }
}
