import { expect, test } from 'vitest';
import type { TxtResponse } from '../../../src/dns/dns-message.ts';
import { PropagationCheck } from '../../../src/dns/propagation-check.ts';
import type { TxtSource } from '../../../src/dns/txt-source.ts';

const NAMES = ['_acme-challenge.api.example.com', '_acme-challenge.web.example.com', '_acme-challenge.x.example.com'];

/** A zone's server that has these names. */
function server(present: readonly string[], asked: string[]): TxtSource {
  const responseOf = (name: string): TxtResponse =>
    present.includes(name) ? { kind: 'values', values: ['value'], ttlSeconds: 60 } : { kind: 'absent', ttlSeconds: 60 };
  const queryTxt = (name: string): Promise<TxtResponse> => {
    asked.push(name);
    return Promise.resolve(responseOf(name));
  };
  return { name: 'ns-1.example', queryTxt };
}

async function verify(present: readonly string[]) {
  const asked: string[] = [];
  const sources = { resolvers: [], needsNameServers: true, serversOf: () => [server(present, asked)] };
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
  expect(await verify(NAMES)).toEqual({ asked: NAMES, seenBy: ['ns-1.example'] });
});
