/** The lines of a streaming answer (a watch sends one JSON object a line). */
import { StringDecoder } from 'node:string_decoder';
import { CertmanError } from '../../failures/failure.ts';
import { apiError, unreachableError } from './api-error.ts';
import type { Transport } from './transport.ts';

/** One event carries one object: etcd's 1.5 MiB with room for JSON's escapes. */
const MAX_LINE_LENGTH = 8 * 1024 * 1024;
const MAX_ERROR_BODY_LENGTH = 64 * 1024;
/** Longer than the API server's own bookmarks, which come about once a minute. */
const IDLE_TIMEOUT_MS = 5 * 60_000;

export async function* streamLines(
  transport: Transport,
  path: string,
  signal: AbortSignal,
  options: { readonly accept?: string; readonly silenceMs?: number },
): AsyncGenerator<string> {
  const limit = new AbortController();
  const forward = (): void => limit.abort(signal.reason);
  signal.throwIfAborted();
  signal.addEventListener('abort', forward, { once: true });
  const silenceMs = options.silenceMs ?? IDLE_TIMEOUT_MS;
  const watchdog = new Watchdog(silenceMs, () => limit.abort(new Error(`nothing came for ${silenceMs / 1000} s`)));
  try {
    const request = options.accept === undefined ? { path } : { path, accept: options.accept };
    const answer = await transport.stream(request, limit.signal);
    if (answer.statusCode !== 200) {
      if (answer.statusCode === 401) transport.invalidateCredentials();
      const retryAfter = answer.headers['retry-after'];
      throw apiError(`watch ${path.split('?', 1)[0]}`, {
        status: answer.statusCode,
        text: await readErrorBody(answer.body),
        ...(typeof retryAfter === 'string' ? { retryAfter } : {}),
      });
    }
    yield* lines(answer.body, watchdog);
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof CertmanError ? error : unreachableError(transport.origin, error);
  } finally {
    watchdog.stop();
    signal.removeEventListener('abort', forward);
    limit.abort();
  }
}

/** Runs while something is waited for. */
class Watchdog {
  readonly #ms: number;
  readonly #onSilence: () => void;
  #timer: NodeJS.Timeout | undefined;

  constructor(ms: number, onSilence: () => void) {
    this.#ms = ms;
    this.#onSilence = onSilence;
    this.start();
  }

  start(): void {
    this.stop();
    this.#timer = setTimeout(this.#onSilence, this.#ms);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}

async function* lines(body: AsyncIterable<Buffer>, watchdog: Watchdog): AsyncGenerator<string> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  for await (const chunk of body) {
    // The time that the reader takes says nothing about the other side.
    watchdog.stop();
    const parts = (rest + decoder.write(chunk)).split('\n');
    rest = parts.pop() ?? '';
    if (rest.length > MAX_LINE_LENGTH) throw new Error(`a line longer than ${MAX_LINE_LENGTH} characters`);
    for (const part of parts) if (part !== '') yield part;
    watchdog.start();
  }
  // A last line without its end is a cut one: the reader resumes from the one before.
}

async function readErrorBody(body: AsyncIterable<Buffer>): Promise<string> {
  let text = '';
  for await (const chunk of body) {
    text += chunk.toString('utf8');
    if (text.length > MAX_ERROR_BODY_LENGTH) break;
  }
  return text.slice(0, MAX_ERROR_BODY_LENGTH);
}
