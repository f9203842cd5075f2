import { apiError, toCertmanError } from './api-error.ts';
import type { StreamOptions } from './kubernetes-api.ts';
import type { Transport } from './transport.ts';

/** One event carries one object: etcd's 1.5 MiB with room for JSON's escapes. */
const MAX_LINE_LENGTH = 8 * 1024 * 1024;
const MAX_ERROR_BODY_LENGTH = 64 * 1024;
/** Bookmarks come about once a minute; the connection of a stream that is silent for longer may be dead. */
const IDLE_TIMEOUT_MS = 130_000;

/** The lines of a stream (a watch: one JSON object each). @throws as {@link WatchConnection.openStream}. */
export async function* streamLines(
  transport: Transport,
  path: string,
  signal: AbortSignal,
  { accept, silenceMs = IDLE_TIMEOUT_MS }: StreamOptions,
): AsyncGenerator<string> {
  const end = new AbortController();
  const startTimer = (): NodeJS.Timeout =>
    setTimeout(() => end.abort(new Error(`nothing came for ${silenceMs / 1000} s`)), silenceMs);
  let timer = startTimer();
  try {
    const { body, ...response } = await transport.stream(path, accept, AbortSignal.any([signal, end.signal]));
    if (response.status !== 200) {
      throw apiError(`watch ${path.split('?', 1)[0]}`, { ...response, text: await readErrorBody(body) });
    }
    const decoder = new TextDecoder();
    let rest = '';
    for await (const chunk of body) {
      // The time that the consumer takes is not the server's silence.
      clearTimeout(timer);
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > MAX_LINE_LENGTH) throw new Error(`a line longer than ${MAX_LINE_LENGTH} characters`);
      for (const line of lines) if (line !== '') yield line;
      timer = startTimer();
    }
    // A last line without its newline is cut: the consumer resumes from the one before.
  } catch (error) {
    signal.throwIfAborted();
    throw toCertmanError(transport.origin, error);
  } finally {
    clearTimeout(timer);
    end.abort();
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
