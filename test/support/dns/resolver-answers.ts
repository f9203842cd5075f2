/** DNS messages of a resolver of a test's own. */
import packet from 'dns-packet';

/** What the resolver answers to a question. */
export interface ResolverAnswer {
  readonly rcode?: 'NOERROR' | 'SERVFAIL' | 'NXDOMAIN' | 'REFUSED';
  readonly answers?: readonly packet.Answer[];
  /** Apex of the zone whose SOA shows an absence. */
  readonly soaOf?: string;
  /** RFC 8914. */
  readonly extendedError?: { readonly code: number; readonly text: string };
}

/** A question, and whether validation is off. */
export interface ResolverQuestion {
  readonly name: string;
  readonly type: string;
  readonly checkingDisabled: boolean;
}

const RCODES = { NOERROR: 0, SERVFAIL: 2, NXDOMAIN: 3, REFUSED: 5 };

/** SOA of a zone, as a resolver returns it with an absence. */
export function soaRecord(zone: string, primary = `ns1.${zone}`): packet.Answer {
  const data = { mname: primary, rname: `hostmaster.${zone}`, serial: 1, refresh: 1, retry: 1, expire: 1, minimum: 30 };
  return { type: 'SOA', name: zone, ttl: 60, data };
}

export function readQuestion(message: Buffer): ResolverQuestion {
  const query = packet.decode(message);
  const { name = '', type = '' } = query.questions?.[0] ?? {};
  return { name, type, checkingDisabled: ((query.flags ?? 0) & packet.CHECKING_DISABLED) !== 0 };
}

export function encodeAnswer(question: Buffer, answer: ResolverAnswer): Buffer {
  const { id, questions } = packet.decode(question);
  const { rcode = 'NOERROR', answers = [], soaOf, extendedError } = answer;
  const option = extendedError && {
    code: 15,
    data: Buffer.concat([Buffer.from([0, extendedError.code]), Buffer.from(extendedError.text)]),
  };
  const opt = {
    type: 'OPT',
    name: '.',
    udpPayloadSize: 1_232,
    flags: 0,
    options: option === undefined ? [] : [option],
  };
  return packet.encode({
    type: 'response',
    id: id ?? 0,
    flags: RCODES[rcode],
    questions: questions ?? [],
    answers: [...answers],
    authorities: soaOf === undefined ? [] : [soaRecord(soaOf)],
    additionals: [opt as unknown as packet.Answer],
  });
}
