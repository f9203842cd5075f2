/** Requests to publishers: TLS, the proxy of the environment, short time-outs. */
import { Agent, type Dispatcher, EnvHttpProxyAgent, fetch, type Response } from 'undici';
import { LocalStackError, messageOf } from '../local-stack-error.ts';
import { isLoopback, isTrusted } from './publishers.ts';

/** A published file is unavailable or invalid. */
export class DownloadError extends LocalStackError {}

/** Time-outs of a transfer, in milliseconds. */
export interface HttpTimeouts {
  /** Until the headers have arrived. */
  readonly answerMs: number;
  /** Between two chunks of the body. */
  readonly stallMs: number;
  /** For one transfer. */
  readonly fileMs: number;
  /** After this time, a transfer that will exceed `fileMs` at its current speed is aborted. */
  readonly paceMs: number;
}

/** A first response takes a second over slow links. Several files share one link. */
export const HTTP_TIMEOUTS: HttpTimeouts = { answerMs: 5_000, stallMs: 10_000, fileMs: 20 * 60_000, paceMs: 30_000 };

const CONNECTIONS = { connections: 8 };
const MAX_REDIRECTS = 5;
const REDIRECT_STATUSES: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** For loopback addresses, which a proxy cannot reach. */
const loopbackAgent = new Agent(CONNECTIONS);
let proxyAgent: EnvHttpProxyAgent | undefined;

/** Follows HTTP_PROXY, HTTPS_PROXY and NO_PROXY. Created at the first use, since an invalid URL makes it throw. */
function dispatcherFor(url: URL): Dispatcher {
  if (isLoopback(url)) return loopbackAgent;
  try {
    proxyAgent ??= new EnvHttpProxyAgent(CONNECTIONS);
    return proxyAgent;
  } catch (cause) {
    throw new LocalStackError({
      message: `HTTP_PROXY or HTTPS_PROXY has no usable value: ${messageOf(cause)}`,
      remedy: 'Set it to a URL such as http://proxy.example.com:3128, or unset it.',
      cause,
    });
  }
}

/** A response whose body is not read yet. */
export interface OpenResponse {
  readonly response: Response;
  /** Aborts the transfer. */
  readonly abort: (reason: Error) => void;
}

/**
 * Sends a GET and follows redirects. Every URL uses TLS or is loopback.
 * @throws DownloadError on a time-out or a URL without TLS; LocalStackError when the proxy's URL is invalid.
 */
export async function get(
  url: string,
  options: {
    readonly headers?: Readonly<Record<string, string>>;
    readonly limits?: HttpTimeouts;
    readonly signal?: AbortSignal | undefined;
  } = {},
): Promise<OpenResponse> {
  const { answerMs } = options.limits ?? HTTP_TIMEOUTS;
  const { host } = new URL(url);
  const aborted = new AbortController();
  const late = setTimeout(
    () => aborted.abort(new DownloadError({ message: `${host} did not answer within ${answerMs / 1000} s` })),
    answerMs,
  );
  const signal = options.signal === undefined ? aborted.signal : AbortSignal.any([options.signal, aborted.signal]);
  try {
    const response = await fetchFollowingRedirects(
      new URL(url),
      { ...options.headers, 'user-agent': 'certman-local' },
      signal,
    );
    return { response, abort: (reason) => aborted.abort(reason) };
  } catch (error) {
    options.signal?.throwIfAborted();
    if (error instanceof LocalStackError) throw error;
    throw failureOf(host, error);
  } finally {
    clearTimeout(late);
  }
}

async function fetchFollowingRedirects(
  first: URL,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<Response> {
  let url = first;
  for (let hops = 0; hops <= MAX_REDIRECTS; hops += 1) {
    const response = await fetch(url, { dispatcher: dispatcherFor(url), redirect: 'manual', signal, headers });
    if (!REDIRECT_STATUSES.has(response.status)) return response;
    await response.body?.cancel();
    const location = response.headers.get('location') ?? '';
    if (!URL.canParse(location, url.href)) {
      throw new DownloadError({
        message: `${url.host} redirects to "${location.slice(0, 200)}", which is not a URL`,
      });
    }
    const next = new URL(location, url);
    if (!isTrusted(next)) {
      throw new DownloadError({ message: `${url.host} redirects to ${next.origin}, which is not TLS` });
    }
    url = next;
  }
  throw new DownloadError({ message: `${first.host} redirects more than ${MAX_REDIRECTS} times` });
}

/** The typed error of a failed transfer. */
export function failureOf(host: string, error: unknown): DownloadError {
  if (error instanceof DownloadError) return error;
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  if (cause instanceof DownloadError) return cause;
  const { code, message } = cause as NodeJS.ErrnoException;
  // An attempt at several addresses fails with a code and no message.
  const reason = message === '' ? code : message;
  return new DownloadError({ message: `${host} cannot be reached: ${reason}`, cause });
}
