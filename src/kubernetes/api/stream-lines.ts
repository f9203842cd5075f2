import { StringDecoder } from 'node:string_decoder';
import { CertmanError } from '../../failures/failure.ts';
import { apiError, unreachableError } from './api-error.ts';
import type { StreamOptions } from './kubernetes-api.ts';
import { RequestTimeout } from './request-timeout.ts';
import type { Transport } from './transport.ts';

/** One event carries one object: etcd's 1.5 MiB with room for JSON's escapes. */
const MAX_LINE_LENGTH = 8 * 1024 * 1024;
const MAX_ERROR_BODY_LENGTH = 64 * 1024;
/** Longer than the API server's own bookmarks, which come about once a minute. */
const IDLE_TIMEOUT_MS = 5 * 60_000;

/** The lines of a stream (a watch: one JSON object each). @throws as {@link WatchConnection.openStream}. */
export async function* streamLines(
  transport: Transport,
  path: string,
  signal: AbortSignal,
  { accept, silenceMs = IDLE_TIMEOUT_MS }: StreamOptions,
): AsyncGenerator<string> {
  const timeout = new RequestTimeout(signal, silenceMs, `nothing came for ${silenceMs / 1000} s`);
  try {
    const response = await transport.stream({ path, accept }, timeout.signal);
    if (response.status !== 200) {
      const text = await readErrorBody(response.body);
      throw apiError(`watch ${path.split('?', 1)[0]}`, { ...response, text });
    }
    yield* lines(response.body, timeout);
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof CertmanError ? error : unreachableError(transport.origin, error);
  } finally {
    timeout.abort();
  }
}

async function* lines(body: AsyncIterable<Buffer>, timeout: RequestTimeout): AsyncGenerator<string> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  for await (const chunk of body) {
    // The time that the consumer takes is not the server's silence.
    timeout.stop();
    const parts = (rest + decoder.write(chunk)).split('\n');
    rest = parts.pop() ?? '';
    if (rest.length > MAX_LINE_LENGTH) throw new Error(`a line longer than ${MAX_LINE_LENGTH} characters`);
    for (const part of parts) if (part !== '') yield part;
    timeout.start();
  }
  // A last line without its newline is cut: the consumer resumes from the one before.
}

async function readErrorBody(body: AsyncIterable<Buffer>): Promise<string> {
  let text = '';
  for await (const chunk of body) {
    text += chunk.toString('utf8');
    if (text.length > MAX_ERROR_BODY_LENGTH) break;
  }
  return text.slice(0, MAX_ERROR_BODY_LENGTH);
}
