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
      options: { readonly nonce: string; readonly kid: string | null },
    ): object;
  }

  export = HttpClient;
}
