import { Agent, request } from 'undici';
import { errorCodeOf } from '../failures/error-code.ts';
import { CertmanError } from '../failures/failure.ts';
import { parseRetryAfter } from '../failures/retry-after.ts';
import { guardedConnector } from '../network/guarded-connector.ts';
import { addressPolicy, type Network } from '../network/public-address.ts';
import { AddressRefusedError, type ResolveHost } from '../network/resolve-allowed.ts';
import { TimeLimit } from '../network/time-limit.ts';
import { Crl } from './crl.ts';

/**
 * Some 300,000 entries; CAs that may have to revoke more shard their CRL (Let's Encrypt: Boulder, docs/CRLS.md). Users
 * choose the hosts, several of which are asked at once: all of it has to fit into memory, twice for a moment.
 */
const MAX_CRL_BYTES = 16 * 1024 * 1024;
const CONNECT_TIMEOUT_MS = 5_000;
const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 30_000;

/** How CRLs are fetched. */
export interface CrlFetcherOptions {
  /** `certman/<version>`. */
  readonly userAgent: string;
  /** Fetched from although they are not public. Default: none. */
  readonly privateNetworks?: readonly Network[] | undefined;
  /** Default: by DNS. */
  readonly resolve?: ResolveHost | undefined;
  /** For a whole request. */
  readonly timeoutMs?: number;
  readonly maxBytes?: number;
}

/** A fetched CRL, and how long it may be cached. */
export interface FetchedCrl {
  readonly crl: Crl;
  /** `max-age` of the answer (RFC 9111 §5.2.2.1) in milliseconds, if any. */
  readonly maxAgeMs?: number;
}

/**
 * Fetches CRLs (RFC 5280 §4.2.1.13, RFC 2585 §4). URLs are untrusted, since users can write certificates into Secrets:
 * public addresses only, no redirect, no answer quoted in errors.
 */
export class CrlFetcher {
  readonly #agent: Agent;
  readonly #options: CrlFetcherOptions & Required<Pick<CrlFetcherOptions, 'timeoutMs' | 'maxBytes'>>;

  constructor(options: CrlFetcherOptions) {
    this.#options = { timeoutMs: REQUEST_TIMEOUT_MS, maxBytes: MAX_CRL_BYTES, ...options };
    const { privateNetworks, resolve } = options;
    const isAllowed = addressPolicy(privateNetworks);
    this.#agent = new Agent({
      connections: 1,
      allowH2: false,
      keepAliveTimeout: 4_000,
      maxResponseSize: this.#options.maxBytes,
      headersTimeout: HEADERS_TIMEOUT_MS,
      connect: guardedConnector({ isAllowed, resolve, timeout: CONNECT_TIMEOUT_MS, allowH2: false }),
    });
  }

  /**
   * @param url that `isCrlUrl` accepts.
   * @throws CertmanError `crl/unreachable` without an answer or for 429 and 5xx, with the Retry-After; `crl/unusable`
   * when the answer is no CRL or too large; `crl/refused` for a host without an allowed address; the signal's reason.
   */
  async fetch(url: string, signal: AbortSignal): Promise<FetchedCrl> {
    const { userAgent, timeoutMs } = this.#options;
    signal.throwIfAborted();
    const limit = new TimeLimit(timeoutMs, signal);
    try {
      const { statusCode, headers, body } = await request(url, {
        dispatcher: this.#agent,
        headers: { 'user-agent': userAgent, accept: 'application/pkix-crl' },
        signal: limit.signal,
      });
      if (statusCode !== 200) {
        await body.dump({ limit: 16 * 1024 });
        throw new CertmanError({
          code: statusCode === 429 || statusCode >= 500 ? 'crl/unreachable' : 'crl/unusable',
          message: `${url} answers HTTP ${statusCode} instead of a CRL.`,
          notBefore: parseRetryAfter(firstOf(headers['retry-after']), new Date()),
        });
      }
      const crl = new Crl(Buffer.from(await body.arrayBuffer()));
      const maxAge = /(?:^|[\s,])max-age="?(\d{1,9})/i.exec(firstOf(headers['cache-control']) ?? '')?.[1];
      return maxAge === undefined ? { crl } : { crl, maxAgeMs: Number(maxAge) * 1000 };
    } catch (error) {
      signal.throwIfAborted();
      throw error instanceof CertmanError ? error : this.#transportError(url, error);
    } finally {
      limit.end();
    }
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  #transportError(url: string, cause: unknown): CertmanError {
    const { timeoutMs, maxBytes } = this.#options;
    const code = errorCodeOf(cause);
    if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE') {
      const message = `The CRL at ${url} is larger than ${maxBytes / 1024 / 1024} MiB.`;
      return new CertmanError({ code: 'crl/unusable', message, cause });
    }
    if (cause instanceof AddressRefusedError) {
      return new CertmanError({
        code: 'crl/refused',
        message: `The CRL at ${url} is not fetched: ${cause.message}.`,
        remedy: 'If it is the CRL of a private CA, add the network of that host to CERTMAN_PRIVATE_NETWORKS.',
        cause,
      });
    }
    const timedOut = cause instanceof DOMException && cause.name === 'TimeoutError';
    const why = timedOut ? `no whole answer within ${timeoutMs / 1000} s` : (code ?? 'the connection failed');
    return new CertmanError({
      code: 'crl/unreachable',
      message: `The CRL at ${url} cannot be fetched: ${why}.`,
      remedy:
        'Allow worker pods to connect to that host. Until then certman relies on the CA to suggest a renewal (ARI).',
      cause,
    });
  }
}

function firstOf(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}
