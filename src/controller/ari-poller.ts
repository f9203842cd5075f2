/**
 * Renewal information (RFC 9773) for the whole fleet: one sweep that asks the CA about each certificate when the CA said so,
 * and tells only those clusters whose certificate is to be renewed at another time than planned. All it needs is in the
 * CertificateRequests that the watch knows; a cluster at rest hears nothing of it. It remembers nothing but when to look
 * again: after a take-over it asks about all certificates once, and tells nobody anew.
 */

import type { AcmeClient } from '../acme/client.ts';
import type { AcmeClientSource } from '../acme/client-source.ts';
import { DEFAULT_ARI_POLL_INTERVAL_MS, fetchRenewalInfo } from '../acme/renewal-info.ts';
import type { RenewalWindow } from '../certificates/renewal-window.ts';
import { changesRenewalTime } from '../certificates/renewal-window.ts';
import { identityOf } from '../clusters/cached-cluster.ts';
import type { Metrics } from '../contract/metrics.ts';
import { CertmanError } from '../failures/failure.ts';
import { Backoff, pause } from '../kubernetes/api/backoff.ts';
import { type CertificateInUse, certificatesInUse } from './certificates-in-use.ts';
import type { ClusterWorkflowClient } from './cluster-workflow-client.ts';
import { type ControllerCache, keyOf } from './controller-cache.ts';
import type { ControllerLogger, ControllerSettings } from './controller-dependencies.ts';
import type { KeyedWorkQueue } from './keyed-work-queue.ts';
import { PollSchedule } from './poll-schedule.ts';
import { RecentSignals } from './recent-signals.ts';
import { signalInOrder } from './signal-in-order.ts';

/** How often it is looked whose time has come. */
const POLL_INTERVAL_MS = 5_000;

/**
 * Ten requests at once, fifty a second: a twentieth of what Let's Encrypt allows an address, and a fleet of 10,000 is through
 * in less than four minutes after a take-over.
 */
const BATCH_SIZE = 10;
const BATCH_INTERVAL_MS = 200;
const MAX_PER_ROUND = 500;

/** While the CA is in trouble, one certificate is tried at a time. A longer Retry-After is waited for in any case. */
const FAILURE_BACKOFF_MS = { first: 5_000, longest: 5 * 60_000 } as const;
const MAX_RETRY_AFTER_MS = 24 * 3_600_000;

/** The certificate at which there was trouble is not the next one to be tried: it may be the trouble. */
const FAILED_RETRY_MS = 10 * 60_000;

/** A CA without renewal information, or another CA than the certificate's: both can change. */
const SKIPPED_RETRY_MS = 3_600_000;

/** In a fleet that renews all at once, a workflow may take this long to show what it was told. */
const SIGNAL_TTL_MS = 3_600_000;

interface PolledCertificate extends CertificateInUse {
  readonly certId: string;
}

/** What came of one look. `unusable`: the CA's answer means nothing, which says nothing about other certificates. */
type PollResult =
  | { readonly kind: 'answered' | 'notAsked' }
  | { readonly kind: 'unusable'; readonly failure: CertmanError }
  | { readonly kind: 'trouble'; readonly failure: CertmanError };

export interface AriPollerOptions {
  readonly ca: Pick<AcmeClientSource, 'withClient'>;
  readonly settings: ControllerSettings;
  readonly fleet: ControllerCache;
  readonly signals: ClusterWorkflowClient;
  readonly work: KeyedWorkQueue;
  readonly logger: ControllerLogger;
  readonly signal: AbortSignal;
  readonly metrics: Metrics;
}

export class AriPoller {
  readonly #options: AriPollerOptions;
  readonly #schedule = new PollSchedule<PolledCertificate>(({ certId }) => certId);
  /** By `certId`. */
  readonly #recentSignals = new RecentSignals<RenewalWindow>(SIGNAL_TTL_MS);
  readonly #backoff = new Backoff(FAILURE_BACKOFF_MS.first, FAILURE_BACKOFF_MS.longest);
  #outage: { readonly code: string; readonly since: number } | undefined;

  constructor(options: AriPollerOptions) {
    this.#options = options;
  }

  /** Until the signal, whose reason it throws. */
  async run(): Promise<never> {
    const { signal } = this.#options;
    for (;;) {
      await pause(POLL_INTERVAL_MS, signal);
      await this.#pollDue(this.#schedule.due(this.#polledCertificates(), Date.now(), MAX_PER_ROUND));
      this.#publishStatus();
    }
  }

  #publishStatus(): void {
    this.#options.fleet.ari = {
      certificates: this.#schedule.answeredCount,
      failing: this.#outage !== undefined,
    };
  }

  async #pollDue(due: readonly PolledCertificate[]): Promise<void> {
    const { signal, logger } = this.#options;
    const unusable: CertmanError[] = [];
    for (let asked = 0; asked < due.length; ) {
      const batch = due.slice(asked, asked + (this.#outage === undefined ? BATCH_SIZE : 1));
      asked += batch.length;
      const [looks] = await Promise.all([this.#pollBatch(batch), pause(BATCH_INTERVAL_MS, signal)]);
      for (const look of looks) if (look.kind === 'unusable') unusable.push(look.failure);
      const trouble = looks.find((look) => look.kind === 'trouble');
      if (trouble !== undefined) {
        const waitMs = this.#recordFailure(trouble.failure);
        this.#publishStatus();
        await pause(waitMs, signal);
        // Much may have changed meanwhile.
        break;
      }
      if (looks.some(({ kind }) => kind === 'answered')) this.#recordRecovery();
    }
    if (unusable.length > 0) {
      logger.warn(
        { certificates: unusable.length, problem: unusable[0]?.message },
        'Renewal information of the CA means nothing; these renewals go by their own time',
      );
    }
  }

  /** RFC 9773 §4.3: a certificate that has expired or was replaced is asked about no more. */
  *#polledCertificates(): Generator<PolledCertificate> {
    for (const certificate of certificatesInUse(this.#options.fleet, Date.now())) {
      const { certId } = certificate.request;
      if (certId !== undefined) yield { certId, ...certificate };
    }
  }

  async #pollBatch(batch: readonly PolledCertificate[]): Promise<readonly PollResult[]> {
    const { ca, signal } = this.#options;
    try {
      return await ca.withClient(async (present) => {
        // Without a directory nothing can be asked, whichever the certificate.
        await present.directory();
        return await Promise.all(batch.map((certificate) => this.#poll(present, certificate)));
      }, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof CertmanError)) throw error;
      return [{ kind: 'trouble', failure: error }];
    }
  }

  async #poll(ca: AcmeClient, certificate: PolledCertificate): Promise<PollResult> {
    const { certId } = certificate;
    const { acmeServer } = certificate.request;
    const { signal } = this.#options;
    const now = Date.now();
    if (acmeServer !== undefined && acmeServer !== ca.host) {
      this.#schedule.postpone(certId, now + SKIPPED_RETRY_MS);
      return { kind: 'notAsked' };
    }
    try {
      const info = await fetchRenewalInfo(ca, certId);
      if (info.kind === 'notOffered') {
        this.#schedule.postpone(certId, now + SKIPPED_RETRY_MS);
        return { kind: 'notAsked' };
      }
      if (info.kind === 'unknownCertificate') {
        this.#schedule.postpone(certId, info.nextPoll.getTime());
      } else {
        this.#schedule.answered(certId, info.nextPoll.getTime());
        await this.#signalIfMoved(certificate, info.window);
      }
      return { kind: 'answered' };
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof CertmanError)) throw error;
      const kind = error.code === 'acme/unexpected' ? 'unusable' : 'trouble';
      this.#schedule.postpone(certId, now + (kind === 'unusable' ? DEFAULT_ARI_POLL_INTERVAL_MS : FAILED_RETRY_MS));
      return { kind, failure: error };
    }
  }

  async #signalIfMoved({ request, cluster, bundleName }: PolledCertificate, window: RenewalWindow): Promise<void> {
    // The status may have been written while the CA was asked.
    const shown = this.#options.fleet.getRequest(request) ?? request;
    const now = Date.now();
    const told = this.#recentSignals.get(window.certId, now);
    const known = told === undefined ? shown : { ...shown, suggestedWindow: told };
    if (shown.certId !== window.certId || !changesRenewalTime(window, known, now)) return;
    const { signals, logger, settings, metrics } = this.#options;
    const fields = { bundle: bundleName, window, plannedFor: shown.renewalTime };
    const refusal = { message: 'A cluster could not be told of its renewal window', fields };
    await signalInOrder(this.#options, cluster, refusal, async () => {
      await signals.signalRenewalWindowMoved(identityOf(settings.managementCluster, cluster), bundleName, window);
      this.#recentSignals.add(window.certId, window, now);
      metrics.ariWindowChanges.inc();
      logger.info({ cluster: keyOf(cluster), ...fields }, 'The CA suggests another time for a renewal');
    });
  }

  /** @returns milliseconds to wait. */
  #recordFailure(failure: CertmanError): number {
    const { logger } = this.#options;
    const { code, remedy, notBefore } = failure.info;
    const told = notBefore === undefined ? 0 : Date.parse(notBefore) - Date.now();
    const waitMs = Math.max(this.#backoff.next(), Math.min(told, MAX_RETRY_AFTER_MS));
    if (this.#outage?.code !== code) {
      logger.warn(
        { code, problem: failure.message, next: remedy, retryInMs: Math.round(waitMs) },
        'The CA gives no renewal information; renewals go by their own time',
      );
      this.#outage = { code, since: this.#outage?.since ?? Date.now() };
    }
    return waitMs;
  }

  #recordRecovery(): void {
    this.#backoff.reset();
    if (this.#outage === undefined) return;
    const seconds = Math.round((Date.now() - this.#outage.since) / 1000);
    this.#options.logger.info({ seconds }, 'The CA gives renewal information again');
    this.#outage = undefined;
  }
}
