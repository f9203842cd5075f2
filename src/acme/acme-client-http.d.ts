/** Types of acme-client 5.4's HTTP client, which its package ships without any: JWS signing and the bad-nonce loop. */
declare module 'acme-client/src/http.js' {
  import type { KeyObject } from 'node:crypto';

  interface AcmeHttpResponse {
    readonly status: number;
    readonly headers: Readonly<Record<string, string | undefined>>;
    readonly data: unknown;
  }

  class HttpClient {
    constructor(directoryUrl: string, accountKey: Buffer | string | KeyObject);
    jwk: Readonly<Record<string, unknown>> | null;
    maxBadNonceRetries: number;
    getJwk(): Readonly<Record<string, unknown>>;
    request(url: string, method: string, options?: { data?: unknown }): Promise<AcmeHttpResponse>;
    getNonce(): Promise<string>;
    signedRequest(
      url: string,
      payload: object | null,
      options: { readonly kid: string | null; readonly nonce?: string },
    ): Promise<AcmeHttpResponse>;
  }

  export = HttpClient;
}
