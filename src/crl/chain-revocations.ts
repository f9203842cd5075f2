import type { X509Certificate } from 'node:crypto';
import { LoadingCache } from '../cache/loading-cache.ts';
import { CertmanError } from '../failures/failure.ts';
import { TimeLimit } from '../network/time-limit.ts';
import { serialNumberOf } from '../x509/certificate.ts';
import { crlUrlOf } from '../x509/certificate-extensions.ts';
import type { Crl } from './crl.ts';
import type { CrlFetcher } from './crl-fetcher.ts';
import { intervalAfterFetch } from './fetch-interval.ts';

/** What waits for an answer is an installation. */
const FETCH_TIMEOUT_MS = 10_000;
/** A CRL that cannot be fetched delays the installations of so long once. */
const FAILURE_TTL_MS = 5 * 60_000;
/** CRLs of CA certificates list a few entries. A CA has few CA certificates. */
const MAX_CACHED_CRLS = 32;
/** A CA lists a revoked certificate within a day (CA/Browser Forum, BR §4.9.7): a newer one is on no CRL yet. */
const MIN_LEAF_AGE_MS = 24 * 3_600_000;

/** What the CRLs say of a chain. */
export interface RevocationVerdict {
  /** Position of the first certificate that its issuer has revoked. */
  readonly revoked?: number;
  /** Why a certificate could not be checked, a sentence for each. */
  readonly unchecked: readonly string[];
}

/** How a fetch ended, as `certman_crl_fetches_total` counts it. */
export type CrlFetchOutcome = 'fetched' | 'outdated' | 'untrusted' | 'unusable' | 'refused' | 'unreachable';

interface CachedCrl {
  readonly crl?: Crl;
  readonly problem?: string;
  readonly ttlMs: number;
}

/** Checks the certificates of a chain against the CRLs that they name (RFC 5280 §6.3). */
export class ChainRevocations {
  readonly #source: Pick<CrlFetcher, 'fetch'>;
  readonly #onFetch: (outcome: CrlFetchOutcome) => void;
  readonly #cache = new LoadingCache<CachedCrl>({ max: MAX_CACHED_CRLS, ttlMs: FAILURE_TTL_MS });

  constructor(source: Pick<CrlFetcher, 'fetch'>, onFetch: (outcome: CrlFetchOutcome) => void = () => undefined) {
    this.#source = source;
    this.#onFetch = onFetch;
  }

  /**
   * Never fails: a CRL that cannot be fetched proves nothing.
   * @param chain leaf first, each signed by the next. @param anchor the issuer of the last one, if known.
   */
  check(chain: readonly X509Certificate[], anchor: X509Certificate | undefined, now: Date): Promise<RevocationVerdict> {
    const [leaf] = chain;
    const isNew = leaf === undefined || now.getTime() - leaf.validFromDate.getTime() < MIN_LEAF_AGE_MS;
    return this.#checkFrom(isNew ? 1 : 0, chain, anchor);
  }

  /** As {@link check}, but for the leaf. */
  checkIssuers(chain: readonly X509Certificate[], anchor: X509Certificate | undefined): Promise<RevocationVerdict> {
    return this.#checkFrom(1, chain, anchor);
  }

  async #checkFrom(
    first: number,
    chain: readonly X509Certificate[],
    anchor: X509Certificate | undefined,
  ): Promise<RevocationVerdict> {
    const unchecked: string[] = [];
    const checks = chain.map(async (certificate, position) => {
      const url = crlUrlOf(certificate.raw);
      const issuer = chain[position + 1] ?? anchor;
      if (position < first || url === undefined || issuer === undefined) return false;
      // The list of a leaf can be large.
      const { crl, problem } = position === 0 ? await this.#fetch(url) : await this.#cached(url);
      if (crl !== undefined) return this.#lists(crl, certificate, issuer, url, unchecked);
      unchecked.push(problem ?? `The CRL at ${url} is not there.`);
      return false;
    });
    const revoked = (await Promise.all(checks)).indexOf(true);
    return revoked === -1 ? { unchecked } : { revoked, unchecked };
  }

  #lists(crl: Crl, certificate: X509Certificate, issuer: X509Certificate, url: string, unchecked: string[]): boolean {
    try {
      if (crl.revokedAmong([serialNumberOf(certificate)]).size === 0) return false;
      // CRLs come by plain HTTP.
      if (crl.isFromIssuerOf(`${certificate.toString()}${issuer.toString()}`)) return true;
      this.#onFetch('untrusted');
      unchecked.push(`The CRL at ${url} lists a certificate, but is not signed by its issuer.`);
    } catch (error) {
      unchecked.push(messageOf(error));
    }
    return false;
  }

  #cached(url: string): Promise<CachedCrl> {
    return this.#cache.get(
      url,
      () => this.#fetch(url),
      ({ ttlMs }) => ttlMs,
    );
  }

  /** Not cancelled with an installation: others wait for the same list. */
  async #fetch(url: string): Promise<CachedCrl> {
    try {
      const { crl, maxAgeMs } = await TimeLimit.run(FETCH_TIMEOUT_MS, (signal) => this.#source.fetch(url, signal));
      const isOutdated = crl.nextUpdate !== undefined && crl.nextUpdate.getTime() <= Date.now();
      this.#onFetch(isOutdated ? 'outdated' : 'fetched');
      return { crl, ttlMs: intervalAfterFetch(maxAgeMs) };
    } catch (error) {
      this.#onFetch(outcomeOf(error));
      return { problem: messageOf(error), ttlMs: FAILURE_TTL_MS };
    }
  }
}

function outcomeOf(error: unknown): CrlFetchOutcome {
  const code = error instanceof CertmanError ? error.code : undefined;
  if (code === 'crl/unusable') return 'unusable';
  return code === 'crl/refused' ? 'refused' : 'unreachable';
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
