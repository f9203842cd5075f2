/**
 * HTTP to the API server: kept-alive connections, who we are (from the KubeConfig), bounds on time and size.
 * Why not client-node's generated client: docs/decisions/kubernetes-client.md.
 */
import type { RequestOptions } from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node';
import { Agent, type Dispatcher, errors, ProxyAgent } from 'undici';
import { CertmanError } from '../../failures/failure.ts';
import { unreachableError } from './api-error.ts';

/** One page of a list (500 objects) fits with room; one object is at most etcd's 1.5 MiB. */
const MAX_RESPONSE_BYTES = 64 * 1024 * 1024;
const REQUEST_TIMEOUT_MS = 30_000;
/** Connections of short requests; streams have their own. Each is cheap for the API server, a TLS handshake is not. */
const MAX_CONNECTIONS = 32;
/** Shorter than the idle time-outs of common load balancers (AWS NLB 350 s, HAProxy and ELB 60 s). */
const KEEP_ALIVE_TIMEOUT_MS = 50_000;
/** How long headers made from the KubeConfig are used: a rotated token is picked up within this and client-node's own minute. */
const CREDENTIALS_TTL_MS = 10_000;

export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Absolute, with query, below the server's address. */
  readonly path: string;
  readonly accept?: string;
  readonly contentType?: string;
  readonly body?: string;
  /** Safe to send twice: sent again once when a kept-alive connection turns out to be dead. */
  readonly idempotent?: boolean;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface ApiResponse {
  readonly status: number;
  readonly retryAfter?: string;
  readonly text: string;
}

interface Credentials {
  readonly headers: Record<string, string>;
  readonly tls: TlsOptions;
  /** Equal for equal {@link tls}. */
  readonly tlsKey: string;
  readonly madeAt: number;
}

type TlsOptions = Pick<
  RequestOptions,
  'ca' | 'cert' | 'key' | 'pfx' | 'passphrase' | 'rejectUnauthorized' | 'servername'
>;

interface Dispatchers {
  readonly tlsKey: string;
  readonly requests: Dispatcher;
  readonly streams: Dispatcher;
}

export class Transport {
  readonly #kubeConfig: KubeConfig;
  readonly #origin: string;
  readonly #prefix: string;
  #credentials: Promise<Credentials> | undefined;
  #dispatchers: Dispatchers | undefined;

  constructor(kubeConfig: KubeConfig) {
    this.#kubeConfig = kubeConfig;
    const server = new URL(kubeConfig.getCurrentCluster()?.server ?? '');
    this.#origin = server.origin;
    this.#prefix = server.pathname.replace(/\/$/, '');
  }

  /** Where the API server is, for messages. */
  get origin(): string {
    return this.#origin;
  }

  /** @throws CertmanError `kubernetes/unreachable` when there is no answer in time; the signal's reason when it is aborted. */
  async send(request: ApiRequest): Promise<ApiResponse> {
    try {
      return await this.#sendOnce(request);
    } catch (error) {
      request.signal?.throwIfAborted();
      if (error instanceof CertmanError) throw error;
      if (request.idempotent !== true || !isDeadConnection(error)) throw unreachableError(this.#origin, error);
    }
    try {
      return await this.#sendOnce(request);
    } catch (error) {
      request.signal?.throwIfAborted();
      throw error instanceof CertmanError ? error : unreachableError(this.#origin, error);
    }
  }

  /** A GET whose body is read as it comes (a watch); ends with the signal. The caller reads or destroys the body. */
  async stream(request: Pick<ApiRequest, 'path' | 'accept'>, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    const credentials = await this.#authenticate();
    try {
      return await this.#dispatchersFor(credentials).streams.request({
        origin: this.#origin,
        path: this.#prefix + request.path,
        method: 'GET',
        headers: { ...credentials.headers, accept: request.accept ?? 'application/json' },
        headersTimeout: REQUEST_TIMEOUT_MS,
        bodyTimeout: 0,
        signal,
      });
    } catch (error) {
      signal.throwIfAborted();
      throw unreachableError(this.#origin, error);
    }
  }

  /** Who we are is asked anew at the next request: the API server did not know us. */
  invalidateCredentials(): void {
    this.#credentials = undefined;
  }

  /** Ends all connections; requests under way fail. */
  async close(): Promise<void> {
    const held = this.#dispatchers;
    this.#dispatchers = undefined;
    if (held !== undefined) await Promise.all([held.requests.destroy(), held.streams.destroy()]);
  }

  async #sendOnce(request: ApiRequest): Promise<ApiResponse> {
    const credentials = await this.#authenticate();
    const timeoutMs = request.timeoutMs ?? REQUEST_TIMEOUT_MS;
    const limit = new AbortController();
    // Not AbortSignal.any: it keeps every signal it ever made alive as long as its source lives.
    const forward = (): void => limit.abort(request.signal?.reason);
    request.signal?.throwIfAborted();
    request.signal?.addEventListener('abort', forward, { once: true });
    const timer = setTimeout(() => limit.abort(new Error(`no answer within ${timeoutMs / 1000} s`)), timeoutMs);
    try {
      const answer = await this.#dispatchersFor(credentials).requests.request({
        origin: this.#origin,
        path: this.#prefix + request.path,
        method: request.method,
        headers: {
          ...credentials.headers,
          accept: request.accept ?? 'application/json',
          ...(request.contentType === undefined ? {} : { 'content-type': request.contentType }),
        },
        body: request.body ?? null,
        signal: limit.signal,
      });
      const retryAfter = answer.headers['retry-after'];
      const text = await answer.body.text();
      return { status: answer.statusCode, text, ...(typeof retryAfter === 'string' ? { retryAfter } : {}) };
    } finally {
      clearTimeout(timer);
      request.signal?.removeEventListener('abort', forward);
    }
  }

  #authenticate(): Promise<Credentials> {
    const held = this.#credentials;
    if (held !== undefined) {
      return held.then((credentials) =>
        performance.now() - credentials.madeAt < CREDENTIALS_TTL_MS || this.#credentials !== held
          ? credentials
          : this.#renewCredentials(),
      );
    }
    return this.#renewCredentials();
  }

  #renewCredentials(): Promise<Credentials> {
    const made = this.#readCredentials();
    this.#credentials = made;
    made.catch(() => {
      if (this.#credentials === made) this.#credentials = undefined;
    });
    return made;
  }

  async #readCredentials(): Promise<Credentials> {
    const options: RequestOptions = {};
    try {
      await this.#kubeConfig.applyToHTTPSOptions(options);
    } catch (cause) {
      throw new CertmanError({
        code: 'configuration/invalid',
        message: `The credentials for the Kubernetes API at ${this.#origin} could not be read: ${cause instanceof Error ? cause.message.slice(0, 300) : 'unknown reason'}.`,
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
    const tls: TlsOptions = {};
    for (const name of ['ca', 'cert', 'key', 'pfx', 'passphrase', 'rejectUnauthorized', 'servername'] as const) {
      const value = options[name];
      if (value !== undefined) Object.assign(tls, { [name]: value });
    }
    const tlsKey = JSON.stringify(tls);
    return { headers, tls, tlsKey, madeAt: performance.now() };
  }

  /** New connections only when the client certificate or the CA changed. */
  #dispatchersFor({ tls, tlsKey }: Credentials): Dispatchers {
    const held = this.#dispatchers;
    if (held?.tlsKey === tlsKey) return held;
    const made: Dispatchers = {
      tlsKey,
      requests: this.#dispatcher(tls, { connections: MAX_CONNECTIONS, maxResponseSize: MAX_RESPONSE_BYTES }),
      streams: this.#dispatcher(tls, {}),
    };
    this.#dispatchers = made;
    // Graceful: what is under way on the old connections ends there.
    if (held !== undefined) void Promise.allSettled([held.requests.close(), held.streams.close()]);
    return made;
  }

  #dispatcher(tls: TlsOptions, limits: { connections?: number; maxResponseSize?: number }): Dispatcher {
    const proxy = this.#kubeConfig.getCurrentCluster()?.proxyUrl;
    const common = { ...limits, keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS, keepAliveMaxTimeout: KEEP_ALIVE_TIMEOUT_MS };
    if (proxy === undefined || proxy === '') {
      return new Agent({
        ...common,
        connect: { ...tls, timeout: 10_000, keepAlive: true, keepAliveInitialDelay: 30_000 },
      });
    }
    if (!/^https?:/.test(proxy)) {
      throw new CertmanError({
        code: 'configuration/invalid',
        message: `The kubeconfig reaches the API server through ${proxy}; only http and https proxies are supported.`,
        remedy: 'Set proxy-url to an http(s) proxy.',
      });
    }
    return new ProxyAgent({ ...common, uri: proxy, requestTls: tls });
  }
}

/** Failures of a connection that was kept alive and closed by the other side just as it was used again. */
function isDeadConnection(error: unknown): boolean {
  if (error instanceof errors.SocketError) return true;
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === 'ECONNRESET' || code === 'EPIPE';
}
