/**
 * The servers that a zone is served by, asked directly (UDP, TCP when the answer does not fit): they know first, and asking
 * a resolver too early makes it keep "no such name" for as long as the zone's SOA says.
 */
import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { connect, isIPv6 } from 'node:net';
import pLimit from 'p-limit';
import { LoadingCache } from '../cache/loading-cache.ts';
import { decodeTxtResponse, encodeTxtQuery, isTruncated, MAX_MESSAGE_BYTES, type TxtResponse } from './dns-message.ts';
import { formatHostAndPort, type HostAndPort } from './host-and-port.ts';
import type { TxtSource } from './txt-source.ts';

/** Sent again after this long, since datagrams get lost; given up after it again. */
const UDP_TIMEOUT_MS = 700;
const UDP_ATTEMPTS = 2;
const TCP_TIMEOUT_MS = 2_000;
const ADDRESS_TTL_MS = 10 * 60_000;

/** A server that does not answer (port 53 is closed on the way, as a rule) is left alone for this long, */
const BREAKER_OPEN_MS = 5 * 60_000;
/** after so many questions in a row; more of them when it has answered before: a busy moment must not look like a closed port. */
const BREAKER_THRESHOLD_UNPROVEN = 3;
const BREAKER_THRESHOLD_PROVEN = 20;

/** Questions on their way at once, each with a socket and so an unguessable port of its own (RFC 5452 §4.5). */
const MAX_IN_FLIGHT = 100;

const inFlight = pLimit(MAX_IN_FLIGHT);
const addresses = new LoadingCache<string>({ max: 5_000, ttlMs: ADDRESS_TTL_MS });

export class AuthoritativeServer implements TxtSource {
  readonly name: string;
  readonly #at: HostAndPort;
  #silentUntil = 0;
  #silentWhy = '';
  #failures = 0;
  #hasAnswered = false;

  constructor(at: HostAndPort) {
    this.#at = at;
    this.name = at.port === 53 ? at.host : formatHostAndPort(at);
  }

  async queryTxt(name: string): Promise<TxtResponse> {
    return inFlight(async () => {
      if (performance.now() < this.#silentUntil) return { kind: 'silent', why: this.#silentWhy };
      try {
        const reply = await this.#exchange(name);
        if (reply === undefined) return this.#failed('it does not answer');
        this.#failures = 0;
        this.#hasAnswered = true;
        return reply;
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        return this.#failed(`it cannot be reached (${typeof code === 'string' ? code : 'unknown'})`);
      }
    });
  }

  /** @returns undefined when nothing comes back in time. */
  async #exchange(name: string): Promise<TxtResponse | undefined> {
    const question = { id: randomInt(65_536), name, recursion: false };
    const query = encodeTxtQuery(question);
    const { host, port } = this.#at;
    const address = await addresses.get(host, async () => (await lookup(host)).address);
    const accept = (message: Buffer): TxtResponse | undefined => decodeTxtResponse(question, message);
    for (let tried = 0; tried < UDP_ATTEMPTS; tried++) {
      const message = await queryUdp(address, port, query, accept);
      if (message === undefined) continue;
      const reply = accept(isTruncated(message) ? await queryTcp(address, port, query) : message);
      return reply ?? { kind: 'silent', why: 'its answer is no DNS answer to the question' };
    }
    return undefined;
  }

  #failed(why: string): TxtResponse {
    this.#failures++;
    if (this.#failures >= (this.#hasAnswered ? BREAKER_THRESHOLD_PROVEN : BREAKER_THRESHOLD_UNPROVEN)) {
      this.#silentUntil = performance.now() + BREAKER_OPEN_MS;
      this.#silentWhy = why;
      this.#failures = 0;
      this.#hasAnswered = false;
    }
    return { kind: 'silent', why };
  }
}

/** @returns the first datagram that answers the question; undefined when none comes in time. */
function queryUdp(
  address: string,
  port: number,
  query: Buffer,
  accept: (message: Buffer) => unknown,
): Promise<Buffer | undefined> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
    let ended = false;
    const end = (finish: () => void): void => {
      if (ended) return;
      ended = true;
      clearTimeout(timer);
      socket.close();
      finish();
    };
    // After a busy moment the timer runs before the datagrams that have come meanwhile: they are let in first.
    const timer = setTimeout(() => setImmediate(() => end(() => resolve(undefined))), UDP_TIMEOUT_MS);
    socket.once('error', (error) => end(() => reject(error)));
    socket.on('message', (message) => {
      if (accept(message) !== undefined) end(() => resolve(message));
    });
    // Connected, so that nobody else's datagrams are taken and a refusal is heard.
    socket.connect(port, address, () => socket.send(query));
  });
}

/** RFC 1035 §4.2.2: a length of two bytes before each message. */
function queryTcp(address: string, port: number, query: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const length = Buffer.alloc(2);
    length.writeUInt16BE(query.length);
    const socket = connect({ host: address, port, timeout: TCP_TIMEOUT_MS });
    const deadline = setTimeout(() => socket.destroy(new TimeoutError()), TCP_TIMEOUT_MS);
    let received = Buffer.alloc(0);
    socket.once('connect', () => socket.write(Buffer.concat([length, query])));
    socket.once('timeout', () => socket.destroy(new TimeoutError()));
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      if (received.length < 2) return;
      const expected = received.readUInt16BE(0);
      if (received.length < expected + 2 && received.length <= MAX_MESSAGE_BYTES + 2) return;
      resolve(received.subarray(2, expected + 2));
      socket.destroy();
    });
    socket.once('error', reject);
    socket.once('close', () => {
      clearTimeout(deadline);
      reject(new ClosedError());
    });
  });
}

class TimeoutError extends Error {
  readonly code = 'ETIMEDOUT';
}

class ClosedError extends Error {
  readonly code = 'ECONNRESET';
}
