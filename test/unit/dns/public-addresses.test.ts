import { describe, expect, test } from 'vitest';
import { AddressLookupError, addressesOf } from '../../../src/dns/public-addresses.ts';
import { cachedView } from '../../../src/dns/public-dns.ts';
import { encodeAnswer, type ResolverAnswer, readQuestion } from '../../support/dns/resolver-answers.ts';

const HOST = 'api.c1.example.com';
const ipv4 = { type: 'A' as const, name: 'lb.example.net', ttl: 60, data: '198.51.100.1' };
const alias = { type: 'CNAME' as const, name: HOST, ttl: 60, data: 'lb.example.net' };
const ipv6 = { type: 'AAAA' as const, name: HOST, ttl: 60, data: '2001:db8::1' };

function resolver(name: string, answerTo: (type: string) => ResolverAnswer, asked: string[] = []) {
  return cachedView({
    name,
    send: (query) => {
      const { type } = readQuestion(query);
      asked.push(`${name} ${type}`);
      return Promise.resolve({ message: encodeAnswer(query, answerTo(type)) });
    },
  });
}
const failing = resolver('failing', () => ({ rcode: 'SERVFAIL' }));

describe('the addresses of a host in public DNS', () => {
  test('are those behind its alias; of one with IPv4, IPv6 is not asked for', async () => {
    const asked: string[] = [];
    const one = resolver('one', () => ({ answers: [alias, ipv4] }), asked);
    expect(await addressesOf(HOST, [one])).toEqual([{ address: '198.51.100.1', family: 4 }]);
    expect(asked).toEqual(['one A']);
  });

  test('are those of IPv6 where there are no others', async () => {
    const one = resolver('one', (type) => ({ answers: type === 'AAAA' ? [ipv6] : [] }));
    expect(await addressesOf(HOST, [one])).toEqual([{ address: '2001:db8::1', family: 6 }]);
  });

  test('are those of the next resolver while one fails', async () => {
    const next = resolver('next', () => ({ answers: [alias, ipv4] }));
    expect(await addressesOf(HOST, [failing, next])).toHaveLength(1);
  });

  test('do not exist where a resolver says so', async () => {
    const one = resolver('one', () => ({ rcode: 'NXDOMAIN' }));
    await expect(addressesOf(HOST, [one, failing])).rejects.toMatchObject({ code: 'ENOTFOUND' });
  });

  test('are unknown where none answers, with what each said', async () => {
    const error = await addressesOf(HOST, [failing]).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(AddressLookupError);
    expect(error).toMatchObject({ code: 'EAI_AGAIN', message: expect.stringContaining('failing: it answered') });
  });
});
