import { Agent, request } from 'undici';
import { errorCodeOf, isUntrustedCertificate } from '../failures/error-code.ts';
import { CertmanError, type FailureParts } from '../failures/failure.ts';
import { guardedConnector } from '../network/guarded-connector.ts';
import { addressPolicy, type Network } from '../network/public-address.ts';
import { AddressRefusedError, type ResolveHost } from '../network/resolve-allowed.ts';
import { TimeLimit } from '../network/time-limit.ts';
import { parseAcmeUrl } from './url.ts';

/** An order of 100 names has about 12 KB, a chain about 6 KB. */
const MAX_BODY_BYTES = 256 * 1024;
/** Let's Encrypt allows 250 requests a second per address. */
const CONNECTIONS = 32;
const CONNECT_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 30_000;

/** How requests to a CA are sent. */
export interface TransportOptions {
  /** PEM of the trusted CAs for the directory's TLS certificate; default: Node's. */
  readonly caBundlePem?: string | undefined;
  /** `certman/<version>` (RFC 8555 §6.1). */
  readonly userAgent: string;
  /** Connected to although they are not public, at hosts that the CA names. Default: none. */
  readonly privateNetworks?: readonly Network[] | undefined;
  /** Default: by DNS. */
  readonly resolve?: ResolveHost | undefined;
  /** For a whole request. Default 30 s. */
  readonly timeoutMs?: number | undefined;
}

/** A response of the CA, of any status. */
export interface TransportResponse {
  readonly status: number;
  /** By lower-case name; the first of repeated headers, all Link headers joined by commas (RFC 9110 §5.3). */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** Parsed JSON; text for other content types and malformed JSON. */
  readonly data: unknown;
}

/** HTTP to one CA over persistent connections, with a time-out for each request and a size limit for each answer. */
export class AcmeTransport {
  readonly #agent: Agent;
  readonly #options: TransportOptions;
  readonly #trustedHosts = new Set<string>();

  constructor(options: TransportOptions) {
    this.#options = options;
    this.#agent = new Agent({
      connections: CONNECTIONS,
      allowH2: false,
      keepAliveTimeout: 20_000,
      maxResponseSize: MAX_BODY_BYTES,
      connect: guardedConnector({
        timeout: CONNECT_TIMEOUT_MS,
        ca: options.caBundlePem,
        allowH2: false,
        isAllowed: addressPolicy(options.privateNetworks),
        isTrustedHost: (hostname) => this.#trustedHosts.has(hostname),
        resolve: options.resolve,
      }),
    });
  }

  /** Allows the host of a configured directory to have any address. */
  trust(directoryUrl: string): void {
    this.#trustedHosts.add(new URL(directoryUrl).hostname.replace(/^\[|\]$/g, ''));
  }

  /**
   * @param body a JWS.
   * @throws CertmanError `acme/unreachable`, `acme/unexpected` (too large, or the URL is none of https); the signal's reason.
   */
  async send(
    method: 'GET' | 'HEAD' | 'POST',
    target: string,
    body: string | undefined,
    signal?: AbortSignal,
  ): Promise<TransportResponse> {
    signal?.throwIfAborted();
    const url = parseAcmeUrl(target);
    if (url === undefined) throw notHttpsError(target);
    const { userAgent, timeoutMs = REQUEST_TIMEOUT_MS } = this.#options;
    const limit = new TimeLimit(timeoutMs, signal, () =>
      unreachableError(url, `no answer within ${timeoutMs / 1000} s`),
    );
    try {
      const answer = await request(url, {
        method,
        dispatcher: this.#agent,
        signal: limit.signal,
        headers: { 'user-agent': userAgent, ...(body && { 'content-type': 'application/jose+json' }) },
        body: body ?? null,
        // undici otherwise closes the connection after a HEAD request, by which nonces are fetched.
        reset: false,
      });
      const headers = firstValues(answer.headers);
      const text = await answer.body.text();
      return { status: answer.statusCode, headers, data: parseBody(headers['content-type'], text) };
    } catch (error) {
      if (signal?.aborted === true) throw signal.reason;
      throw error instanceof CertmanError ? error : toCertmanError(url, error);
    } finally {
      limit.end();
    }
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }
}

function firstValues(headers: Record<string, string | string[] | undefined>): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => {
      if (!Array.isArray(value)) return [name, value];
      return [name, name === 'link' ? value.join(', ') : value[0]];
    }),
  );
}

function parseBody(contentType: string | undefined, text: string): unknown {
  if (!/^application\/([\w.+-]*\+)?json\b/i.test(contentType ?? '')) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function toCertmanError(url: string, cause: unknown): CertmanError {
  const { host } = new URL(url);
  const code = errorCodeOf(cause);
  if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE') {
    const message = `The answer of ${host} is larger than ${MAX_BODY_BYTES / 1024} KiB, more than any ACME answer.`;
    return new CertmanError({ code: 'acme/unexpected', message, cause });
  }
  if (cause instanceof AddressRefusedError) {
    const remedy = 'If the CA is a private one, add the network of that host to CERTMAN_PRIVATE_NETWORKS.';
    return unreachableError(url, cause.message, { cause, remedy });
  }
  const untrusted = isUntrustedCertificate(cause);
  const remedy = `The TLS certificate of ${host} is not trusted; check the configured CA bundle for the ACME directory.`;
  return unreachableError(url, code ?? 'the connection failed', { cause, remedy: untrusted ? remedy : undefined });
}

function notHttpsError(target: string): CertmanError {
  const message = `${JSON.stringify(target.slice(0, 200))} is no https URL, which a CA's must be.`;
  return new CertmanError({ code: 'acme/unexpected', message });
}

function unreachableError(url: string, why: string, more: Partial<FailureParts> = {}): CertmanError {
  const message = `The CA at ${new URL(url).host} cannot be reached: ${why}.`;
  return new CertmanError({ code: 'acme/unreachable', message, ...more });
}
