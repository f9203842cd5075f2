/** What passes between a worker and the systems outside it, as the relays in front of those systems see it. */

export type ExternalSystem = 'ca' | 'route53' | 'doh' | 'kubernetes' | 'temporal';

/** A request that has come in whole. */
export interface ExternalRequest {
  readonly system: ExternalSystem;
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly contentType: string;
  readonly body: Buffer;
  /** The life of the worker that made it; undefined when that is over. */
  readonly worker: string | undefined;
}

/** A server's answer, which says that it has acted. */
export interface ExternalResponse {
  /** Of HTTP; from Temporal that of gRPC, of which 0 is success. */
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: Buffer;
}

/** What is to become of a request: it passes, or it ends here because the worker that made it has been killed. */
export type InterceptAction = 'pass' | 'cut';

/** Decides about requests at the two instants at which a worker's death leaves different things behind. */
export interface Interceptor {
  /** The server has not seen it yet. */
  beforeRequest(request: ExternalRequest): Promise<InterceptAction>;
  /** The server has acted; the worker has not heard yet. */
  afterResponse(request: ExternalRequest, response: ExternalResponse): Promise<InterceptAction>;
}

/** Told of every answered request, once it is known whether the worker heard the answer. */
export type ExchangeListener = (request: ExternalRequest, response: ExternalResponse, delivered: boolean) => void;

/** By which process a connection was made. */
export type ConnectionOwner = (connection: {
  readonly remotePort?: number | undefined;
  readonly localPort?: number | undefined;
}) => string | undefined;

export interface Relay {
  /** Of the relay itself. */
  readonly port: number;
  close(): Promise<void>;
}

export interface RelayOptions {
  readonly system: ExternalSystem;
  /** Base URL of the real server. */
  readonly target: string;
  readonly interceptor: Interceptor;
  readonly ownerOf: ConnectionOwner;
  readonly onExchange?: ExchangeListener;
}
