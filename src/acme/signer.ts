import { createHash, type KeyObject } from 'node:crypto';
import HttpClient from 'acme-client/src/http.js';

/** What the CA gave to bind a new account to one of its customers (RFC 8555 §7.3.4). */
export interface ExternalAccount {
  readonly keyId: string;
  /** base64url, as CAs state it. */
  readonly hmacKey: string;
}

/**
 * Signs requests with an account key (RFC 8555 §6.2). Of acme-client, only the signing is used: it fetches a nonce for every
 * request, retries by itself and cannot cancel a request.
 */
export class Signer {
  readonly #http: HttpClient;
  /** `base64url(SHA-256(JWK))` (RFC 7638): the second half of a key authorization (RFC 8555 §8.1). */
  readonly thumbprint: string;

  constructor(key: KeyObject) {
    this.#http = new HttpClient('', key);
    this.thumbprint = createHash('sha256').update(JSON.stringify(this.jwk)).digest('base64url');
  }

  /** The public key. */
  get jwk(): Readonly<Record<string, string>> {
    return this.#http.getJwk();
  }

  /** @param payload null: POST-as-GET. @param signed `kid` null: with the public key itself. @returns a JWS. */
  sign(url: string, payload: object | null, signed: { readonly nonce?: string; readonly kid: string | null }): object {
    return this.#http.createSignedBody(url, payload, signed);
  }

  /** Binds the key to an external account (RFC 8555 §7.3.4). @param url of newAccount. @returns a JWS. */
  bindTo({ keyId, hmacKey }: ExternalAccount, url: string): object {
    return this.#http.createSignedHmacBody(hmacKey, url, this.jwk, { kid: keyId });
  }
}
