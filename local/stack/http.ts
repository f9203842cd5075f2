/** Single requests to the parts, which are trusted by the stack's own CA. */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { text } from 'node:stream/consumers';

export interface RequestOptions {
  /** PEM file that the server is trusted by. */
  readonly caFile?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent by POST; absent: a GET. */
  readonly body?: string;
  readonly signal?: AbortSignal;
}

export interface HttpResponse {
  readonly status: number;
  readonly body: string;
}

const REQUEST_TIMEOUT_MS = 30_000;

/** One request on a connection of its own. @throws Error when there is no answer within half a minute, or the signal is aborted. */
export async function sendRequest(url: string, options: RequestOptions = {}): Promise<HttpResponse> {
  const ca = options.caFile === undefined ? {} : { ca: await readFile(options.caFile) };
  const send = url.startsWith('https:') ? requestHttps : requestHttp;
  const request = send(url, {
    ...ca,
    agent: false,
    method: options.body === undefined ? 'GET' : 'POST',
    headers: { 'user-agent': 'certman-local', ...options.headers },
    signal: options.signal ?? AbortSignal.timeout(REQUEST_TIMEOUT_MS),
  });
  request.end(options.body);
  const [answer] = (await once(request, 'response')) as [IncomingMessage];
  return { status: answer.statusCode ?? 0, body: await text(answer) };
}
