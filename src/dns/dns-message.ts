/** TXT queries and responses in DNS wire format (RFC 1035 §4). Pure. */
import packet from 'dns-packet';
import { normalizeName } from '../certificates/dns-name.ts';

/** No DNS message is longer (RFC 1035 §4.2.2: its length over TCP is 16 bits). */
export const MAX_MESSAGE_BYTES = 65_535;

/** Largest UDP response requested: no path fragments it (DNS flag day 2020). */
const MAX_UDP_PAYLOAD_BYTES = 1_232;

const MAX_CNAMES_PER_RESPONSE = 16;

/** What a server answers about the TXT records of a name. */
export type TxtResponse =
  | { readonly kind: 'values'; readonly values: readonly string[]; readonly ttlSeconds: number }
  /** No such name, or no TXT there; `ttlSeconds`: for how long that may be cached (RFC 2308 §5), where it says. */
  | { readonly kind: 'absent'; readonly ttlSeconds?: number }
  /** A CNAME whose target the response does not include. */
  | { readonly kind: 'alias'; readonly target: string }
  /** Neither values nor their absence: refused, failed, malformed. */
  | { readonly kind: 'inconclusive'; readonly why: string };

/** What a message amounts to that does not answer the query. */
export const NO_ANSWER: TxtResponse = { kind: 'inconclusive', why: 'its answer is no DNS answer to the question' };

/** A query for the TXT records of a name. */
export interface TxtQuery {
  /** 0 for DoH, so that caches can share responses (RFC 8484 §4.1). */
  readonly id: number;
  readonly name: string;
  /** True for resolvers, false for authoritative servers. */
  readonly recursion: boolean;
}

/** Encodes a query with EDNS (RFC 6891 §6.1.2). */
export function encodeTxtQuery(question: TxtQuery): Buffer {
  return packet.encode({
    type: 'query',
    id: question.id,
    flags: question.recursion ? packet.RECURSION_DESIRED : 0,
    questions: [{ type: 'TXT', class: 'IN', name: question.name }],
    additionals: [
      {
        type: 'OPT',
        name: '.',
        udpPayloadSize: MAX_UDP_PAYLOAD_BYTES,
        extendedRcode: 0,
        ednsVersion: 0,
        flags: 0,
        flag_do: false,
        options: [],
      },
    ],
  });
}

/** Whether the response does not fit a datagram and must be requested over TCP (RFC 1035 §4.2.1). */
export function isTruncated(message: Buffer): boolean {
  return message.length > 2 && ((message[2] ?? 0) & 0x02) !== 0;
}

/** @returns undefined when the message does not answer the query. */
export function decodeTxtResponse(question: TxtQuery, message: Buffer): TxtResponse | undefined {
  let answer: packet.DecodedPacket;
  try {
    answer = packet.decode(message);
  } catch {
    return undefined;
  }
  const asked = answer.questions?.[0];
  const name = normalizeName(question.name);
  if (answer.type !== 'response' || (answer.id ?? 0) !== question.id) return undefined;
  if (asked !== undefined && (asked.type !== 'TXT' || normalizeName(asked.name) !== name)) return undefined;
  // Known to the library at run time, not to its types.
  const { rcode } = answer as packet.DecodedPacket & { readonly rcode?: string };
  if (rcode !== 'NOERROR' && rcode !== 'NXDOMAIN')
    return { kind: 'inconclusive', why: `it answered ${rcode ?? 'no code'}` };
  return readRecords(name, answer);
}

function readRecords(name: string, { answers = [], authorities = [] }: packet.DecodedPacket): TxtResponse {
  const texts = answers.filter((record) => record.type === 'TXT');
  const aliases = answers.filter((record): record is packet.StringAnswer => record.type === 'CNAME');
  let owner = name;
  for (let hop = 0; hop < MAX_CNAMES_PER_RESPONSE; hop++) {
    const found = texts.filter((record) => normalizeName(record.name) === owner);
    if (found.length > 0) {
      return { kind: 'values', values: found.map(textOf), ttlSeconds: Math.min(...found.map(({ ttl = 0 }) => ttl)) };
    }
    const alias = aliases.find((record) => normalizeName(record.name) === owner);
    if (alias === undefined) break;
    owner = normalizeName(alias.data);
    if (owner === name) return { kind: 'inconclusive', why: 'its aliases lead in a circle' };
  }
  if (owner !== name) return { kind: 'alias', target: owner };
  const soa = authorities.find((record) => record.type === 'SOA');
  if (soa === undefined) return { kind: 'absent' };
  const { ttl = 0, data } = soa;
  return { kind: 'absent', ttlSeconds: Math.min(ttl, data.minimum ?? ttl) };
}

/** The character-strings of a TXT record are one text (RFC 8555 §8.4, RFC 7208 §3.3). */
function textOf({ data }: packet.TxtAnswer): string {
  return Buffer.concat([data].flat().map((part) => Buffer.from(part))).toString('utf8');
}
