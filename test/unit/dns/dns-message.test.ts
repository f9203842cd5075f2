import packet from 'dns-packet';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeCnameResponse,
  decodeNameServersResponse,
  decodeTxtResponse,
  encodeQuery,
  isTruncated,
  type TxtResponse,
} from '../../../src/dns/dns-message.ts';

const question = { id: 0, name: '_acme-challenge.api.example.com', recursion: true };
const SOA = { mname: 'ns.example.com', rname: 'h.example.com', serial: 1, refresh: 1, retry: 1, expire: 1 };

function reply(parts: Partial<packet.Packet>, rcode = 0): TxtResponse | undefined {
  const questions: packet.Question[] = [{ type: 'TXT', class: 'IN', name: question.name }];
  return decodeTxtResponse(question, packet.encode({ type: 'response', id: 0, flags: rcode, questions, ...parts }));
}
const txt = (name: string, data: string | string[], ttl = 60): packet.Answer => ({
  type: 'TXT',
  class: 'IN',
  name,
  ttl,
  data,
});
const cname = (name: string, data: string): packet.Answer => ({ type: 'CNAME', class: 'IN', name, ttl: 60, data });
const soa = (ttl: number, minimum: number): packet.Answer => ({
  type: 'SOA',
  class: 'IN',
  name: 'example.com',
  ttl,
  data: { ...SOA, minimum },
});

describe('a question', () => {
  it('is one TXT question with recursion desired and room for 1232 bytes', () => {
    const decoded = packet.decode(encodeQuery({ ...question, type: 'TXT' }));
    expect(decoded).toMatchObject({
      type: 'query',
      id: 0,
      flag_rd: true,
      questions: [{ type: 'TXT', name: question.name }],
    });
    expect(decoded.additionals).toMatchObject([{ type: 'OPT', udpPayloadSize: 1232 }]);
  });

  it('leaves recursion off towards authoritative servers', () => {
    const decoded = packet.decode(encodeQuery({ ...question, type: 'TXT', id: 4711, recursion: false }));
    expect(decoded).toMatchObject({ id: 4711, flag_rd: false });
  });
});

describe('an answer', () => {
  it('gives all TXT records of the name, not only the first', () => {
    expect(reply({ answers: [txt(question.name, 'one'), txt(question.name, 'two', 30)] })).toEqual({
      kind: 'values',
      values: ['one', 'two'],
      ttlSeconds: 30,
    });
  });

  it('joins the strings of one record', () => {
    expect(reply({ answers: [txt(question.name, ['ab', 'cd'])] })).toMatchObject({ values: ['abcd'] });
  });

  it('compares names without regard to case', () => {
    expect(reply({ answers: [txt(question.name.toUpperCase(), 'one')] })).toMatchObject({ values: ['one'] });
  });

  it('ignores TXT records of other names', () => {
    expect(reply({ answers: [txt('other.example.com', 'one')] })).toEqual({ kind: 'absent' });
  });

  it('follows the aliases that it contains', () => {
    const answers = [
      cname(question.name, 'b.example.net'),
      cname('b.example.net', 'c.example.net'),
      txt('c.example.net', 'one'),
    ];
    expect(reply({ answers })).toMatchObject({ kind: 'values', values: ['one'] });
  });

  it('names the alias to ask for when it stops there', () => {
    expect(reply({ answers: [cname(question.name, 'b.example.net')] })).toEqual({
      kind: 'alias',
      target: 'b.example.net',
    });
  });

  it('does not follow aliases in a circle', () => {
    const answers = [cname(question.name, 'b.example.net'), cname('b.example.net', question.name)];
    expect(reply({ answers })).toMatchObject({ kind: 'inconclusive' });
  });

  it('says for how long absence may be cached: the lesser of the SOA’s TTL and minimum (RFC 2308 §5)', () => {
    expect(reply({ authorities: [soa(900, 86_400)] })).toEqual({ kind: 'absent', ttlSeconds: 900 });
    expect(reply({ authorities: [soa(900, 5)] }, 3)).toEqual({ kind: 'absent', ttlSeconds: 5 });
    expect(reply({}, 3)).toEqual({ kind: 'absent' });
  });

  it('is inconclusive when it carries SERVFAIL or REFUSED', () => {
    expect(reply({}, 2)).toEqual({ kind: 'inconclusive', why: 'it answered SERVFAIL' });
    expect(reply({}, 5)).toEqual({ kind: 'inconclusive', why: 'it answered REFUSED' });
  });

  it('is not taken for another question’s', () => {
    expect(reply({ id: 1 })).toBeUndefined();
    expect(reply({ questions: [{ type: 'TXT', class: 'IN', name: 'other.example.com' }] })).toBeUndefined();
    expect(reply({ questions: [{ type: 'A', class: 'IN', name: question.name }] })).toBeUndefined();
    expect(reply({ type: 'query' })).toBeUndefined();
  });

  it('never throws, whatever bytes come', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        decodeTxtResponse(question, Buffer.from(bytes));
      }),
    );
  });

  it('never throws on an answer with damaged bytes', () => {
    const whole = packet.encode({
      type: 'response',
      id: 0,
      questions: [{ type: 'TXT', class: 'IN', name: question.name }],
      answers: [cname(question.name, 'b.example.net'), txt('b.example.net', ['ab', 'cd'])],
      authorities: [soa(900, 5)],
    });
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(255), fc.nat(whole.length), (at, byte, length) => {
        const damaged = Buffer.from(whole);
        damaged[at] = byte;
        decodeTxtResponse(question, damaged.subarray(0, length));
      }),
    );
  });

  it('shows that it was cut', () => {
    const flags = packet.TRUNCATED_RESPONSE;
    expect(isTruncated(packet.encode({ type: 'response', id: 0, flags }))).toBe(true);
    expect(isTruncated(packet.encode({ type: 'response', id: 0 }))).toBe(false);
  });
});

describe("the answer of a zone's server", () => {
  const answered = (parts: Partial<packet.Packet>) => {
    const questions: packet.Question[] = [{ type: 'TXT', class: 'IN', name: question.name }];
    const message = packet.encode({ type: 'response', id: 0, questions, ...parts });
    return decodeTxtResponse({ ...question, recursion: false }, message);
  };

  it('is that there is no TXT where it is authoritative, and nothing where it refers to others', () => {
    expect(answered({ flags: packet.AUTHORITATIVE_ANSWER })).toMatchObject({ kind: 'absent' });
    expect(answered({ flags: packet.AUTHORITATIVE_ANSWER | 3 })).toMatchObject({ kind: 'absent' });
    expect(answered({})).toMatchObject({ kind: 'inconclusive' });
    expect(answered({ answers: [txt(question.name, 'v')] })).toMatchObject({ kind: 'values' });
  });
});

describe('the answer about a CNAME', () => {
  const answered = (parts: Partial<packet.Packet>, recursion = false) => {
    const questions: packet.Question[] = [{ type: 'CNAME', class: 'IN', name: question.name }];
    const message = packet.encode({ type: 'response', id: 0, questions, ...parts });
    return decodeCnameResponse({ ...question, recursion }, message);
  };
  const isAuthoritative = { flags: packet.AUTHORITATIVE_ANSWER };

  it('is the target of that name, normalized, whatever other CNAMEs come with it', () => {
    const answers = [cname('other.example.com', 'x.example.net'), cname(question.name, 'Proof.Example.NET')];
    expect(answered({ answers })).toEqual({ kind: 'alias', target: 'proof.example.net' });
  });

  it('is none of an authoritative server or a resolver, but not of a server that refers to others', () => {
    expect(answered(isAuthoritative)).toEqual({ kind: 'none' });
    expect(answered({ flags: packet.AUTHORITATIVE_ANSWER | 3 })).toEqual({ kind: 'none' });
    expect(answered({}, true)).toEqual({ kind: 'none' });
    expect(answered({})).toMatchObject({ kind: 'inconclusive' });
  });

  it('is inconclusive when it carries SERVFAIL, and no answer to another question', () => {
    expect(answered({ flags: packet.AUTHORITATIVE_ANSWER | 2 })).toMatchObject({ kind: 'inconclusive' });
    expect(answered({ questions: [{ type: 'TXT', class: 'IN', name: question.name }] })).toBeUndefined();
  });
});

describe('the answer about the servers of a zone', () => {
  const answered = (parts: Partial<packet.Packet>) => {
    const questions: packet.Question[] = [{ type: 'NS', class: 'IN', name: 'c1.example.com' }];
    const message = packet.encode({ type: 'response', id: 0, questions, ...parts });
    return decodeNameServersResponse({ id: 0, name: 'c1.example.com', recursion: true }, message);
  };

  it('is their names', () => {
    const answers: packet.Answer[] = [
      { type: 'NS', name: 'c1.example.com', data: 'NS-1.example.net' },
      { type: 'NS', name: 'example.com', data: 'ns-2.example.net' },
    ];
    expect(answered({ answers })).toEqual({ kind: 'servers', hosts: ['ns-1.example.net'] });
  });

  it('is the zone that a name is in which is none', () => {
    expect(answered({ authorities: [soa(900, 5)] })).toEqual({ kind: 'below', zoneName: 'example.com' });
    expect(answered({})).toMatchObject({ kind: 'inconclusive' });
  });
});
