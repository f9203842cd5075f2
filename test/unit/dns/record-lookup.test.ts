import { describe, expect, it } from 'vitest';
import { lookUp } from '../../../src/dns/record-lookup.ts';
import {
  encodeAnswer,
  type ResolverAnswer,
  type ResolverQuestion,
  readQuestion,
} from '../../support/dns/resolver-answers.ts';

const NAME = 'c1.example.com';

async function lookedUp(answer: (question: ResolverQuestion) => ResolverAnswer, type: 'CAA' | 'NS' = 'NS') {
  const asked: ResolverQuestion[] = [];
  const send = (query: Buffer) => {
    const question = readQuestion(query);
    asked.push(question);
    return Promise.resolve({ message: encodeAnswer(query, answer(question)) });
  };
  return { lookup: await lookUp({ name: 'resolver', send }, NAME, type), asked };
}

describe('looking records up', () => {
  it('returns those of the name, for as long as the shortest TTL', async () => {
    const answers = [
      { type: 'NS' as const, name: NAME, ttl: 60, data: 'ns1.example.net' },
      { type: 'NS' as const, name: 'C1.Example.Com', ttl: 20, data: 'ns2.example.net' },
      { type: 'NS' as const, name: 'other.example.com', ttl: 1, data: 'ns3.example.net' },
    ];
    const { lookup } = await lookedUp(() => ({ answers }));
    expect(lookup).toMatchObject({ kind: 'records', ttlSeconds: 20, records: [{ name: NAME }, { ttl: 20 }] });
  });

  it('follows an alias to the records behind it', async () => {
    const answers = [
      { type: 'CNAME' as const, name: NAME, ttl: 60, data: 'target.example.net' },
      { type: 'CAA' as const, name: 'target.example.net', ttl: 60, data: { tag: 'issue' as const, value: 'ca' } },
    ];
    expect((await lookedUp(() => ({ answers }), 'CAA')).lookup).toMatchObject({ kind: 'records' });
  });

  it('names the zone that says that there are none', async () => {
    const { lookup } = await lookedUp(() => ({ rcode: 'NXDOMAIN', soaOf: 'example.com' }));
    expect(lookup).toEqual({ kind: 'absent', zone: 'example.com', ttlSeconds: 30 });
  });

  it('counts an answer that exists only without validation as bogus', async () => {
    const { lookup, asked } = await lookedUp(({ checkingDisabled }) =>
      checkingDisabled ? {} : { rcode: 'SERVFAIL', extendedError: { code: 9, text: 'no DNSKEY matches DS' } },
    );
    expect(lookup).toEqual({ kind: 'bogus', why: expect.stringContaining('error 9, no DNSKEY matches DS') });
    expect(asked.map(({ checkingDisabled }) => checkingDisabled)).toEqual([false, true]);
  });

  it('counts it as bogus when the resolver gives no reason', async () => {
    const { lookup } = await lookedUp(({ checkingDisabled }) => (checkingDisabled ? {} : { rcode: 'SERVFAIL' }));
    expect(lookup.kind).toBe('bogus');
  });

  it('does not count a single failure without a reason as bogus', async () => {
    let failures = 0;
    const answers = [{ type: 'NS' as const, name: NAME, ttl: 60, data: 'ns1.example.net' }];
    const { lookup, asked } = await lookedUp(({ checkingDisabled }) =>
      checkingDisabled || failures++ > 0 ? { answers } : { rcode: 'SERVFAIL' },
    );
    expect(lookup.kind).toBe('records');
    expect(asked.map(({ checkingDisabled }) => checkingDisabled)).toEqual([false, true, false]);
  });

  it.each<[string, (question: ResolverQuestion) => ResolverAnswer]>([
    ['a failure with and without validation', () => ({ rcode: 'SERVFAIL' })],
    ['a refusal', () => ({ rcode: 'REFUSED' })],
    [
      'servers that did not answer the resolver, which may answer a moment later',
      ({ checkingDisabled }) =>
        checkingDisabled ? {} : { rcode: 'SERVFAIL', extendedError: { code: 22, text: 'no reachable authority' } },
    ],
  ])('counts %s as inconclusive', async (_what, answer) => {
    expect((await lookedUp(answer)).lookup.kind).toBe('inconclusive');
  });

  it('counts an alias that leads in a circle as inconclusive', async () => {
    const answers = [{ type: 'CNAME' as const, name: NAME, ttl: 60, data: NAME }];
    expect((await lookedUp(() => ({ answers }))).lookup.kind).toBe('inconclusive');
  });
});
