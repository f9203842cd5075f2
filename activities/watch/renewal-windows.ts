/**
 * Renewal information (RFC 9773) for the whole fleet: one sweep that asks the CA about each certificate when the CA said so,
 * and tells only those clusters whose certificate is to be renewed at another time than planned. All it needs is in the
 * CertificateRequests that the watch knows; a cluster at rest hears nothing of it. It remembers nothing but when to look
 * again: after a take-over it asks about all certificates once, and tells nobody anew.
 */
import type { CaSource } from '../../src/acme/ca-source.ts';
import type { AcmeCa } from '../../src/acme/client.ts';
import { fetchRenewalInfo, UNTOLD_INTERVAL_MS } from '../../src/acme/renewal-info.ts';
import { isNews } from '../../src/certificates/moved-window.ts';
import type { RenewalWindow } from '../../src/certificates/renewal-window.ts';
import { identityOf } from '../../src/clusters/what-to-signal.ts';
import { CertmanError } from '../../src/failures/failure.ts';
import { Backoff, pause } from '../../src/kubernetes/backoff.ts';
import { type CertificateInUse, certificatesInUse } from './certificates-in-use.ts';
import type { WatchLogger, WatchSettings } from './dependencies.ts';
import { type KnownFleet, keyOf } from './known-fleet.ts';
import { LookSchedule } from './look-schedule.ts';
import { RecentlyTold } from './recently-told.ts';
import type { Signals } from './signals.ts';
import { tellInTurn } from './tell-in-turn.ts';
import type { WorkByKey } from './work-by-key.ts';

/** How often it is looked whose time has come. */
const ROUND_MS = 5_000;

/**
 * Ten requests at once, fifty a second: a twentieth of what Let's Encrypt allows an address, and a fleet of 10,000 is through
 * in less than four minutes after a take-over.
 */
const AT_ONCE = 10;
const EACH_BATCH_MS = 200;
const MOST_A_ROUND = 500;

/** While the CA is in trouble, one certificate is tried at a time. A longer Retry-After is waited for in any case. */
const TROUBLE_MS = { first: 5_000, longest: 5 * 60_000 } as const;
const LONGEST_TROUBLE_MS = 24 * 3_600_000;

/** The certificate at which there was trouble is not the next one to be tried: it may be the trouble. */
const AFTER_TROUBLE_MS = 10 * 60_000;

/** A CA without renewal information, or another CA than the certificate's: both can change. */
const NOT_ASKED_MS = 3_600_000;

/** In a fleet that renews all at once, a workflow may take this long to show what it was told. */
const SHOWN_WITHIN_MS = 3_600_000;

interface Certificate extends CertificateInUse {
  readonly certId: string;
}

/** What came of one look. `unusable`: the CA's answer means nothing, which says nothing about other certificates. */
type Look =
  | { readonly kind: 'answered' | 'notAsked' }
  | { readonly kind: 'unusable'; readonly failure: CertmanError }
  | { readonly kind: 'trouble'; readonly failure: CertmanError };

export interface RenewalWindowsOptions {
  readonly ca: Pick<CaSource, 'use'>;
  readonly settings: WatchSettings;
  readonly fleet: KnownFleet;
  readonly signals: Signals;
  readonly work: WorkByKey;
  readonly logger: WatchLogger;
  readonly signal: AbortSignal;
  /** Told of each window that a cluster was told of. */
  readonly onMoved: () => void;
}

export class RenewalWindows {
  readonly #options: RenewalWindowsOptions;
  readonly #schedule = new LookSchedule<Certificate>(({ certId }) => certId);
  /** By `certId`. */
  readonly #told = new RecentlyTold<RenewalWindow>(SHOWN_WITHIN_MS);
  readonly #backoff = new Backoff(TROUBLE_MS.first, TROUBLE_MS.longest);
  #trouble: { readonly code: string; readonly since: number } | undefined;

  constructor(options: RenewalWindowsOptions) {
    this.#options = options;
  }

  /** Until the signal, whose reason it throws. */
  async run(): Promise<never> {
    const { signal } = this.#options;
    for (;;) {
      await pause(ROUND_MS, signal);
      await this.#round(this.#schedule.due(this.#inUse(), Date.now(), MOST_A_ROUND));
      this.#show();
    }
  }

  #show(): void {
    this.#options.fleet.renewalInformation = {
      certificates: this.#schedule.answeredCount,
      failing: this.#trouble !== undefined,
    };
  }

  async #round(due: readonly Certificate[]): Promise<void> {
    const { signal, logger } = this.#options;
    const unusable: CertmanError[] = [];
    for (let asked = 0; asked < due.length; ) {
      const batch = due.slice(asked, asked + (this.#trouble === undefined ? AT_ONCE : 1));
      asked += batch.length;
      const [looks] = await Promise.all([this.#askAll(batch), pause(EACH_BATCH_MS, signal)]);
      for (const look of looks) if (look.kind === 'unusable') unusable.push(look.failure);
      const trouble = looks.find((look) => look.kind === 'trouble');
      if (trouble !== undefined) {
        const waitMs = this.#inTrouble(trouble.failure);
        this.#show();
        await pause(waitMs, signal);
        // Much may have changed meanwhile.
        break;
      }
      if (looks.some(({ kind }) => kind === 'answered')) this.#allIsWell();
    }
    if (unusable.length > 0) {
      logger.warn(
        { certificates: unusable.length, problem: unusable[0]?.message },
        'Renewal information of the CA means nothing; these renewals go by their own time',
      );
    }
  }

  /** RFC 9773 §4.3: a certificate that has expired or was replaced is asked about no more. */
  *#inUse(): Generator<Certificate> {
    for (const certificate of certificatesInUse(this.#options.fleet, Date.now())) {
      const { certId } = certificate.request;
      if (certId !== undefined) yield { certId, ...certificate };
    }
  }

  async #askAll(batch: readonly Certificate[]): Promise<readonly Look[]> {
    const { ca, signal } = this.#options;
    try {
      return await ca.use(async (present) => {
        // Without a directory nothing can be asked, whichever the certificate.
        await present.directory();
        return await Promise.all(batch.map((certificate) => this.#ask(present, certificate)));
      });
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof CertmanError)) throw error;
      return [{ kind: 'trouble', failure: error }];
    }
  }

  async #ask(ca: AcmeCa, certificate: Certificate): Promise<Look> {
    const { certId } = certificate;
    const { acmeServer } = certificate.request;
    const { signal } = this.#options;
    const now = Date.now();
    if (acmeServer !== undefined && acmeServer !== ca.host) {
      this.#schedule.postponed(certId, now + NOT_ASKED_MS);
      return { kind: 'notAsked' };
    }
    try {
      const info = await fetchRenewalInfo(ca, certId, signal);
      if (info.kind === 'notOffered') {
        this.#schedule.postponed(certId, now + NOT_ASKED_MS);
        return { kind: 'notAsked' };
      }
      if (info.kind === 'unknownCertificate') {
        this.#schedule.postponed(certId, info.nextLook.getTime());
      } else {
        this.#schedule.answered(certId, info.nextLook.getTime());
        await this.#tell(certificate, info.window);
      }
      return { kind: 'answered' };
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof CertmanError)) throw error;
      const kind = error.code === 'acme/unexpected' ? 'unusable' : 'trouble';
      this.#schedule.postponed(certId, now + (kind === 'unusable' ? UNTOLD_INTERVAL_MS : AFTER_TROUBLE_MS));
      return { kind, failure: error };
    }
  }

  async #tell({ request, cluster, bundleName }: Certificate, window: RenewalWindow): Promise<void> {
    // The status may have been written while the CA was asked.
    const shown = this.#options.fleet.request(request) ?? request;
    const now = Date.now();
    const told = this.#told.of(window.certId, now);
    const known = told === undefined ? shown : { ...shown, suggestedWindow: told };
    if (shown.certId !== window.certId || !isNews(window, known, now)) return;
    const { signals, logger, settings, onMoved } = this.#options;
    const fields = { bundle: bundleName, window, plannedFor: shown.renewalTime };
    const refusal = { message: 'A cluster could not be told of its renewal window', fields };
    await tellInTurn(this.#options, cluster, refusal, async () => {
      await signals.windowMoved(identityOf(settings.hive, cluster), bundleName, window);
      this.#told.add(window.certId, window, now);
      onMoved();
      logger.info({ cluster: keyOf(cluster), ...fields }, 'The CA suggests another time for a renewal');
    });
  }

  /** @returns milliseconds to wait. */
  #inTrouble(failure: CertmanError): number {
    const { logger } = this.#options;
    const { code, next, notBefore } = failure.info;
    const told = notBefore === undefined ? 0 : Date.parse(notBefore) - Date.now();
    const waitMs = Math.max(this.#backoff.next(), Math.min(told, LONGEST_TROUBLE_MS));
    if (this.#trouble?.code !== code) {
      logger.warn(
        { code, problem: failure.message, next, retryInMs: Math.round(waitMs) },
        'The CA gives no renewal information; renewals go by their own time',
      );
      this.#trouble = { code, since: this.#trouble?.since ?? Date.now() };
    }
    return waitMs;
  }

  #allIsWell(): void {
    this.#backoff.reset();
    if (this.#trouble === undefined) return;
    const seconds = Math.round((Date.now() - this.#trouble.since) / 1000);
    this.#options.logger.info({ seconds }, 'The CA gives renewal information again');
    this.#trouble = undefined;
  }
}
