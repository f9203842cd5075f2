/** Requests to publishers: by TLS, through the proxy of the environment, given up within seconds where nothing answers. */
import { Agent, type Dispatcher, EnvHttpProxyAgent, fetch, type Response } from 'undici';
import { LocalStackError, messageOf } from '../local-stack-error.ts';
import { isLoopback, isTrusted } from './publishers.ts';

/** A publisher's file cannot be had: what is offered, and why it was not taken. */
export class DownloadError extends LocalStackError {}

export interface HttpTimeouts {
  /** Until a connection is made and the headers have come. */
  readonly answerMs: number;
  /** The longest pause between two pieces of the body. */
  readonly stallMs: number;
  /** The longest that one transfer may take. */
  readonly fileMs: number;
  /** After this time, a transfer whose pace exceeds that is given up. */
  readonly paceMs: number;
}

/** A first answer takes a second over slow links, and a person waits for it. Several files share one link. */
export const HTTP_TIMEOUTS: HttpTimeouts = { answerMs: 5_000, stallMs: 10_000, fileMs: 20 * 60_000, paceMs: 30_000 };

const CONNECTIONS = { connections: 8 };
const MAX_REDIRECTS = 5;
const REDIRECT_STATUSES: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** For this machine itself, which no proxy reaches. */
const loopbackAgent = new Agent(CONNECTIONS);
let proxyAgent: EnvHttpProxyAgent | undefined;

/** Follows HTTP_PROXY, HTTPS_PROXY and NO_PROXY. Made at the first use, since a value that is no URL makes it throw. */
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

export interface OpenResponse {
  readonly response: Response;
  /** Ends the transfer. */
  readonly abort: (reason: Error) => void;
}

/**
 * One GET, redirects followed. Every address on the way is one by TLS or of this machine.
 * @throws DownloadError when no answer comes in time, or not by TLS; LocalStackError when the proxy's address is no URL.
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
  const ending = new AbortController();
  const late = setTimeout(
    () => ending.abort(new DownloadError({ message: `${host} did not answer within ${answerMs / 1000} s` })),
    answerMs,
  );
  const signal = options.signal === undefined ? ending.signal : AbortSignal.any([options.signal, ending.signal]);
  try {
    const response = await fetchFollowingRedirects(
      new URL(url),
      { ...options.headers, 'user-agent': 'certman-local' },
      signal,
    );
    return { response, abort: (reason) => ending.abort(reason) };
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
        message: `${url.host} redirects to "${location.slice(0, 200)}", which is no address`,
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

/** The typed failure of whatever a transfer ended with. */
export function failureOf(host: string, error: unknown): DownloadError {
  if (error instanceof DownloadError) return error;
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  if (cause instanceof DownloadError) return cause;
  const { code, message } = cause as NodeJS.ErrnoException;
  // An attempt at several addresses ends with an error that has a code and no message.
  const why = message === '' ? code : message;
  return new DownloadError({ message: `${host} cannot be reached: ${why}`, cause });
}
