/** Types of acme-client 5.4's HTTP client, which ships without: JWS signing and retries on badNonce. */
declare module 'acme-client/src/http.js' {
  import type { KeyObject } from 'node:crypto';
  import type { TransportResponse } from './transport.ts';

  class HttpClient {
    constructor(directoryUrl: string, accountKey: KeyObject);
    jwk: Readonly<Record<string, unknown>> | null;
    maxBadNonceRetries: number;
    request(url: string, method: string, options?: { data?: unknown }): Promise<TransportResponse>;
    getNonce(): Promise<string>;
    signedRequest(
      url: string,
      payload: object | null,
      options: { readonly kid: string | null },
    ): Promise<TransportResponse>;
  }

  export = HttpClient;
}
