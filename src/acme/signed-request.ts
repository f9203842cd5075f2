import HttpClient from 'acme-client/src/http.js';
import { CertmanError } from '../failures/failure.ts';
import type { AcmeSession } from './session.ts';
import type { TransportResponse } from './transport.ts';

/** Retries of a request that was refused with badNonce (RFC 8555 §6.5). */
const MAX_BAD_NONCE_RETRIES = 8;
const BAD_NONCE = 'urn:ietf:params:acme:error:badNonce';

/**
 * One signed request (RFC 8555 §6.2). acme-client signs it and retries on badNonce; certman sends it, because
 * acme-client fetches a nonce for every request, retries by itself and cannot cancel a request.
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
    const body = options.data === undefined ? undefined : JSON.stringify(options.data);
    const verb = method === 'post' ? 'POST' : 'HEAD';
    const answer = await this.#session.transport.send(verb, url, body, this.#signal);
    // acme-client uses the nonces of badNonce and newNonce answers itself.
    if (verb === 'POST' && !isBadNonce(answer)) this.#session.nonces.put(answer.headers['replay-nonce']);
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
      message: `${newNonce} returned no nonce (HTTP ${answer.status}).`,
    });
  }
}

function isBadNonce({ status, data }: TransportResponse): boolean {
  return status === 400 && typeof data === 'object' && data !== null && 'type' in data && data.type === BAD_NONCE;
}
