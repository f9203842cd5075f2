/** Requests and responses between a worker and the outside systems, as the relays see them. */

export type ExternalSystem = 'ca' | 'route53' | 'doh' | 'kubernetes' | 'temporal';

/** A completely received request. */
export interface ExternalRequest {
  readonly system: ExternalSystem;
  readonly method: string;
  /** Path with query. */
  readonly path: string;
  readonly contentType: string;
  readonly body: Buffer;
  /** The worker incarnation that sent it; undefined when it is no longer running. */
  readonly worker: string | undefined;
}

/** A server's response, after it has acted. */
export interface ExternalResponse {
  /** HTTP status; for Temporal the gRPC status, where 0 is success. */
  readonly status: number;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: Buffer;
}

/** A response of the relay itself: an HTTP status with a body, by default none; for Temporal a gRPC status. */
export interface Refusal {
  readonly refuse: number;
  readonly contentType?: string;
  readonly body?: string;
}

/**
 * Whether a request is forwarded, dropped because its worker has been killed, or refused. `afterResponse` does not refuse.
 */
export type InterceptAction = 'pass' | 'cut' | Refusal;

/** Decides about requests at the two instants between which the effect of a kill differs. */
export interface Interceptor {
  /** Before the server receives the request. */
  beforeRequest(request: ExternalRequest): Promise<InterceptAction>;
  /** After the server has acted and before the worker receives the response. */
  afterResponse(request: ExternalRequest, response: ExternalResponse): Promise<InterceptAction>;
}

/** Called for every answered request, with whether the worker received the response. */
export type ExchangeListener = (request: ExternalRequest, response: ExternalResponse, delivered: boolean) => void;

/** Finds the process that opened a connection. */
export type ConnectionOwner = (connection: {
  readonly remotePort?: number | undefined;
  readonly localPort?: number | undefined;
}) => string | undefined;

export interface Relay {
  /** URL of the relay. */
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
