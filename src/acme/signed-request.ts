import HttpClient from 'acme-client/src/http.js';
import { CertmanError } from '../failures/failure.ts';
import type { AcmeAccount } from './account.ts';
import type { DirectoryCache } from './directory.ts';
import type { NoncePool } from './nonce-pool.ts';
import type { AcmeTransport, TransportResponse } from './transport.ts';

/** What all signed requests to one CA with one account share. */
export interface AcmeSession {
  readonly account: AcmeAccount;
  readonly jwk: Readonly<Record<string, string>>;
  readonly transport: AcmeTransport;
  readonly directory: DirectoryCache;
  readonly nonces: NoncePool;
}

/** How often a request is sent again with the nonce of a badNonce answer (RFC 8555 §6.5). */
const MAX_BAD_NONCE_RETRIES = 8;

const BAD_NONCE = 'urn:ietf:params:acme:error:badNonce';

/**
 * One signed request (RFC 8555 §6.2): acme-client signs it and repeats it on badNonce; the way to the CA, the nonces and the
 * directory are certman's, because acme-client asks for a nonce before every request, retries by itself, and cannot be cancelled.
 * An object per request, since the signal belongs to the request and acme-client passes none through.
 */
export class SignedRequest extends HttpClient {
  readonly #session: AcmeSession;
  readonly #signal: AbortSignal | undefined;

  constructor(session: AcmeSession, signal: AbortSignal | undefined) {
    super(session.account.directoryUrl, session.account.key);
    this.jwk = session.jwk;
    this.maxBadNonceRetries = MAX_BAD_NONCE_RETRIES;
    this.#session = session;
    this.#signal = signal;
  }

  override async request(url: string, method: string, options: { data?: unknown } = {}): Promise<TransportResponse> {
    const answer = await this.#session.transport.send(
      method === 'post' ? 'POST' : 'HEAD',
      url,
      options.data === undefined ? undefined : JSON.stringify(options.data),
      this.#signal,
    );
    // The nonce of a badNonce answer is used at once by the repetition, and that of newNonce by the one who asked.
    if (method === 'post' && !isBadNonce(answer)) this.#session.nonces.put(answer.headers['replay-nonce']);
    return answer;
  }

  override async getNonce(): Promise<string> {
    const pooled = this.#session.nonces.take();
    if (pooled !== undefined) return pooled;
    const { newNonce } = await this.#session.directory.get();
    const answer = await this.request(newNonce, 'head');
    const nonce = answer.headers['replay-nonce'];
    if (nonce !== undefined) return nonce;
    throw new CertmanError({
      code: answer.status >= 500 || answer.status === 429 ? 'acme/serverError' : 'acme/unexpected',
      message: `${newNonce} gave no nonce (HTTP ${answer.status}).`,
    });
  }
}

function isBadNonce(answer: TransportResponse): boolean {
  const { data } = answer;
  return (
    answer.status === 400 && typeof data === 'object' && data !== null && 'type' in data && data.type === BAD_NONCE
  );
}
