import { expect, test } from 'vitest';
import type { TxtResponse } from '../../../src/dns/dns-message.ts';
import { PropagationCheck } from '../../../src/dns/propagation-check.ts';
import type { TxtSource } from '../../../src/dns/txt-source.ts';

const NAMES = ['_acme-challenge.api.example.com', '_acme-challenge.web.example.com', '_acme-challenge.x.example.com'];

/** A server that answers at once, and the names that it was asked for. */
function server(name: string, responseOf: (name: string) => TxtResponse) {
  const asked: string[] = [];
  const queryTxt = (queried: string): Promise<TxtResponse> => {
    asked.push(queried);
    return Promise.resolve(responseOf(queried));
  };
  return { asked, source: { name, queryTxt } satisfies TxtSource };
}

/** The answers of a server that has these names. */
const having =
  (present: readonly string[]) =>
  (name: string): TxtResponse =>
    present.includes(name) ? { kind: 'values', values: ['value'], ttlSeconds: 60 } : { kind: 'absent', ttlSeconds: 60 };

async function verify(present: readonly string[], responseOf = having(present)) {
  const { asked, source } = server('ns-1.example', responseOf);
  const resolvers = [server('resolver.example', having(present)).source];
  const sources = { resolvers, needsNameServers: true, serversOf: () => [source] };
  const check = new PropagationCheck(sources as never, { onWarning: () => undefined });
  const records = NAMES.map((name) => ({ name, value: 'value' }));
  const request = { records, zoneName: 'example.com', nameServers: ['ns-1.example'], attempt: 3 };
  const seenBy = await check.verify(request, new AbortController().signal).catch((error: unknown) => error);
  return { asked, seenBy };
}

test('a zone that is not live yet is asked for one name only', async () => {
  const { asked, seenBy } = await verify([]);
  expect(seenBy).toMatchObject({ code: 'dns/notVisible', ownServers: 'missing' });
  expect(asked).toEqual([NAMES[0]]);
});

test('a zone that has one name is asked for all, and one that another writer has removed is found', async () => {
  const { asked, seenBy } = await verify(NAMES.slice(0, 2));
  expect(seenBy).toMatchObject({ message: expect.stringContaining(`no TXT at ${NAMES[2]}`) as string });
  expect(asked).toEqual(NAMES);
});

test('records are visible once the zone has all of them', async () => {
  expect(await verify(NAMES)).toEqual({ asked: NAMES, seenBy: ['ns-1.example', 'resolver.example'] });
});

test('a zone whose server does not answer costs one time-out, and the resolvers decide', async () => {
  const silent = (): TxtResponse => ({ kind: 'inconclusive', why: 'it does not answer' });
  expect(await verify(NAMES, silent)).toEqual({ asked: NAMES.slice(0, 1), seenBy: ['resolver.example'] });
});
