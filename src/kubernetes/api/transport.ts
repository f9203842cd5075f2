import type { RequestOptions } from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node';
import { Agent, type Dispatcher, errors, ProxyAgent } from 'undici';
import { CertmanError } from '../../failures/failure.ts';
import { type ApiResponse, unreachableError } from './api-error.ts';
import { RequestTimeout } from './request-timeout.ts';

/** One page of a list (500 objects) fits with room; one object is at most etcd's 1.5 MiB. */
const MAX_RESPONSE_BYTES = 64 * 1024 * 1024;
const REQUEST_TIMEOUT_MS = 30_000;
const CONNECT_TIMEOUT_MS = 10_000;
/** Connections of short requests; streams have their own. Each is cheap for the API server, a TLS handshake is not. */
const MAX_CONNECTIONS = 32;
/** Shorter than the idle time-outs of common load balancers (AWS NLB 350 s, HAProxy and ELB 60 s). */
const KEEP_ALIVE_TIMEOUT_MS = 50_000;
/** How long headers are reused: a token that the kubelet rotated is used after this plus client-node's own minute. */
const CREDENTIALS_TTL_MS = 10_000;

const TLS_OPTIONS = ['ca', 'cert', 'key', 'pfx', 'passphrase', 'rejectUnauthorized', 'servername'] as const;

/** A request; `path` is below the server's address and has the query. */
export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly accept?: string;
  readonly contentType?: string;
  readonly body?: string;
  /** Safe to send twice: sent again once when a kept-alive connection turns out to be dead. */
  readonly idempotent?: boolean;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

interface Credentials {
  readonly headers: Record<string, string>;
  readonly tls: Pick<RequestOptions, (typeof TLS_OPTIONS)[number]>;
  readonly tlsKey: string;
  readonly createdAt: number;
}

interface Dispatchers {
  readonly tlsKey: string;
  readonly requests: Dispatcher;
  readonly streams: Dispatcher;
}

/** HTTP to one API server; why not client-node's generated client: docs/decisions/kubernetes-client.md. */
export class Transport {
  readonly origin: string;
  readonly #kubeConfig: KubeConfig;
  readonly #prefix: string;
  #credentials: Promise<Credentials> | undefined;
  #dispatchers: Dispatchers | undefined;

  constructor(kubeConfig: KubeConfig) {
    this.#kubeConfig = kubeConfig;
    const server = new URL(kubeConfig.getCurrentCluster()?.server ?? '');
    this.origin = server.origin;
    this.#prefix = server.pathname.replace(/\/$/, '');
  }

  /** @throws CertmanError `kubernetes/unreachable` when no response comes in time; the signal's reason when aborted. */
  async send(request: ApiRequest): Promise<ApiResponse> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#sendOnce(request);
      } catch (error) {
        request.signal?.throwIfAborted();
        if (error instanceof CertmanError) throw error;
        if (attempt > 1 || request.idempotent !== true || !isDeadConnection(error)) {
          throw unreachableError(this.origin, error);
        }
      }
    }
  }

  /** A GET whose body is read as it arrives; ends with the signal. The caller reads the body or aborts. */
  async stream(
    { path, accept }: Pick<ApiRequest, 'path' | 'accept'>,
    signal: AbortSignal,
  ): Promise<Omit<ApiResponse, 'text'> & { readonly body: AsyncIterable<Buffer> }> {
    const credentials = await this.#authenticate();
    const { streams } = this.#dispatchersFor(credentials);
    const options = { headersTimeout: REQUEST_TIMEOUT_MS, bodyTimeout: 0, signal };
    const response = await this.#request(streams, credentials, { method: 'GET', path, accept }, options);
    return { ...this.#statusOf(response), body: response.body };
  }

  async close(): Promise<void> {
    const { requests, streams } = this.#dispatchers ?? {};
    this.#dispatchers = undefined;
    await Promise.all([requests?.destroy(), streams?.destroy()]);
  }

  async #sendOnce(request: ApiRequest): Promise<ApiResponse> {
    const credentials = await this.#authenticate();
    const { signal, timeoutMs = REQUEST_TIMEOUT_MS } = request;
    const timeout = new RequestTimeout(signal, timeoutMs, `no answer within ${timeoutMs / 1000} s`);
    try {
      const { requests } = this.#dispatchersFor(credentials);
      const response = await this.#request(requests, credentials, request, { signal: timeout.signal });
      const text = await response.body.text();
      return { ...this.#statusOf(response), text };
    } finally {
      timeout.close();
    }
  }

  #request(
    dispatcher: Dispatcher,
    { headers }: Credentials,
    { method, path, accept = 'application/json', contentType, body }: ApiRequest,
    options: Partial<Dispatcher.RequestOptions>,
  ): Promise<Dispatcher.ResponseData> {
    return dispatcher.request({
      origin: this.origin,
      path: this.#prefix + path,
      method,
      headers: { ...headers, accept, ...(contentType !== undefined && { 'content-type': contentType }) },
      body,
      ...options,
    });
  }

  #statusOf({ statusCode: status, headers }: Dispatcher.ResponseData): Omit<ApiResponse, 'text'> {
    if (status === 401) this.#credentials = undefined;
    const retryAfter = headers['retry-after'];
    return { status, retryAfter: typeof retryAfter === 'string' ? retryAfter : undefined };
  }

  async #authenticate(): Promise<Credentials> {
    const cached = this.#credentials;
    if (cached === undefined) return this.#renewCredentials();
    const credentials = await cached;
    const expired = performance.now() - credentials.createdAt >= CREDENTIALS_TTL_MS;
    return expired && this.#credentials === cached ? this.#renewCredentials() : credentials;
  }

  #renewCredentials(): Promise<Credentials> {
    const renewed = this.#readCredentials();
    this.#credentials = renewed;
    renewed.catch(() => {
      if (this.#credentials === renewed) this.#credentials = undefined;
    });
    return renewed;
  }

  async #readCredentials(): Promise<Credentials> {
    const options: RequestOptions = {};
    try {
      await this.#kubeConfig.applyToHTTPSOptions(options);
    } catch (cause) {
      throw new CertmanError({
        code: 'configuration/invalid',
        message: `The credentials for the Kubernetes API at ${this.origin} could not be read: ${cause instanceof Error ? cause.message.slice(0, 300) : 'unknown reason'}.`,
        remedy: 'Check the token file, certificate files or the credential plugin that the kubeconfig names.',
        cause,
      });
    }
    const headers: Record<string, string> = { 'user-agent': 'certman' };
    for (const [name, value] of Object.entries(options.headers ?? {})) {
      if (value !== undefined) headers[name.toLowerCase()] = String(value).trim();
    }
    if (typeof options.auth === 'string') {
      headers['authorization'] = `Basic ${Buffer.from(options.auth).toString('base64')}`;
    }
    const tls = Object.fromEntries(
      TLS_OPTIONS.map((name) => [name, options[name]]).filter(([, value]) => value !== undefined),
    );
    return { headers, tls, tlsKey: JSON.stringify(tls), createdAt: performance.now() };
  }

  /** New connections only when the client certificate or the CA changed. */
  #dispatchersFor({ tls, tlsKey }: Credentials): Dispatchers {
    const current = this.#dispatchers;
    if (current?.tlsKey === tlsKey) return current;
    this.#dispatchers = {
      tlsKey,
      requests: this.#dispatcher(tls, { connections: MAX_CONNECTIONS, maxResponseSize: MAX_RESPONSE_BYTES }),
      streams: this.#dispatcher(tls, {}),
    };
    // Graceful: requests under way on the old connections end there.
    if (current !== undefined) void Promise.allSettled([current.requests.close(), current.streams.close()]);
    return this.#dispatchers;
  }

  #dispatcher(tls: Credentials['tls'], limits: { connections?: number; maxResponseSize?: number }): Dispatcher {
    const uri = this.#kubeConfig.getCurrentCluster()?.proxyUrl ?? '';
    const common = { ...limits, keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS, keepAliveMaxTimeout: KEEP_ALIVE_TIMEOUT_MS };
    if (uri === '') {
      const connect = { ...tls, timeout: CONNECT_TIMEOUT_MS, keepAlive: true, keepAliveInitialDelay: 30_000 };
      return new Agent({ ...common, connect });
    }
    if (!/^https?:/.test(uri)) {
      throw new CertmanError({
        code: 'configuration/invalid',
        message: `The kubeconfig reaches the API server through ${uri}; only http and https proxies are supported.`,
        remedy: 'Set proxy-url to an http(s) proxy.',
      });
    }
    return new ProxyAgent({ ...common, uri, requestTls: tls });
  }
}

/** Whether the other side closed a kept-alive connection just as it was used again. */
function isDeadConnection(error: unknown): boolean {
  if (error instanceof errors.SocketError) return true;
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === 'ECONNRESET' || code === 'EPIPE';
}
