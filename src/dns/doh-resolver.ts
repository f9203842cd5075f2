/** DoH (RFC 8484) by POST: HTTP caches must not answer for the DNS (§4.1). Queries share HTTP/2 connections (§5.2). */
import { Agent, type Dispatcher } from 'undici';
import { errorCodeOf } from '../failures/error-code.ts';
import { TimeLimit } from '../network/time-limit.ts';
import {
  type DnsQuestion,
  decodeCnameResponse,
  decodeNameServersResponse,
  decodeTxtResponse,
  encodeQuery,
  type Inconclusive,
  MAX_MESSAGE_BYTES,
  NO_ANSWER,
} from './dns-message.ts';
import type { Resolver } from './txt-source.ts';

const MEDIA_TYPE = 'application/dns-message';
const TIMEOUT_MS = 5_000;

/** The connections to all resolvers; the caller closes them. @param ca PEM, trusted instead of Node's own roots. */
export function createDohConnections({ ca, timeoutMs = TIMEOUT_MS }: { ca?: string; timeoutMs?: number }): Agent {
  return new Agent({
    allowH2: true,
    connections: 2,
    keepAliveTimeout: 60_000,
    // After this one undici replaces a connection that does not answer a ping; after an abort it keeps it.
    headersTimeout: timeoutMs,
    connect: { timeout: timeoutMs, ca },
  });
}

/** The message that a resolver answers with, or why there is none: the end of a sentence about it. */
export type DohAnswer = { readonly message: Buffer } | { readonly why: string };

/** Sends queries to one resolver. Bounded in time; never rejects. */
export interface DohExchange {
  /** Its host. */
  readonly name: string;
  readonly send: (query: Buffer) => Promise<DohAnswer>;
}

/** The exchange with a public resolver, by its URL. */
export function dohExchange(url: string, connections: Dispatcher, timeoutMs = TIMEOUT_MS): DohExchange {
  const { host, origin, pathname, search } = new URL(url);
  const send = async (query: Buffer): Promise<DohAnswer> => {
    const limit = new TimeLimit(2 * timeoutMs);
    try {
      const answer = await connections.request({
        origin,
        path: `${pathname}${search}`,
        method: 'POST',
        headers: { accept: MEDIA_TYPE, 'content-type': MEDIA_TYPE },
        body: query,
        signal: limit.signal,
      });
      const message = await readBounded(answer.body);
      if (answer.statusCode !== 200) return { why: `it answered HTTP ${answer.statusCode}` };
      const type = String(answer.headers['content-type'] ?? 'no content type');
      if (type.split(';')[0]?.trim().toLowerCase() !== MEDIA_TYPE) {
        return { why: `it answered ${type.slice(0, 80)} instead of ${MEDIA_TYPE}` };
      }
      return message === undefined ? { why: `it answered more than ${MAX_MESSAGE_BYTES} bytes` } : { message };
    } catch (error) {
      const reason = errorCodeOf(error) ?? (error instanceof Error ? error.name : 'unknown');
      return { why: `it cannot be reached (${reason})` };
    } finally {
      limit.end();
    }
  };
  return { name: host, send };
}

/** A public resolver, by its URL. */
export function dohResolver(url: string, connections: Dispatcher, timeoutMs = TIMEOUT_MS): Resolver {
  const { name: host, send } = dohExchange(url, connections, timeoutMs);
  const query = async <Response>(
    name: string,
    type: 'TXT' | 'CNAME' | 'NS',
    decode: (question: DnsQuestion, message: Buffer) => Response | undefined,
  ): Promise<Response | Inconclusive> => {
    const question = { id: 0, name, recursion: true };
    const answer = await send(encodeQuery({ ...question, type }));
    if ('why' in answer) return { kind: 'inconclusive', why: answer.why };
    return decode(question, answer.message) ?? NO_ANSWER;
  };
  return {
    name: host,
    queryTxt: (name) => query(name, 'TXT', decodeTxtResponse),
    queryCname: (name) => query(name, 'CNAME', decodeCnameResponse),
    queryNameServers: (zoneName) => query(zoneName, 'NS', decodeNameServersResponse),
  };
}

/** @returns undefined, without reading the rest, when the body is longer than any DNS message. */
async function readBounded(body: AsyncIterable<Buffer>): Promise<Buffer | undefined> {
  let message = Buffer.alloc(0);
  for await (const chunk of body) {
    message = Buffer.concat([message, chunk]);
    if (message.length > MAX_MESSAGE_BYTES) return undefined;
  }
  return message;
}
