/** Look-ups of any record type through a public resolver that validates DNSSEC. */
import type packet from 'dns-packet';
import { normalizeName } from '../certificates/dns-name.ts';
import { oneLine } from '../failures/printable.ts';
import { type DnsResponse, decodeResponse, encodeQuery, negativeTtlSeconds, ownerOf } from './dns-message.ts';
import type { DohExchange } from './doh-resolver.ts';

/** What a resolver knows of the records of one type at a name, aliases followed. */
export type Lookup =
  | { readonly kind: 'records'; readonly records: readonly packet.Answer[]; readonly ttlSeconds: number }
  /** `zone`: the apex of the zone that says so; absent where no SOA says. */
  | { readonly kind: 'absent'; readonly zone?: string; readonly ttlSeconds?: number }
  /** There is an answer, but it does not validate (RFC 4035 §5.5). */
  | { readonly kind: 'bogus'; readonly why: string }
  | { readonly kind: 'inconclusive'; readonly why: string };

/** The types that are looked up. */
export type LookupType = 'A' | 'AAAA' | 'CAA' | 'NS' | 'SOA';

/** RFC 8914 §4: what extended errors say of DNSSEC. 22, 23 and others are about servers that do not answer. */
const DNSSEC_ERRORS = new Set([5, 6, 7, 8, 9, 10, 11, 12, 25, 27]);
const EXTENDED_ERROR = 15;
const MAX_ERROR_TEXT_LENGTH = 160;

/**
 * Looks records up. What fails with SERVFAIL is asked for once more without validation (CD, RFC 4035 §3.2.2): an answer then
 * shows that the chain of trust is broken, unless the resolver names another reason; where it names none, validation must
 * fail twice. Never rejects.
 */
export async function lookUp({ send }: DohExchange, name: string, type: LookupType): Promise<Lookup> {
  const ask = async (checkingDisabled: boolean): Promise<DnsResponse | { readonly why: string }> => {
    const question = { id: 0, name, type, recursion: true, dnssecOk: true, checkingDisabled };
    const answer = await send(encodeQuery(question));
    if ('why' in answer) return answer;
    return decodeResponse(question, answer.message) ?? { why: 'its answer is no DNS answer to the question' };
  };
  const answer = await ask(false);
  if ('why' in answer) return { kind: 'inconclusive', why: answer.why };
  const { rcode = 'no code' } = answer;
  if (isConclusive(answer)) return readLookup(name, type, answer);
  const why = `it answered ${rcode} for ${type} of ${name}`;
  if (rcode !== 'SERVFAIL') return { kind: 'inconclusive', why };
  const errors = extendedErrors(answer);
  const text = errors.map(({ code, note }) => `error ${code}${note === '' ? '' : `, ${note}`}`).join('; ');
  const named = text === '' ? why : `${why} (${text})`;
  if (errors.length > 0 && !errors.some(({ code }) => DNSSEC_ERRORS.has(code))) {
    return { kind: 'inconclusive', why: named };
  }
  const unchecked = await ask(true);
  if ('why' in unchecked || !isConclusive(unchecked)) return { kind: 'inconclusive', why: named };
  if (errors.length > 0) return { kind: 'bogus', why: named };
  // The resolver gives no reason: a server that failed once looks the same.
  const again = await ask(false);
  if ('why' in again) return { kind: 'inconclusive', why: again.why };
  if (isConclusive(again)) return readLookup(name, type, again);
  return { kind: again.rcode === 'SERVFAIL' ? 'bogus' : 'inconclusive', why: named };
}

function isConclusive({ rcode }: DnsResponse): boolean {
  return rcode === 'NOERROR' || rcode === 'NXDOMAIN';
}

function readLookup(name: string, type: LookupType, { answers = [], authorities = [] }: DnsResponse): Lookup {
  const owner = ownerOf(type, name, answers);
  if (owner === undefined) return { kind: 'inconclusive', why: `the aliases of ${name} lead in a circle` };
  const records = answers.filter((record) => record.type === type && normalizeName(record.name) === owner);
  if (records.length > 0) {
    return { kind: 'records', records, ttlSeconds: Math.min(...records.map((record) => ttlOf(record))) };
  }
  const soa = authorities.find((record) => record.type === 'SOA');
  return { kind: 'absent', zone: soa && normalizeName(soa.name), ttlSeconds: negativeTtlSeconds(authorities) };
}

function ttlOf(record: packet.Answer): number {
  return 'ttl' in record ? Number(record.ttl) : 0;
}

/** RFC 8914 §2; the library returns options that it does not know as they are. */
function extendedErrors({ additionals = [] }: DnsResponse): { readonly code: number; readonly note: string }[] {
  const options = additionals.flatMap((record) => (record.type === 'OPT' ? record.options : []));
  return (options as readonly { readonly code?: unknown; readonly data?: unknown }[]).flatMap(({ code, data }) =>
    code === EXTENDED_ERROR && Buffer.isBuffer(data) && data.length >= 2
      ? [{ code: data.readUInt16BE(0), note: oneLine(data.toString('utf8', 2), MAX_ERROR_TEXT_LENGTH) }]
      : [],
  );
}
