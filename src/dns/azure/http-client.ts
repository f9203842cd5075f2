import { createHttpHeaders, type HttpClient, RestError } from '@azure/core-rest-pipeline';
import { Agent, type Dispatcher } from 'undici';
import { errorCodeOf } from '../../failures/error-code.ts';
import { TimeLimit } from '../../network/time-limit.ts';

const CONNECT_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 20_000;
const MAX_ANSWER_BYTES = 8 << 20;

/** The connections of all service principals to Azure. */
export function azureConnections(): Dispatcher {
  return new Agent({
    connections: 20,
    connect: { timeout: CONNECT_TIMEOUT_MS },
    headersTimeout: REQUEST_TIMEOUT_MS,
    bodyTimeout: REQUEST_TIMEOUT_MS,
    maxResponseSize: MAX_ANSWER_BYTES,
  });
}

/** The transport of Azure's SDK on these connections: its own has no bounds of time and size. */
export function azureHttpClient(connections: Dispatcher): HttpClient {
  return {
    async sendRequest(request) {
      const { origin, pathname, search } = new URL(request.url);
      const headers = request.headers.toJSON();
      const limit = new TimeLimit(REQUEST_TIMEOUT_MS);
      try {
        const answer = await connections.request({
          origin,
          path: pathname + search,
          method: request.method as Dispatcher.HttpMethod,
          // What is compressed cannot be bounded before it is unpacked.
          headers: { ...headers, 'accept-encoding': 'identity' },
          body: typeof request.body === 'string' ? request.body : null,
          signal: limit.signal,
        });
        const received = Object.entries(answer.headers).map(([name, value = '']) => [name, String(value)]);
        return {
          request,
          status: answer.statusCode,
          headers: createHttpHeaders(Object.fromEntries(received) as Record<string, string>),
          bodyAsText: await answer.body.text(),
        };
      } catch (error) {
        // The cause is left out: the SDK would quote it, and with it the request.
        const code = errorCodeOf(error) ?? (error instanceof Error ? error.name : 'unknown');
        throw new RestError(code, { code: RestError.REQUEST_SEND_ERROR });
      } finally {
        limit.end();
      }
    },
  };
}
