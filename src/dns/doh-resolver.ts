/** DoH (RFC 8484) by POST: HTTP caches must not answer for the DNS (§4.1). Queries share HTTP/2 connections (§5.2). */
import { Agent, type Dispatcher } from 'undici';
import { decodeTxtResponse, encodeTxtQuery, MAX_MESSAGE_BYTES, type TxtResponse } from './dns-message.ts';
import type { TxtSource } from './txt-source.ts';

const MEDIA_TYPE = 'application/dns-message';
const TIMEOUT_MS = 5_000;

/** The connections to all resolvers; the caller closes them. @param ca PEM, trusted instead of Node's own roots. */
export function createDohConnections({ ca, timeoutMs = TIMEOUT_MS }: { ca?: string; timeoutMs?: number }): Agent {
  return new Agent({
    allowH2: true,
    connections: 2,
    keepAliveTimeout: 60_000,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    connect: { timeout: timeoutMs, ca },
  });
}

/** A public resolver, by its URL. */
export class DohResolver implements TxtSource {
  readonly name: string;
  readonly #url: URL;
  readonly #connections: Dispatcher;
  readonly #timeoutMs: number;

  constructor(url: string, connections: Dispatcher, timeoutMs = TIMEOUT_MS) {
    this.#url = new URL(url);
    this.name = this.#url.host;
    this.#connections = connections;
    this.#timeoutMs = timeoutMs;
  }

  async queryTxt(name: string): Promise<TxtResponse> {
    const question = { id: 0, name, recursion: true };
    try {
      const answer = await this.#connections.request({
        origin: this.#url.origin,
        path: `${this.#url.pathname}${this.#url.search}`,
        method: 'POST',
        headers: { accept: MEDIA_TYPE, 'content-type': MEDIA_TYPE },
        body: encodeTxtQuery(question),
        signal: AbortSignal.timeout(this.#timeoutMs),
      });
      const message = await readBounded(answer.body);
      if (answer.statusCode !== 200) return noAnswer(`it answered HTTP ${answer.statusCode}`);
      const type = String(answer.headers['content-type'] ?? 'no content type');
      if (type.split(';')[0]?.trim().toLowerCase() !== MEDIA_TYPE) {
        return noAnswer(`it answered ${type.slice(0, 80)} instead of ${MEDIA_TYPE}`);
      }
      if (message === undefined) return noAnswer(`it answered more than ${MAX_MESSAGE_BYTES} bytes`);
      return decodeTxtResponse(question, message) ?? noAnswer('its answer is no DNS answer to the question');
    } catch (error) {
      return noAnswer(`it cannot be reached (${reasonOf(error)})`);
    }
  }
}

/** @returns undefined, without reading the rest, when the body is longer than any DNS message. */
async function readBounded(body: Dispatcher.ResponseData['body']): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of body) {
    if (!Buffer.isBuffer(chunk)) continue;
    length += chunk.length;
    if (length > MAX_MESSAGE_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function noAnswer(why: string): TxtResponse {
  return { kind: 'inconclusive', why };
}

/** The code of an error, or its name: its message can quote what the other side sent. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  const { code } = error as NodeJS.ErrnoException;
  return typeof code === 'string' ? code : error.name;
}
