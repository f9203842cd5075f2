/** Single HTTP requests to the parts. */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { text } from 'node:stream/consumers';

/** Options of {@link sendRequest}. */
export interface RequestOptions {
  /** PEM file of the CA that signed the server's certificate. */
  readonly caFile?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Body of a POST; absent for a GET. */
  readonly body?: string;
  readonly signal?: AbortSignal;
}

/** Status and body of a response. */
export interface HttpResponse {
  readonly status: number;
  readonly body: string;
}

const REQUEST_TIMEOUT_MS = 30_000;

/** Sends one request on its own connection. @throws Error when there is no response within 30 s, or the signal is aborted. */
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
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  return { status: response.statusCode ?? 0, body: await text(response) };
}
