/** A zone's servers have a record first; a resolver queried too early caches its absence as long as the SOA says. */
import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { connect, isIPv6 } from 'node:net';
import pLimit from 'p-limit';
import { LoadingCache } from '../cache/loading-cache.ts';
import { errorCodeOf } from '../failures/error-code.ts';
import {
  type CnameResponse,
  type DnsQuestion,
  decodeCnameResponse,
  decodeTxtResponse,
  encodeQuery,
  type Inconclusive,
  isTruncated,
  NO_ANSWER,
  type TxtResponse,
} from './dns-message.ts';
import { formatHostAndPort, type HostAndPort } from './host-and-port.ts';
import type { AliasSource } from './txt-source.ts';

const UDP_TIMEOUT_MS = 700;
const TCP_TIMEOUT_MS = 2_000;
const ADDRESS_TTL_MS = 10 * 60_000;

/** Circuit breaker for a blocked port 53. A server that has answered before may fail more often: it may be busy. */
const MAX_FAILURES_UNPROVEN = 3;
const MAX_FAILURES_PROVEN = 20;
const BREAKER_OPEN_MS = 5 * 60_000;

/** Queries in flight, each with a socket and so an unpredictable port of its own (RFC 5452 §4.5). */
const MAX_IN_FLIGHT = 100;

const inFlight = pLimit(MAX_IN_FLIGHT);

type QueriedType = 'TXT' | 'CNAME';

/** @returns undefined when the message does not answer the query. */
type Decode<Response> = (question: DnsQuestion, message: Buffer) => Response | undefined;

/** Resolves the host of a server. */
export type ResolveServer = (host: string) => Promise<string>;

/** Caches addresses by host, for all servers that share it. @param resolve default: as the machine does, to any address. */
export function cachedAddresses(resolve: ResolveServer = async (host) => (await lookup(host)).address): ResolveServer {
  const addresses = new LoadingCache<string>({ max: 5_000, ttlMs: ADDRESS_TTL_MS });
  return (host) => addresses.get(host, () => resolve(host));
}

/** A server of a zone, by UDP, or TCP when the answer does not fit; fails fast while its circuit breaker is open. */
export class AuthoritativeServer implements AliasSource {
  readonly name: string;
  readonly #address: HostAndPort;
  readonly #resolve: ResolveServer;
  #openUntil = 0;
  #openWhy = '';
  #failuresLeft = MAX_FAILURES_UNPROVEN;

  constructor(at: HostAndPort, resolve: ResolveServer) {
    this.#address = at;
    this.#resolve = resolve;
    this.name = at.port === 53 ? at.host : formatHostAndPort(at);
  }

  queryTxt(name: string): Promise<TxtResponse> {
    return this.#query(name, 'TXT', decodeTxtResponse);
  }

  queryCname(name: string): Promise<CnameResponse> {
    return this.#query(name, 'CNAME', decodeCnameResponse);
  }

  #query<Response>(name: string, type: QueriedType, decode: Decode<Response>): Promise<Response | Inconclusive> {
    return inFlight(async () => {
      if (performance.now() < this.#openUntil) return { kind: 'inconclusive', why: this.#openWhy };
      try {
        const reply = await this.#exchange({ id: randomInt(65_536), name, recursion: false }, type, decode);
        if (reply === undefined) return this.#recordFailure('it does not answer');
        this.#failuresLeft = MAX_FAILURES_PROVEN;
        return reply;
      } catch (error) {
        return this.#recordFailure(`it cannot be reached (${errorCodeOf(error) ?? 'unknown'})`);
      }
    });
  }

  async #exchange<Response>(
    question: DnsQuestion,
    type: QueriedType,
    decode: Decode<Response>,
  ): Promise<Response | Inconclusive | undefined> {
    const query = encodeQuery({ ...question, type });
    const { host, port } = this.#address;
    const address = await this.#resolve(host);
    const accept = (message: Buffer): Response | undefined => decode(question, message);
    const askOnce = (): Promise<Buffer | undefined> => queryUdp(address, port, query, accept);
    const message = (await askOnce()) ?? (await askOnce());
    if (message === undefined) return undefined;
    return accept(isTruncated(message) ? await queryTcp(address, port, query) : message) ?? NO_ANSWER;
  }

  #recordFailure(why: string): Inconclusive {
    this.#failuresLeft--;
    if (this.#failuresLeft <= 0) {
      this.#openUntil = performance.now() + BREAKER_OPEN_MS;
      this.#openWhy = why;
      this.#failuresLeft = MAX_FAILURES_UNPROVEN;
    }
    return { kind: 'inconclusive', why };
  }
}

/** @returns the first datagram that answers the question; undefined when none comes in time. */
async function queryUdp(
  address: string,
  port: number,
  query: Buffer,
  accept: (message: Buffer) => unknown,
): Promise<Buffer | undefined> {
  const { promise: answer, resolve, reject } = Promise.withResolvers<Buffer | undefined>();
  const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
  socket.on('error', reject);
  socket.on('message', (message) => {
    if (accept(message) !== undefined) resolve(message);
  });
  // Connected, so that the kernel drops other senders' datagrams and reports a refusal.
  socket.connect(port, address, () => socket.send(query));
  // After a busy moment, the timer runs before the datagrams that have arrived: setImmediate reads them first.
  const timer = setTimeout(() => setImmediate(resolve, undefined), UDP_TIMEOUT_MS);
  try {
    return await answer;
  } finally {
    clearTimeout(timer);
    socket.close();
  }
}

/** RFC 1035 §4.2.2: a length of two bytes before each message. */
async function queryTcp(address: string, port: number, query: Buffer): Promise<Buffer> {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(query.length);
  const socket = connect(port, address);
  const deadline = setTimeout(() => socket.destroy(errorWithCode('ETIMEDOUT')), TCP_TIMEOUT_MS);
  try {
    socket.write(Buffer.concat([length, query]));
    let received = Buffer.alloc(0);
    for await (const chunk of socket) {
      received = Buffer.concat([received, chunk as Buffer]);
      const end = received.length < 2 ? Number.POSITIVE_INFINITY : received.readUInt16BE(0) + 2;
      if (received.length >= end) return received.subarray(2, end);
    }
    throw errorWithCode('ECONNRESET');
  } finally {
    clearTimeout(deadline);
    socket.destroy();
  }
}

function errorWithCode(code: string): Error {
  return Object.assign(new Error(code), { code });
}
