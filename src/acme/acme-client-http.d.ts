/** Types of acme-client 5.4's HTTP client, which ships without: its JWS signing. */
declare module 'acme-client/src/http.js' {
  import type { KeyObject } from 'node:crypto';

  class HttpClient {
    constructor(directoryUrl: string, accountKey: KeyObject);
    /** With the required members in lexical order (RFC 7638 §3.2). */
    getJwk(): Readonly<Record<string, string>>;
    createSignedBody(
      url: string,
      payload: object | null,
      options: { readonly nonce?: string; readonly kid: string | null },
    ): object;
    /** By HS256. @param hmacKey base64 or base64url. */
    createSignedHmacBody(hmacKey: string, url: string, payload: object, options: { readonly kid: string }): object;
  }

  export = HttpClient;
}
