import type { RequestOptions } from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node';
import { Agent, type Dispatcher, ProxyAgent } from 'undici';
import { LoadingCache } from '../../cache/loading-cache.ts';
import { errorCodeOf } from '../../failures/error-code.ts';
import { CertmanError } from '../../failures/failure.ts';
import { abortable } from '../../network/abortable.ts';
import { TimeLimit } from '../../network/time-limit.ts';
import { type ApiResponse, apiError, toCertmanError } from './api-error.ts';
import { CredentialPlugin, PluginTimeoutError } from './credential-plugin.ts';
import type { StreamOptions } from './kubernetes-api.ts';

/** Any single object fits: etcd's 1.5 MiB, of which each octet may be an escape of six in JSON. */
const MAX_RESPONSE_BYTES = 16 * 1024 * 1024;
/** One event of a watch carries one object. */
const MAX_LINE_LENGTH = MAX_RESPONSE_BYTES;
const MAX_ERROR_BODY_LENGTH = 64 * 1024;
const REQUEST_TIMEOUT_MS = 30_000;
/** Bookmarks come about once a minute; the connection of a stream that is silent for longer may be dead. */
const SILENCE_TIMEOUT_MS = 130_000;
const CONNECT_TIMEOUT_MS = 10_000;
/** Connections of short requests; streams have their own. Each is cheap for the API server, a TLS handshake is not. */
const MAX_CONNECTIONS = 32;
/** Shorter than the idle time-outs of common load balancers (AWS NLB 350 s, HAProxy and ELB 60 s). */
const KEEP_ALIVE_TIMEOUT_MS = 50_000;
/** How long headers are reused: a token that the kubelet rotated is used after this plus client-node's own minute. */
const CREDENTIALS_TTL_MS = 10_000;

const TLS_OPTIONS = ['ca', 'cert', 'key', 'pfx', 'passphrase', 'rejectUnauthorized', 'servername'] as const;
type TlsOptions = Pick<RequestOptions, (typeof TLS_OPTIONS)[number]>;

/** Codes of a kept-alive connection that the other side closed just as it was used again. */
const DEAD_CONNECTION_CODES = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE']);

/** A request; `path` is below the server's address and has the query. */
export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly accept?: string;
  readonly contentType?: string;
  readonly body?: string;
  /** Safe to send twice, as a GET is: sent again once when a kept-alive connection turns out to be dead. */
  readonly idempotent?: boolean;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** What requests are sent with, until the credentials are read again. */
interface Session {
  readonly headers: Record<string, string>;
  readonly tlsKey: string;
  readonly requests: Dispatcher;
  readonly streams: Dispatcher;
}

/** HTTP to one API server; why not client-node's generated client: docs/decisions/kubernetes-client.md. */
export class Transport {
  readonly #origin: string;
  readonly #kubeConfig: KubeConfig;
  readonly #prefix: string;
  readonly #sessions = new LoadingCache<Session>({ max: 1, ttlMs: CREDENTIALS_TTL_MS });
  readonly #plugin: CredentialPlugin | undefined;
  #session: Session | undefined;

  /** @param pluginTimeoutMs of a credential plugin, where it is not to be the usual time. */
  constructor(kubeConfig: KubeConfig, pluginTimeoutMs?: number) {
    this.#kubeConfig = kubeConfig;
    this.#plugin = CredentialPlugin.in(kubeConfig, pluginTimeoutMs);
    const server = new URL(kubeConfig.getCurrentCluster()?.server ?? '');
    this.#origin = server.origin;
    this.#prefix = server.pathname.replace(/\/$/, '');
  }

  /**
   * @throws CertmanError `kubernetes/unreachable` when no response comes in time; the signal's reason when aborted, but of a time
   * that is over while a credential plugin runs: {@link PluginTimeoutError}.
   */
  async send(request: ApiRequest): Promise<ApiResponse> {
    const { idempotent = request.method === 'GET' } = request;
    try {
      return await this.#sendOnce(request).catch((error: unknown) => {
        if (!idempotent || !DEAD_CONNECTION_CODES.has(errorCodeOf(error) ?? '')) throw error;
        return this.#sendOnce(request);
      });
    } catch (error) {
      if (!(error instanceof PluginTimeoutError)) request.signal?.throwIfAborted();
      throw toCertmanError(this.#origin, error);
    }
  }

  /** The lines of a stream (a watch: one JSON object each). @throws as {@link WatchConnection.openStream}. */
  async *streamLines(
    path: string,
    signal: AbortSignal,
    { accept, silenceMs = SILENCE_TIMEOUT_MS }: StreamOptions,
  ): AsyncGenerator<string> {
    const end = new AbortController();
    const startTimer = (): NodeJS.Timeout =>
      setTimeout(() => end.abort(new Error(`nothing came for ${silenceMs / 1000} s`)), silenceMs);
    let timer = startTimer();
    try {
      const { streams, headers } = await this.#authenticate(signal);
      const options = {
        headersTimeout: REQUEST_TIMEOUT_MS,
        bodyTimeout: 0,
        signal: AbortSignal.any([signal, end.signal]),
      };
      const response = await this.#request(streams, headers, { method: 'GET', path, accept }, options);
      const { body } = response;
      if (response.statusCode !== 200) {
        const refusal = { ...this.#statusOf(response), text: await readErrorBody(body) };
        throw apiError(`watch ${path.split('?', 1)[0]}`, refusal);
      }
      const decoder = new TextDecoder();
      /** The parts of a line that has not ended. */
      let parts: string[] = [];
      let length = 0;
      for await (const chunk of body) {
        // The time that the consumer takes is not the server's silence.
        clearTimeout(timer);
        const [start = '', ...lines] = decoder.decode(chunk, { stream: true }).split('\n');
        parts.push(start);
        length += start.length;
        if (length > MAX_LINE_LENGTH) throw new Error(`a line longer than ${MAX_LINE_LENGTH} characters`);
        const rest = lines.pop();
        if (rest !== undefined) {
          for (const line of [parts.join(''), ...lines]) if (line !== '') yield line;
          parts = [rest];
          length = rest.length;
        }
        timer = startTimer();
      }
      // A last line without its newline is cut: the consumer resumes from the one before.
    } catch (error) {
      signal.throwIfAborted();
      throw toCertmanError(this.#origin, error);
    } finally {
      clearTimeout(timer);
      end.abort();
    }
  }

  async close(): Promise<void> {
    this.#plugin?.end();
    await Promise.all([this.#session?.requests.destroy(), this.#session?.streams.destroy()]);
  }

  async #sendOnce(request: ApiRequest): Promise<ApiResponse> {
    const { requests, headers } = await this.#authenticate(request.signal);
    const { signal, timeoutMs = REQUEST_TIMEOUT_MS } = request;
    const limit = new TimeLimit(timeoutMs, signal, () => new Error(`no answer within ${timeoutMs / 1000} s`));
    try {
      const response = await this.#request(requests, headers, request, { signal: limit.signal });
      const text = await response.body.text();
      return { ...this.#statusOf(response), text };
    } finally {
      limit.end();
    }
  }

  #request(
    dispatcher: Dispatcher,
    headers: Session['headers'],
    { method, path, accept = 'application/json', contentType, body }: ApiRequest,
    options: Partial<Dispatcher.RequestOptions>,
  ): Promise<Dispatcher.ResponseData> {
    return dispatcher.request({
      origin: this.#origin,
      path: this.#prefix + path,
      method,
      headers: { ...headers, accept, ...(contentType !== undefined && { 'content-type': contentType }) },
      body,
      // undici otherwise closes the connection after a DELETE with a body, which is how preconditions are sent.
      reset: false,
      ...options,
    });
  }

  #statusOf({ statusCode: status, headers }: Dispatcher.ResponseData): Omit<ApiResponse, 'text'> {
    if (status === 401) this.#sessions.delete('');
    const retryAfter = headers['retry-after'];
    return { status, retryAfter: typeof retryAfter === 'string' ? retryAfter : undefined };
  }

  /** A plugin that hangs holds up no caller longer than its own signal: others may wait for the same run. */
  async #authenticate(signal?: AbortSignal): Promise<Session> {
    const session = this.#sessions.get('', () => this.#openSession());
    if (signal === undefined) return await session;
    try {
      return await abortable(session, signal);
    } catch (error) {
      const running = this.#plugin?.running;
      const isOver = signal.aborted && signal.reason instanceof Error && signal.reason.name === 'TimeoutError';
      throw running !== undefined && isOver ? new PluginTimeoutError(running) : error;
    }
  }

  /** New connections only when the client certificate or the CA changed. */
  async #openSession(): Promise<Session> {
    const { headers, tls } = await this.#readCredentials();
    const tlsKey = JSON.stringify(tls);
    const current = this.#session;
    if (current?.tlsKey === tlsKey) {
      this.#session = { ...current, headers };
      return this.#session;
    }
    this.#session = {
      headers,
      tlsKey,
      requests: this.#dispatcher(tls, { connections: MAX_CONNECTIONS, maxResponseSize: MAX_RESPONSE_BYTES }),
      streams: this.#dispatcher(tls, {}),
    };
    // Graceful: requests under way on the old connections end there.
    if (current !== undefined) void Promise.allSettled([current.requests.close(), current.streams.close()]);
    return this.#session;
  }

  async #readCredentials(): Promise<{ readonly headers: Session['headers']; readonly tls: TlsOptions }> {
    const options: RequestOptions = {};
    try {
      await this.#kubeConfig.applyToHTTPSOptions(options);
    } catch (cause) {
      if (cause instanceof PluginTimeoutError) throw cause;
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
    const tls = Object.fromEntries(
      TLS_OPTIONS.map((name) => [name, options[name]]).filter(([, value]) => value !== undefined),
    );
    return { headers, tls };
  }

  #dispatcher(tls: TlsOptions, limits: Pick<Agent.Options, 'connections' | 'maxResponseSize'>): Dispatcher {
    const uri = this.#kubeConfig.getCurrentCluster()?.proxyUrl ?? '';
    const common = {
      ...limits,
      // Node's HTTP/2 costs a request more than all else that this client does for it.
      allowH2: false,
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
      keepAliveMaxTimeout: KEEP_ALIVE_TIMEOUT_MS,
    };
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

async function readErrorBody(body: AsyncIterable<Buffer>): Promise<string> {
  let text = '';
  for await (const chunk of body) {
    text += chunk.toString('utf8');
    if (text.length > MAX_ERROR_BODY_LENGTH) break;
  }
  return text;
}
