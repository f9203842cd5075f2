import { LRUCache } from 'lru-cache';
import { certificateRevoked } from '../contract/cluster-certificates.ts';
import type { Crl } from '../crl/crl.ts';
import type { CrlFetcher } from '../crl/crl-fetcher.ts';
import { intervalAfterFetch, MIN_CRL_FETCH_INTERVAL_MS } from '../crl/fetch-interval.ts';
import { CertmanError } from '../failures/failure.ts';
import { withSignal } from '../kubernetes/api/with-signal.ts';
import { readTlsSecret } from '../kubernetes/objects/tls-secret.ts';
import { type CertificateInUse, keyOf } from './controller-cache.ts';
import type { ControllerContext } from './controller-context.ts';
import type { PollClient, PollResult } from './poller.ts';

/** A workflow that has not replaced its certificate by then is signalled again: it may not have been running. */
const SIGNAL_TTL_MS = 3_600_000;

interface PolledCrl {
  readonly url: string;
  readonly certificates: CertificateInUse[];
}

/** Polls the CRLs (RFC 5280 §5) of the certificates in use, and signals clusters whose certificate is revoked. */
export class CrlPollClient implements PollClient<PolledCrl> {
  /** A list may be large. */
  readonly concurrency = 1;
  readonly failurePauseMs = { first: 3_600_000, max: 3_600_000 };
  readonly outageMessages = { failing: 'A CRL could not be checked', recovered: 'CRLs can be checked again' };
  readonly #context: ControllerContext;
  readonly #source: Pick<CrlFetcher, 'fetch'>;
  /** Serial number of the revoked certificate, by `namespace/name` of its CertificateRequest. */
  readonly #recentSignals = new LRUCache<string, string>({ ttl: SIGNAL_TTL_MS, ttlAutopurge: true });

  constructor(context: ControllerContext, source: Pick<CrlFetcher, 'fetch'>) {
    this.#context = context;
    this.#source = source;
  }

  subjects(): Iterable<PolledCrl> {
    const crls = new Map<string, PolledCrl>();
    for (const certificate of this.#context.cache.certificatesInUse(Date.now())) {
      const { crlUrl: url } = certificate.request;
      if (url === undefined) continue;
      const crl = crls.get(url) ?? { url, certificates: [] };
      crl.certificates.push(certificate);
      crls.set(url, crl);
    }
    return crls.values();
  }

  keyOf({ url }: PolledCrl): string {
    return url;
  }

  hostOf({ url }: PolledCrl): string {
    return new URL(url).host;
  }

  async poll(batch: readonly PolledCrl[]): Promise<readonly PollResult[]> {
    return await Promise.all(batch.map((crl) => this.#pollOne(crl)));
  }

  async #pollOne(polled: PolledCrl): Promise<PollResult> {
    const { signal, logger, metrics } = this.#context;
    const { url } = polled;
    try {
      const { crl, maxAgeMs } = await this.#source.fetch(url, signal);
      const trusted = await this.#signalRevoked(crl, polled);
      metrics.crlFetches.inc({ outcome: !trusted ? 'untrusted' : isExpired(crl) ? 'outdated' : 'fetched' });
      return { kind: 'answered', nextPollAt: Date.now() + intervalAfterFetch(maxAgeMs, Math.random()) };
    } catch (error) {
      if (!(error instanceof CertmanError)) throw error;
      if (error.code === 'crl/unreachable') metrics.crlFetches.inc({ outcome: 'unreachable' });
      if (error.code !== 'crl/unusable') throw error;
      metrics.crlFetches.inc({ outcome: 'unusable' });
      logger.warn({ url, problem: error.message }, 'A CRL is unusable');
      return { kind: 'responded', nextPollAt: Date.now() + MIN_CRL_FETCH_INTERVAL_MS };
    }
  }

  /** CRLs come over plain HTTP: a revocation counts only if the issuer signed it. @returns false when it did not. */
  async #signalRevoked(crl: Crl, { url, certificates }: PolledCrl): Promise<boolean> {
    const revoked = crl.revokedAmong(certificates.map(({ request }) => request.serialNumber ?? ''));
    let trusted = true;
    for (const certificate of certificates) {
      const { serialNumber } = certificate.request;
      const request = keyOf(certificate.request);
      if (serialNumber === undefined || !revoked.has(serialNumber)) continue;
      if (this.#recentSignals.get(request) === serialNumber) continue;
      const chainPem = await this.#chainOf(certificate);
      // Replaced or missing: the Secret's own events signal that.
      if (chainPem === undefined) continue;
      if (crl.isFromIssuerOf(chainPem)) await this.#signal(certificate, serialNumber, url);
      else {
        trusted = false;
        this.#context.logger.warn(
          { request, serialNumber, url },
          'A CRL revokes a certificate, but the issuer of that certificate has not signed it; nothing is done',
        );
      }
    }
    return trusted;
  }

  /** @returns undefined when the Secret holds another certificate. */
  async #chainOf({ request }: CertificateInUse): Promise<string | undefined> {
    const { kubernetes, signal } = this.#context;
    const { namespace, secretName: name, serialNumber } = request;
    const secret = await readTlsSecret(withSignal(kubernetes, signal), { namespace, name });
    return secret.kind === 'valid' && secret.certificate.serialNumber === serialNumber ? secret.chainPem : undefined;
  }

  async #signal({ request, cluster, bundleName }: CertificateInUse, serialNumber: string, url: string): Promise<void> {
    const { workflows, logger } = this.#context;
    await this.#context.signaller.inOrder(cluster, async () => {
      await workflows.signal(cluster, certificateRevoked, { bundleName, serialNumber });
      this.#recentSignals.set(keyOf(request), serialNumber);
      this.#context.metrics.revokedCertificates.inc();
      logger.warn(
        { cluster: keyOf(cluster), bundle: bundleName, serialNumber, url },
        'The CA has revoked a certificate; it is replaced',
      );
    });
  }
}

/** Its revocations stand, but more may have been made. */
function isExpired({ nextUpdate }: Crl): boolean {
  return nextUpdate !== undefined && nextUpdate.getTime() <= Date.now();
}
