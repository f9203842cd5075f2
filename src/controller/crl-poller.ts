/**
 * Certificates that their CA has revoked (RFC 5280 §5), for the whole fleet: one sweep that fetches each list once for all
 * certificates that name it, and tells only those clusters whose certificate is on it. Lists come over plain HTTP, so one that
 * names a certificate is believed only when that certificate's own CA has signed it, by the chain in its Secret; that is the
 * one request to Kubernetes, and at rest there is none.
 */
import { identityOf } from '../clusters/cached-cluster.ts';
import type { Metrics } from '../contract/metrics.ts';
import type { Crl } from '../crl/crl.ts';
import type { CrlFetcher } from '../crl/crl-fetcher.ts';
import { intervalAfterFailure, intervalAfterFetch, MIN_CRL_FETCH_INTERVAL_MS } from '../crl/fetch-interval.ts';
import { CertmanError } from '../failures/failure.ts';
import { pause } from '../kubernetes/api/backoff.ts';
import type { KubernetesApi } from '../kubernetes/api/kubernetes-api.ts';
import { readTlsSecret } from '../kubernetes/objects/secrets.ts';
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

/** One list at a time, since each may be large, and no more than five a second: a hundred take half a minute after a take-over. */
const REQUEST_INTERVAL_MS = 200;
const MAX_PER_ROUND = 500;

/** A workflow that was told and has not replaced its certificate by then is told again: perhaps it was not running, and never heard. */
const SIGNAL_TTL_MS = 3_600_000;

/** A list, and the certificates that would be on it. */
interface PolledCrl {
  readonly url: string;
  readonly certificates: CertificateInUse[];
}

export interface CrlPollerOptions {
  readonly crlSource: Pick<CrlFetcher, 'fetch'>;
  readonly kubernetes: KubernetesApi;
  readonly settings: ControllerSettings;
  readonly fleet: ControllerCache;
  readonly signals: ClusterWorkflowClient;
  readonly work: KeyedWorkQueue;
  readonly logger: ControllerLogger;
  readonly signal: AbortSignal;
  readonly metrics: Metrics;
}

export class CrlPoller {
  readonly #options: CrlPollerOptions;
  readonly #schedule = new PollSchedule<PolledCrl>(({ url }) => url);
  /** Serial number of the certificate that was told of, by CertificateRequest. */
  readonly #recentSignals = new RecentSignals<string>(SIGNAL_TTL_MS);

  constructor(options: CrlPollerOptions) {
    this.#options = options;
  }

  /** Until the signal, whose reason it throws. */
  async run(): Promise<never> {
    const { signal } = this.#options;
    for (;;) {
      await pause(POLL_INTERVAL_MS, signal);
      await this.#pollDue(this.#schedule.due(this.#polledCrls(), Date.now(), MAX_PER_ROUND));
    }
  }

  #polledCrls(): Iterable<PolledCrl> {
    const lists = new Map<string, PolledCrl>();
    for (const certificate of certificatesInUse(this.#options.fleet, Date.now())) {
      const { crlUrl: url } = certificate.request;
      if (url === undefined) continue;
      const list = lists.get(url) ?? { url, certificates: [] };
      list.certificates.push(certificate);
      lists.set(url, list);
    }
    return lists.values();
  }

  async #pollDue(due: readonly PolledCrl[]): Promise<void> {
    /** When the hosts that did not answer are asked again. */
    const away = new Map<string, number>();
    for (const published of due) {
      const { host } = new URL(published.url);
      const next = away.get(host);
      if (next !== undefined) {
        this.#schedule.postpone(published.url, next);
        continue;
      }
      const failure = await this.#poll(published);
      if (failure !== undefined) away.set(host, this.#postponeFailed(published.url, failure));
      await pause(REQUEST_INTERVAL_MS, this.#options.signal);
    }
  }

  /** @returns why there was no answer from where the list is, or from where it has to be confirmed. */
  async #poll({ url, certificates }: PolledCrl): Promise<CertmanError | undefined> {
    const { crlSource, signal, logger, metrics } = this.#options;
    try {
      const { crl, maxAgeMs } = await crlSource.fetch(url, signal);
      const refuted = await this.#signalRevoked(crl, { url, certificates });
      metrics.crlFetches.inc({ outcome: refuted ? 'untrusted' : isExpired(crl) ? 'outdated' : 'fetched' });
      this.#schedule.answered(url, Date.now() + intervalAfterFetch(maxAgeMs, Math.random()));
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof CertmanError)) throw error;
      if (error.code !== 'crl/unusable') return error;
      metrics.crlFetches.inc({ outcome: 'unusable' });
      logger.warn({ url, problem: error.message }, 'A list of revoked certificates cannot be used');
      this.#schedule.postpone(url, Date.now() + MIN_CRL_FETCH_INTERVAL_MS);
    }
    return undefined;
  }

  /** @returns epoch milliseconds of the next look. */
  #postponeFailed(url: string, { code, message, info }: CertmanError): number {
    const { logger, metrics } = this.#options;
    if (code === 'crl/unreachable') metrics.crlFetches.inc({ outcome: 'unreachable' });
    const told = info.notBefore === undefined ? undefined : Date.parse(info.notBefore) - Date.now();
    const waitMs = intervalAfterFailure(told, Math.random());
    logger.warn(
      { url, code, problem: message, next: info.remedy, retryInMs: Math.round(waitMs) },
      'A list of revoked certificates could not be looked at',
    );
    const next = Date.now() + waitMs;
    this.#schedule.postpone(url, next);
    return next;
  }

  /** @returns whether it names a certificate of a CA that has not signed it. */
  async #signalRevoked(list: Crl, { url, certificates }: PolledCrl): Promise<boolean> {
    const revoked = list.revokedAmong(certificates.map(({ request }) => request.serialNumber ?? ''));
    let refuted = false;
    for (const certificate of certificates) {
      const { request } = certificate;
      const { serialNumber } = request;
      if (serialNumber === undefined || !revoked.has(serialNumber)) continue;
      if (this.#recentSignals.get(keyOf(request), Date.now()) === serialNumber) continue;
      const chainPem = await this.#chainOf(certificate);
      // Replaced meanwhile, or not there: what is in the Secret is the workflow's business, and known to it.
      if (chainPem === undefined) continue;
      if (list.isFromIssuerOf(chainPem)) await this.#signal(certificate, serialNumber, url);
      else {
        refuted = true;
        this.#options.logger.warn(
          { request: keyOf(request), serialNumber, url },
          'A list names a certificate as revoked, but the CA of that certificate has not signed it; nothing is done',
        );
      }
    }
    return refuted;
  }

  /** What the Secret holds, while it is this certificate. */
  async #chainOf({ request }: CertificateInUse): Promise<string | undefined> {
    const { kubernetes, signal } = this.#options;
    const { namespace, secretName: name, serialNumber } = request;
    const secret = await readTlsSecret(kubernetes, { namespace, name }, signal);
    return secret.kind === 'valid' && secret.certificate.serialNumber === serialNumber ? secret.chainPem : undefined;
  }

  async #signal({ request, cluster, bundleName }: CertificateInUse, serialNumber: string, url: string): Promise<void> {
    const { signals, logger, settings, metrics } = this.#options;
    const fields = { bundle: bundleName, serialNumber, url };
    const refusal = { message: 'A cluster could not be told of its revoked certificate', fields };
    await signalInOrder(this.#options, cluster, refusal, async () => {
      await signals.signalCertificateRevoked(identityOf(settings.managementCluster, cluster), bundleName, serialNumber);
      this.#recentSignals.add(keyOf(request), serialNumber, Date.now());
      metrics.revokedCertificates.inc();
      logger.warn({ cluster: keyOf(cluster), ...fields }, 'The CA has revoked a certificate; it is replaced');
    });
  }
}

/** What is on it is revoked for good, but more may be revoked by now. */
function isExpired({ nextUpdate }: Crl): boolean {
  return nextUpdate !== undefined && nextUpdate.getTime() <= Date.now();
}
