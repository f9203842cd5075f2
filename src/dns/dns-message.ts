/** Queries and responses in DNS wire format (RFC 1035 §4). Pure. */
import packet from 'dns-packet';
import { normalizeName } from '../certificates/dns-name.ts';

/** No DNS message is longer (RFC 1035 §4.2.2: its length over TCP is 16 bits). */
export const MAX_MESSAGE_BYTES = 65_535;

/** Largest UDP response requested: no path fragments it (DNS flag day 2020). */
const MAX_UDP_PAYLOAD_BYTES = 1_232;

const MAX_CNAMES_PER_RESPONSE = 16;

/** As many as a DNSZone may name. */
const MAX_NAME_SERVERS = 32;

/** What a server answers about the TXT records of a name. */
export type TxtResponse =
  | { readonly kind: 'values'; readonly values: readonly string[]; readonly ttlSeconds: number }
  /** No such name, or no TXT there; `ttlSeconds`: for how long that may be cached (RFC 2308 §5), where it says. */
  | { readonly kind: 'absent'; readonly ttlSeconds?: number }
  /** A CNAME whose target the response does not include. */
  | { readonly kind: 'alias'; readonly target: string }
  /** Neither values nor their absence: refused, failed, malformed. */
  | { readonly kind: 'inconclusive'; readonly why: string };

/** Neither the records nor their absence: refused, failed, malformed. */
export type Inconclusive = Extract<TxtResponse, { readonly kind: 'inconclusive' }>;

/** What a server answers about the CNAME of a name; `none`: there is no such name, or it is no alias. */
export type CnameResponse =
  | { readonly kind: 'alias'; readonly target: string }
  | { readonly kind: 'none' }
  | Inconclusive;

/** What a server answers about the name servers of a zone; `below`: the name is no zone, but in this one. */
export type NameServersResponse =
  | { readonly kind: 'servers'; readonly hosts: readonly string[] }
  | { readonly kind: 'below'; readonly zoneName: string }
  | Inconclusive;

/** What a message amounts to that does not answer the query. */
export const NO_ANSWER: Inconclusive = { kind: 'inconclusive', why: 'its answer is no DNS answer to the question' };

const NOT_AUTHORITATIVE: Inconclusive = { kind: 'inconclusive', why: 'it is not authoritative for the name' };

/** A query about a name, of no type yet. */
export interface DnsQuestion {
  /** 0 for DoH, so that caches can share responses (RFC 8484 §4.1). */
  readonly id: number;
  readonly name: string;
  /** True for resolvers, false for authoritative servers. */
  readonly recursion: boolean;
}

/** A query for the records of a name: of one type, by one way of asking. */
export interface RecordQuery extends DnsQuestion {
  readonly type: packet.RecordType;
  /** Asks for DNSSEC records (RFC 4035 §3.2.1). */
  readonly dnssecOk?: boolean;
  /** The resolver answers although the answer does not validate (RFC 4035 §3.2.2). */
  readonly checkingDisabled?: boolean;
}

/** Encodes a query with EDNS (RFC 6891 §6.1.2). */
export function encodeQuery({ type, id, name, ...how }: RecordQuery): Buffer {
  const { recursion, dnssecOk = false, checkingDisabled = false } = how;
  return packet.encode({
    type: 'query',
    id,
    flags: (recursion ? packet.RECURSION_DESIRED : 0) | (checkingDisabled ? packet.CHECKING_DISABLED : 0),
    questions: [{ type, class: 'IN', name }],
    additionals: [
      {
        type: 'OPT',
        name: '.',
        udpPayloadSize: MAX_UDP_PAYLOAD_BYTES,
        extendedRcode: 0,
        ednsVersion: 0,
        flags: dnssecOk ? packet.DNSSEC_OK : 0,
        flag_do: dnssecOk,
        options: [],
      },
    ],
  });
}

/** Whether the response does not fit a datagram and must be requested over TCP (RFC 1035 §4.2.1). */
export function isTruncated(message: Buffer): boolean {
  return message.length > 2 && ((message[2] ?? 0) & 0x02) !== 0;
}

/** A message that answers a query; `rcode` by name (RFC 1035 §4.1.1). */
export type DnsResponse = packet.DecodedPacket & { readonly rcode?: string };

/** @returns undefined when the message does not answer the query. */
export function decodeResponse(question: Omit<RecordQuery, 'recursion'>, message: Buffer): DnsResponse | undefined {
  let answer: DnsResponse;
  try {
    // `rcode` is known to the library at run time, not to its types.
    answer = packet.decode(message);
  } catch {
    return undefined;
  }
  const asked = answer.questions?.[0];
  if (answer.type !== 'response' || (answer.id ?? 0) !== question.id) return undefined;
  const isOther =
    asked !== undefined && (asked.type !== question.type || normalizeName(asked.name) !== normalizeName(question.name));
  return isOther ? undefined : answer;
}

/** @returns undefined when the message does not answer the query. */
export function decodeTxtResponse(question: DnsQuestion, message: Buffer): TxtResponse | undefined {
  const answer = decodeConclusive({ ...question, type: 'TXT' }, message);
  if (answer === undefined || 'why' in answer) return answer;
  const response = readRecords(normalizeName(question.name), answer);
  return response.kind === 'absent' && isReferral(question, answer) ? NOT_AUTHORITATIVE : response;
}

/** @returns undefined when the message does not answer the query. */
export function decodeCnameResponse(question: DnsQuestion, message: Buffer): CnameResponse | undefined {
  const answer = decodeConclusive({ ...question, type: 'CNAME' }, message);
  if (answer === undefined || 'why' in answer) return answer;
  const name = normalizeName(question.name);
  const aliases = (answer.answers ?? []).filter((record): record is packet.StringAnswer => record.type === 'CNAME');
  const alias = aliases.find((record) => normalizeName(record.name) === name);
  if (alias !== undefined) return { kind: 'alias', target: normalizeName(alias.data) };
  return isReferral(question, answer) ? NOT_AUTHORITATIVE : { kind: 'none' };
}

/** Of an authoritative server: the name is in a zone below (RFC 1034 §4.3.2), or in one that the server does not have. */
function isReferral({ recursion }: DnsQuestion, { flag_aa }: DnsResponse): boolean {
  return !recursion && !flag_aa;
}

/** @returns undefined when the message does not answer the query. */
export function decodeNameServersResponse(question: DnsQuestion, message: Buffer): NameServersResponse | undefined {
  const answer = decodeConclusive({ ...question, type: 'NS' }, message);
  if (answer === undefined || 'why' in answer) return answer;
  const { answers = [], authorities = [] } = answer;
  const name = normalizeName(question.name);
  const hosts = answers.flatMap((record) =>
    record.type === 'NS' && normalizeName(record.name) === name ? [normalizeName(record.data)] : [],
  );
  if (hosts.length > 0) return { kind: 'servers', hosts: hosts.slice(0, MAX_NAME_SERVERS) };
  // RFC 2308 §2: a negative answer has the SOA of the zone that the name would be in.
  const soa = authorities.find((record) => record.type === 'SOA');
  const zoneName = soa === undefined ? '' : normalizeName(soa.name);
  if (zoneName.includes('.') && name.endsWith(`.${zoneName}`)) return { kind: 'below', zoneName };
  return { kind: 'inconclusive', why: `it names no servers of ${name}` };
}

function decodeConclusive(question: RecordQuery, message: Buffer): DnsResponse | Inconclusive | undefined {
  const answer = decodeResponse(question, message);
  if (answer === undefined) return undefined;
  const { rcode } = answer;
  if (rcode === 'NOERROR' || rcode === 'NXDOMAIN') return answer;
  return { kind: 'inconclusive', why: `it answered ${rcode ?? 'no code'}` };
}

function readRecords(name: string, { answers = [], authorities = [] }: packet.DecodedPacket): TxtResponse {
  const owner = ownerOf('TXT', name, answers);
  if (owner === undefined) return { kind: 'inconclusive', why: 'its aliases lead in a circle' };
  const found = answers.filter((record) => record.type === 'TXT').filter((one) => normalizeName(one.name) === owner);
  if (found.length > 0) {
    return { kind: 'values', values: found.map(textOf), ttlSeconds: Math.min(...found.map(({ ttl = 0 }) => ttl)) };
  }
  if (owner !== name) return { kind: 'alias', target: owner };
  return { kind: 'absent', ttlSeconds: negativeTtlSeconds(authorities) };
}

/** The name behind the aliases of the answers, or the first with records of the type. @returns undefined for a circle. */
export function ownerOf(type: string, name: string, answers: readonly packet.Answer[]): string | undefined {
  const aliases = answers.filter((record): record is packet.StringAnswer => record.type === 'CNAME');
  let owner = normalizeName(name);
  for (let hop = 0; hop < MAX_CNAMES_PER_RESPONSE; hop++) {
    if (answers.some((record) => record.type === type && normalizeName(record.name) === owner)) return owner;
    const alias = aliases.find((record) => normalizeName(record.name) === owner);
    if (alias === undefined) return owner;
    owner = normalizeName(alias.data);
    if (owner === normalizeName(name)) return undefined;
  }
  return owner;
}

/** For how long the absence may be cached (RFC 2308 §5); undefined where no SOA says. */
export function negativeTtlSeconds(authorities: readonly packet.Answer[]): number | undefined {
  const soa = authorities.find((record) => record.type === 'SOA');
  if (soa === undefined) return undefined;
  const { ttl = 0, data } = soa;
  return Math.min(ttl, data.minimum ?? ttl);
}

/** The character-strings of a TXT record are one text (RFC 8555 §8.4, RFC 7208 §3.3). */
function textOf({ data }: packet.TxtAnswer): string {
  return Buffer.concat([data].flat().map((part) => Buffer.from(part))).toString('utf8');
}
