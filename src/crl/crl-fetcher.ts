import { Agent, type Dispatcher } from 'undici';
import { CertmanError } from '../failures/failure.ts';
import { parseRetryAfter } from '../failures/retry-after.ts';
import { Crl } from './crl.ts';

/** Some 600,000 entries; a CA that may have to revoke more splits its list, as Let's Encrypt does (Boulder, docs/CRLS.md). */
const MAX_CRL_BYTES = 32 * 1024 * 1024;
const CONNECT_TIMEOUT_MS = 10_000;
/** From the first byte sent to the last one read. */
const REQUEST_TIMEOUT_MS = 60_000;

export interface CrlFetcherOptions {
  /** `certman/<version>`. */
  readonly userAgent: string;
  /** Default 60 s. */
  readonly timeoutMs?: number;
  /** Default 32 MiB. */
  readonly maxBytes?: number;
}

export interface FetchedCrl {
  readonly crl: Crl;
  /** How long the server says that it may be kept (RFC 9111 §5.2.2.1), in milliseconds; absent: it does not say. */
  readonly maxAgeMs?: number;
}

/**
 * Certificate revocation lists by HTTP (RFC 5280 §4.2.1.13, RFC 2585 §4). Where a list lies is written in a certificate, so the
 * addresses come from outside: nothing but the list is read, nothing of another answer is passed on, no redirect is followed.
 */
export class CrlFetcher {
  readonly #agent: Agent;
  readonly #options: Required<CrlFetcherOptions>;

  constructor(options: CrlFetcherOptions) {
    this.#options = { timeoutMs: REQUEST_TIMEOUT_MS, maxBytes: MAX_CRL_BYTES, ...options };
    this.#agent = new Agent({
      connections: 1,
      allowH2: false,
      keepAliveTimeout: 4_000,
      maxResponseSize: this.#options.maxBytes,
      connect: { timeout: CONNECT_TIMEOUT_MS },
    });
  }

  /**
   * @param url one that `isCrlUrl` holds for one.
   * @throws CertmanError `crl/unreachable` when there is no answer or the server is in trouble, with its Retry-After;
   * `crl/unusable` when what it answers is no list, or a larger one than is read; the signal's own reason.
   */
  async fetch(url: string, signal: AbortSignal): Promise<FetchedCrl> {
    const { userAgent, timeoutMs } = this.#options;
    signal.throwIfAborted();
    try {
      const answer = await this.#agent.request({
        ...targetOf(url),
        method: 'GET',
        headers: { 'user-agent': userAgent, accept: 'application/pkix-crl' },
        signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
      });
      if (answer.statusCode !== 200) {
        await answer.body.dump({ limit: 16 * 1024 });
        throw statusError(url, answer);
      }
      const list = new Crl(Buffer.from(await answer.body.arrayBuffer()));
      const maxAgeMs = maxAgeOf(firstOf(answer.headers['cache-control']));
      return { crl: list, ...(maxAgeMs === undefined ? {} : { maxAgeMs }) };
    } catch (error) {
      signal.throwIfAborted();
      throw error instanceof CertmanError ? error : this.#trouble(url, error);
    }
  }

  /** Ends all connections. */
  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  #trouble(url: string, cause: unknown): CertmanError {
    const { timeoutMs, maxBytes } = this.#options;
    const code = codeOf(cause);
    if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE') {
      return new CertmanError({
        code: 'crl/unusable',
        message: `The list of revoked certificates at ${url} is larger than ${maxBytes / 1024 / 1024} MiB.`,
        cause,
      });
    }
    const why = code === 'TimeoutError' ? `no whole answer within ${timeoutMs / 1000} s` : code;
    return new CertmanError({
      code: 'crl/unreachable',
      message: `The list of revoked certificates at ${url} cannot be fetched: ${why}.`,
      remedy:
        'May worker pods connect to that host? Until then revoked certificates are replaced when the CA suggests it.',
      cause,
    });
  }
}

function targetOf(url: string): { readonly origin: string; readonly path: string } {
  const { origin, pathname, search } = new URL(url);
  return { origin, path: pathname + search };
}

function statusError(
  url: string,
  { statusCode, headers }: Pick<Dispatcher.ResponseData, 'statusCode' | 'headers'>,
): CertmanError {
  const passing = statusCode === 429 || statusCode >= 500;
  const notBefore = parseRetryAfter(firstOf(headers['retry-after']), new Date());
  return new CertmanError({
    code: passing ? 'crl/unreachable' : 'crl/unusable',
    message: `${url} answers HTTP ${statusCode} instead of a list of revoked certificates.`,
    ...(notBefore === undefined ? {} : { notBefore }),
  });
}

function maxAgeOf(cacheControl: string | undefined): number | undefined {
  const seconds = /(?:^|[\s,])max-age="?(\d{1,9})/i.exec(cacheControl ?? '')?.[1];
  return seconds === undefined ? undefined : Number(seconds) * 1000;
}

function firstOf(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}

/** The code of an error where it has one: its message can quote what the other side sent. */
function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'the connection failed';
  if ('code' in error && typeof error.code === 'string') return error.code;
  if (error instanceof AggregateError) return codeOf(error.errors[0]);
  return error.cause === undefined ? error.name : codeOf(error.cause);
}
