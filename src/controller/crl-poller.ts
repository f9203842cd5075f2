import { LRUCache } from 'lru-cache';
import { certificateRevoked } from '../contract/cluster-certificates.ts';
import type { Crl } from '../crl/crl.ts';
import type { CrlFetcher } from '../crl/crl-fetcher.ts';
import { intervalAfterFetch, MIN_CRL_FETCH_INTERVAL_MS } from '../crl/fetch-interval.ts';
import { CertmanError } from '../failures/failure.ts';
import { readTlsSecret } from '../kubernetes/objects/tls-secret.ts';
import { decodeCertificates, subjectOf } from '../x509/certificate.ts';
import { CertificateIndex } from './certificate-index.ts';
import type { CertificateInUse } from './controller-cache.ts';
import type { ControllerContext } from './controller-context.ts';
import { keyOf } from './namespaced-name.ts';
import { type PollClient, type PollResult, pauseAfterFailure } from './poller.ts';

/** Of one URL; the others of its host are polled meanwhile. */
const FAILED_RETRY_MS = 3_600_000;
/** A workflow that has not replaced its certificate by then is signalled again: it may not have been running. */
const SIGNAL_TTL_MS = 3_600_000;

interface PolledCrl {
  readonly url: string;
  readonly certificates: readonly CertificateInUse[];
}

/**
 * Polls the CRLs (RFC 5280 §5) of the certificates in use, and signals clusters whose certificate is revoked, or one of its
 * issuers.
 */
export function crlPollClient(context: ControllerContext, source: Pick<CrlFetcher, 'fetch'>): PollClient<PolledCrl> {
  const { cache, kubernetes, workflows, signaller, settings, metrics, logger, signal, issuerCheck } = context;
  const certificatesByUrl = new CertificateIndex(cache, ({ request }) => request.crlUrl);
  /** Serial number of the revoked certificate, by `namespace/name` of its CertificateRequest. */
  const recentSignals = new LRUCache<string, string>({ ttl: SIGNAL_TTL_MS, ttlAutopurge: true });

  /** @returns undefined when the Secret holds another certificate. */
  const chainOf = async ({ request }: CertificateInUse): Promise<string | undefined> => {
    const { namespace, secretName: name, serialNumber } = request;
    const secret = await readTlsSecret(kubernetes, { namespace, name });
    return secret.kind === 'valid' && secret.certificate.serialNumber === serialNumber ? secret.chainPem : undefined;
  };

  /** @returns false when Temporal refused the signal. */
  const signalRevoked = async (
    certificate: CertificateInUse,
    serialNumber: string,
    found: { readonly what: string; readonly url?: string; readonly issuer?: string },
  ): Promise<boolean> => {
    const { what, ...where } = found;
    const { request, cluster, bundleName } = certificate;
    return await signaller.inOrder(cluster, async () => {
      await workflows.signal(cluster, certificateRevoked, { bundleName, serialNumber });
      recentSignals.set(keyOf(request), serialNumber);
      metrics.revokedCertificates.inc();
      logger.warn(
        { cluster: keyOf(cluster), bundle: bundleName, serialNumber, ...where },
        `The CA has revoked ${what}; it is replaced`,
      );
    });
  };

  /**
   * CRLs come over plain HTTP: a revocation counts only if the issuer signed it.
   * @returns whether it did for all, and whether Temporal took every signal.
   */
  const signalAllRevoked = async (
    crl: Crl,
    { url, certificates }: PolledCrl,
  ): Promise<{ readonly trusted: boolean; readonly taken: boolean }> => {
    const revoked = crl.revokedAmong(certificates.map(({ request }) => request.serialNumber ?? ''));
    let trusted = true;
    let taken = true;
    for (const certificate of certificates) {
      const { serialNumber } = certificate.request;
      const request = keyOf(certificate.request);
      if (serialNumber === undefined || !revoked.has(serialNumber)) continue;
      if (recentSignals.get(request) === serialNumber) continue;
      const chainPem = await chainOf(certificate);
      // Replaced or missing: the Secret's own events signal that.
      if (chainPem === undefined) continue;
      if (crl.isFromIssuerOf(chainPem)) {
        if (!(await signalRevoked(certificate, serialNumber, { what: 'a certificate', url }))) taken = false;
      } else {
        trusted = false;
        logger.warn(
          { request, serialNumber, url },
          'A CRL revokes a certificate, but the issuer of that certificate has not signed it; nothing is done',
        );
      }
    }
    return { trusted, taken };
  };

  /**
   * Certificates on one CRL have the same issuers, so one of them shows whether these are revoked: another one each time, for
   * after a change of its intermediates a CA has two chains.
   * @returns whether Temporal took every signal.
   */
  const signalRevokedIssuers = async ({ certificates }: PolledCrl): Promise<boolean> => {
    const sample = certificates[Math.floor(Math.random() * certificates.length)];
    const sampled = sample && issuerCheck && (await chainOf(sample));
    const issuer = sampled === undefined ? undefined : await issuerCheck?.revokedIssuer(sampled);
    if (issuer === undefined) return true;
    let taken = true;
    for (const certificate of certificates) {
      const { serialNumber } = certificate.request;
      if (serialNumber === undefined || recentSignals.get(keyOf(certificate.request)) === serialNumber) continue;
      const chain = decodeCertificates((await chainOf(certificate)) ?? '') ?? [];
      if (!chain.some(({ fingerprint256 }) => fingerprint256 === issuer.fingerprint256)) continue;
      const found = { what: 'the issuer of a certificate', issuer: subjectOf(issuer) };
      if (!(await signalRevoked(certificate, serialNumber, found))) taken = false;
    }
    return taken;
  };

  const pollFailure = (url: string, failure: CertmanError): PollResult => {
    const now = Date.now();
    if (failure.code === 'crl/unusable' || failure.code === 'crl/refused') {
      const kind = failure.code === 'crl/unusable' ? 'responded' : 'skipped';
      metrics.crlFetches.inc({ outcome: kind === 'responded' ? 'unusable' : 'refused' });
      logger.warn({ url, problem: failure.message, next: failure.info.remedy }, 'A CRL is unusable');
      return { kind, nextPollAt: now + MIN_CRL_FETCH_INTERVAL_MS };
    }
    if (failure.code === 'crl/unreachable') metrics.crlFetches.inc({ outcome: 'unreachable' });
    // The Retry-After of one URL, which any user may choose, counts for that URL only.
    const { notBefore: _ofUrl, ...info } = failure.info;
    return {
      kind: 'failed',
      nextPollAt: now + pauseAfterFailure(FAILED_RETRY_MS, failure, now),
      failure: new CertmanError({ ...info, cause: failure }),
    };
  };

  const pollOne = async (polled: PolledCrl): Promise<PollResult> => {
    const { url } = polled;
    try {
      const { crl, maxAgeMs } = await source.fetch(url, signal);
      const { trusted, taken } = await signalAllRevoked(crl, polled);
      const issuersTaken = await signalRevokedIssuers(polled);
      // Its revocations stand, but more may have been made.
      const isOutdated = crl.nextUpdate !== undefined && crl.nextUpdate.getTime() <= Date.now();
      metrics.crlFetches.inc({ outcome: !trusted ? 'untrusted' : isOutdated ? 'outdated' : 'fetched' });
      const waitMs = taken && issuersTaken ? intervalAfterFetch(maxAgeMs) : settings.resyncIntervalMs;
      return { kind: 'answered', nextPollAt: Date.now() + waitMs };
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof CertmanError) || error.code === 'temporal/unreachable') throw error;
      return pollFailure(url, error);
    }
  };

  return {
    // A list may be large.
    concurrency: 1,
    failurePauseMs: { first: 5_000, max: 5 * 60_000 },
    outageMessages: { failing: 'A CRL could not be checked', recovered: 'CRLs can be checked again' },
    changes: () => certificatesByUrl.update(Date.now()),
    find(url) {
      const certificates = certificatesByUrl.get(url, Date.now());
      return certificates.length === 0 ? undefined : { url, certificates };
    },
    keyOf: ({ url }) => url,
    hostOf: ({ url }) => new URL(url).host,
    namespacesOf: ({ certificates }) => certificates.map(({ cluster }) => cluster.namespace),
    poll: (batch) => Promise.all(batch.map(pollOne)),
  };
}
