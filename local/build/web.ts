/** Requests to publishers: by TLS, through the proxy of the environment, given up within seconds where nothing answers. */
import { EnvHttpProxyAgent, fetch, type Response } from 'undici';
import { LocalProblem } from '../problem.ts';
import { isTrusted } from './publishers.ts';

/** A publisher's file cannot be had: what is offered, and why it was not taken. */
export class DownloadFailed extends LocalProblem {}

export interface WebLimits {
  /** Until a connection is made and the headers have come. */
  readonly answerMs: number;
  /** The longest pause between two pieces of the body. */
  readonly stallMs: number;
  /** The longest that a whole file may take … */
  readonly fileMs: number;
  /** … which its pace tells after this time. */
  readonly paceMs: number;
}

/** A first answer takes a second over slow links, and a person waits for it. */
export const WEB_LIMITS: WebLimits = { answerMs: 5_000, stallMs: 10_000, fileMs: 10 * 60_000, paceMs: 20_000 };

/** Follows HTTP_PROXY, HTTPS_PROXY and NO_PROXY; its connections end with the process. */
const agent = new EnvHttpProxyAgent({ connections: 8 });

export interface Asked {
  readonly response: Response;
  /** Ends the transfer. */
  readonly abort: (reason: Error) => void;
}

/** One GET, redirects followed. @throws DownloadFailed when no answer comes in time, or not by TLS. */
export async function get(
  url: string,
  options: {
    readonly headers?: Readonly<Record<string, string>>;
    readonly limits?: WebLimits;
    readonly signal?: AbortSignal | undefined;
  } = {},
): Promise<Asked> {
  const { answerMs } = options.limits ?? WEB_LIMITS;
  const host = new URL(url).host;
  const ending = new AbortController();
  const late = setTimeout(
    () => ending.abort(new DownloadFailed({ message: `${host} did not answer within ${answerMs / 1000} s` })),
    answerMs,
  );
  const signal = options.signal === undefined ? ending.signal : AbortSignal.any([options.signal, ending.signal]);
  try {
    const response = await fetch(url, {
      dispatcher: agent,
      signal,
      headers: { 'user-agent': 'certman-local', ...options.headers },
    });
    const from = new URL(response.url);
    if (!isTrusted(from)) {
      ending.abort();
      throw new DownloadFailed({ message: `${host} redirects to ${from.protocol}//${from.host}, which is not TLS` });
    }
    return { response, abort: (reason) => ending.abort(reason) };
  } catch (error) {
    options.signal?.throwIfAborted();
    throw failureOf(host, error);
  } finally {
    clearTimeout(late);
  }
}

/** The typed failure of whatever a transfer ended with. */
export function failureOf(host: string, error: unknown): DownloadFailed {
  if (error instanceof DownloadFailed) return error;
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  if (cause instanceof DownloadFailed) return cause;
  const { code, message } = cause as NodeJS.ErrnoException;
  // An attempt at several addresses ends with an error that has a code and no message.
  const why = message === '' ? code : message;
  return new DownloadFailed({ message: `${host} cannot be reached: ${why}`, cause });
}
