/** Messages that reach a cluster's workflow at the very instant at which a run of it ends. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Payload, PayloadCodec } from '@temporalio/common';
import type { CertificateFacts } from '../../../src/certificates/certificate-facts.ts';
import type { ClusterCertificatesInput } from '../../../src/contract/cluster-certificates.ts';

/** How long a task is held open for a message to arrive in it that is not answered before the task is done. */
const HOLD_MS = 100;

/**
 * For a worker: sees what a run hands on to the next one on its way to the server, and holds it up, and with it the workflow
 * task that ends the run.
 */
export class ContinueAsNewHook implements PayloadCodec {
  readonly #met = new Set<string>();
  readonly #messages: Promise<unknown>[] = [];
  #send: (renewed: CertificateFacts) => Promise<unknown> = () => Promise.resolve();
  #after: number | undefined;

  /**
   * Sends messages at the end of every run.
   * @param after milliseconds after the end of a run is on its way to the server; undefined: so that they arrive before it.
   * @param send called once for each certificate that was in place as a run ended.
   */
  onContinueAsNew(after: number | undefined, send: (renewed: CertificateFacts) => Promise<unknown>): void {
    this.#after = after;
    this.#send = send;
  }

  /** Waits for the answers to all messages so far, and fails if one does. */
  async allAnswered(): Promise<void> {
    await Promise.all(this.#messages);
  }

  async encode(payloads: Payload[]): Promise<Payload[]> {
    for (const payload of payloads) await this.#meet(payload);
    return payloads;
  }

  decode(payloads: Payload[]): Promise<Payload[]> {
    return Promise.resolve(payloads);
  }

  async #meet({ data }: Payload): Promise<void> {
    const text = Buffer.from(data ?? []).toString();
    if (!text.includes('"carried"')) return;
    const renewed = (JSON.parse(text) as ClusterCertificatesInput).carried?.bundles['primary']?.certificate;
    // A task that is done again ends the run again.
    if (renewed === undefined || this.#met.has(renewed.serialNumber)) return;
    this.#met.add(renewed.serialNumber);
    if (this.#after === undefined) await Promise.race([this.#keep(this.#send(renewed)), sleep(HOLD_MS)]);
    else void this.#keep(sleep(this.#after).then(() => this.#send(renewed)));
  }

  async #keep(message: Promise<unknown>): Promise<void> {
    this.#messages.push(message);
    // A rejection reaches the caller that waits for all answers.
    await message.catch(() => undefined);
  }
}
