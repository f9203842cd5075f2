import { describe, expect, test } from 'vitest';
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

/** @param servers what the zone's own servers answer; the resolver answers as `present` says. */
async function verifyWith(
  servers: readonly ((name: string) => TxtResponse)[],
  present: readonly string[],
): Promise<{
  readonly asked: readonly (readonly string[])[];
  readonly resolverAsked: boolean;
  readonly seenBy: unknown;
}> {
  const own = servers.map((responseOf, n) => server(`ns-${n + 1}.example`, responseOf));
  const resolver = server('resolver.example', having(present));
  const sources = {
    resolvers: [resolver.source],
    needsNameServers: true,
    serversOf: () => own.map(({ source }) => source),
  };
  const check = new PropagationCheck(sources as never, { onWarning: () => undefined });
  const records = NAMES.map((name) => ({ name, value: 'value' }));
  const request = { records, zoneName: 'example.com', nameServers: own.map(({ source }) => source.name), attempt: 3 };
  const seenBy = await check.verify(request, new AbortController().signal).catch((error: unknown) => error);
  return { asked: own.map(({ asked }) => asked), resolverAsked: resolver.asked.length > 0, seenBy };
}

/** Of one server. */
async function verify(present: readonly string[], responseOf = having(present)) {
  const { asked, seenBy } = await verifyWith([responseOf], present);
  return { asked: asked[0], seenBy };
}

const silent = (): TxtResponse => ({ kind: 'inconclusive', why: 'it does not answer' });

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

test('a zone whose servers do not answer costs one time-out, and the resolvers decide', async () => {
  expect(await verifyWith([silent, silent], NAMES)).toEqual({
    asked: [NAMES.slice(0, 1), NAMES.slice(0, 1)],
    resolverAsked: true,
    seenBy: ['resolver.example'],
  });
});

describe('the only server of a zone', () => {
  test('that does not answer is asked for one more name before the resolvers decide', async () => {
    const { asked, seenBy } = await verifyWith([silent], NAMES);
    expect(asked[0]).toEqual(NAMES.slice(0, 2));
    expect(seenBy).toEqual(['resolver.example']);
  });

  test('whose first answer was lost keeps the resolvers from being asked while it has not all values', async () => {
    let isFirst = true;
    const loses = (name: string): TxtResponse => {
      const answer = isFirst ? silent() : having([])(name);
      isFirst = false;
      return answer;
    };
    const { resolverAsked, seenBy } = await verifyWith([loses], []);
    expect(seenBy).toMatchObject({ code: 'dns/notVisible', ownServers: 'missing' });
    expect(resolverAsked).toBe(false);
  });

  test('that is late is waited for, and no resolver is asked', async () => {
    const { resolverAsked, seenBy } = await verifyWith([having([])], NAMES);
    expect(seenBy).toMatchObject({ code: 'dns/notVisible', ownServers: 'missing' });
    expect(resolverAsked).toBe(false);
  });

  test('that is lame decides nothing', async () => {
    const lame = (): TxtResponse => ({ kind: 'inconclusive', why: 'it is not authoritative for the name' });
    expect((await verifyWith([lame], NAMES)).seenBy).toEqual(['resolver.example']);
    // Nor that the values were removed, which would have them published again.
    expect((await verifyWith([lame], [])).seenBy).toMatchObject({ code: 'dns/notVisible', ownServers: 'unknown' });
  });
});

describe('a zone none of whose servers says what it has', () => {
  const lame = (): TxtResponse => ({ kind: 'inconclusive', why: 'it is not authoritative for the name' });

  /** The zones that are warned of. @param zones each with what its server answers, in the order of their checks. */
  async function warnedOf(zones: readonly (readonly [string, (name: string) => TxtResponse])[]) {
    const warnings: string[] = [];
    const answers = new Map(zones);
    const sources = {
      resolvers: [server('resolver.example', having(NAMES)).source],
      needsNameServers: true,
      serversOf: ([name = '']: readonly string[]) => [server(name, answers.get(name) ?? silent).source],
    };
    const onWarning = (message: string): void => void warnings.push(message);
    const check = new PropagationCheck(sources as never, { onWarning });
    const records = NAMES.map((name) => ({ name, value: 'value' }));
    for (const [zoneName] of zones)
      await check.verify({ records, zoneName, nameServers: [zoneName], attempt: 1 }, new AbortController().signal);
    return warnings;
  }

  test('stands for all while none of another zone has answered: the network is why', async () => {
    const warnings = await warnedOf([
      ['one.example', silent],
      ['two.example', silent],
    ]);
    expect(warnings).toEqual([
      expect.stringMatching(/^No name server of one\.example .* CERTMAN_AUTHORITATIVE_SERVERS/),
    ]);
  });

  test('is warned of once, as each such zone, once those of another one have answered', async () => {
    const warnings = await warnedOf([
      ['whole.example', having(NAMES)],
      ['one.example', lame],
      ['two.example', lame],
      ['one.example', lame],
    ]);
    expect(warnings).toEqual([
      expect.stringMatching(/^No name server of one\.example .* Those of other zones do: /),
      expect.stringMatching(/^No name server of two\.example /),
    ]);
  });
});
