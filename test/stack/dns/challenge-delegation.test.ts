/** CNAMEs of challenges, followed in DNS that serves the zone of clusters, the challenge zone and one of others. */

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import packet from 'dns-packet';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ZoneTarget } from '../../../src/clusters/zone-target.ts';
import { AliasLookup } from '../../../src/dns/alias-lookup.ts';
import { ChallengeDelegation } from '../../../src/dns/challenge-delegation.ts';
import { DnsSources, type DnsSourcesOptions } from '../../../src/dns/dns-sources.ts';
import { type ServedZone, serveZone } from '../../support/dns/dns-servers.ts';
import { zoneTarget } from '../../support/dns/route53-proxy.ts';

const ZONE = 'c1.example.com';
const CHALLENGES = 'acme.example.net';
const OTHERS = 'example.org';
const { signal } = new AbortController();

let served: ServedZone;
const ends: (() => Promise<unknown>)[] = [];
const record = (host: string): string => `_acme-challenge.${host}.${ZONE}`;

beforeAll(async () => {
  served = await serveZone(ZONE);
  const ids = {
    [ZONE]: served.zoneId,
    [CHALLENGES]: await served.addZone(CHALLENGES),
    [OTHERS]: await served.addZone(OTHERS),
  };
  const alias = (zoneName: keyof typeof ids, name: string, target: string) =>
    served.moto.putRecord(ids[zoneName] ?? '', name, 'CNAME', `${target}.`);
  await alias(ZONE, record('direct'), `direct.${CHALLENGES}`);
  await alias(ZONE, record('hops'), `one.${OTHERS}`);
  await alias(OTHERS, `one.${OTHERS}`, `Two.${OTHERS}`);
  await alias(OTHERS, `two.${OTHERS}`, `three.${CHALLENGES}`);
  await alias(CHALLENGES, `three.${CHALLENGES}`, `four.${CHALLENGES}`);
  await alias(ZONE, record('own'), `proofs.${ZONE}`);
  await alias(ZONE, record('loop'), `loop.${OTHERS}`);
  await alias(OTHERS, `loop.${OTHERS}`, `loop2.${OTHERS}`);
  await alias(OTHERS, `loop2.${OTHERS}`, `loop.${OTHERS}`);
  await alias(ZONE, record('elsewhere'), `x.${OTHERS}`);
  await alias(ZONE, record('apex'), CHALLENGES);
  await alias(OTHERS, `_acme-challenge.www.${OTHERS}`, `www.${CHALLENGES}`);
  for (let n = 0; n < 10; n++) await alias(OTHERS, `long${n}.${OTHERS}`, `long${n + 1}.${OTHERS}`);
  await alias(ZONE, record('long'), `long0.${OTHERS}`);
  await alias(ZONE, record('last'), `last.${CHALLENGES}`);
  // The server reads each zone at an instant of its own.
  await served.untilAlias(record('last'), `last.${CHALLENGES}`);
  await served.untilAlias(`long9.${OTHERS}`, `long10.${OTHERS}`);
  await served.untilAlias(`three.${CHALLENGES}`, `four.${CHALLENGES}`);
});
afterAll(() => served?.stop());
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

interface Options {
  readonly challengeZone?: string | undefined;
  readonly authoritative?: DnsSourcesOptions['authoritative'];
  readonly resolvers?: readonly string[];
  readonly zone?: ZoneTarget;
}

/** @returns the place of one record. */
async function placeOf(name: string, options: Options = {}) {
  const challengeZone = 'challengeZone' in options ? options.challengeZone : CHALLENGES;
  const sources = new DnsSources({
    resolvers: options.resolvers ?? [served.dohUrl],
    resolverCa: served.caPem,
    authoritative: options.authoritative ?? { kind: 'servers', servers: [served.dns] },
    timeoutMs: 60_000,
  });
  ends.push(() => sources.close());
  const dns = { delegation: () => Promise.resolve(undefined) };
  const delegation = new ChallengeDelegation(new AliasLookup(sources, dns, challengeZone !== undefined), challengeZone);
  const [place] = await delegation.placesOf(options.zone ?? zoneTarget({ zoneName: ZONE }), [name], signal);
  return place;
}

const failureAt = async (name: string, options?: Options): Promise<string> => {
  try {
    return `no failure: ${JSON.stringify(await placeOf(name, options))}`;
  } catch (error) {
    const { code, message, remedy } = (error as { info: { code: string; message: string; remedy: string } }).info;
    return `${code} ${message} ${remedy}`;
  }
};

describe.each<[string, Partial<Options>]>([
  ['by the servers of the zones', {}],
  ['by resolvers alone', { authoritative: { kind: 'off' } }],
])('%s, the record of a name is', (_how, how) => {
  it('in the challenge zone that its CNAME leads to', async () => {
    const place = { name: `direct.${CHALLENGES}`, zoneName: CHALLENGES, challengeZone: true };
    expect(await placeOf(record('direct'), how)).toEqual(place);
  });

  it('at its own name without a CNAME', async () => {
    expect(await placeOf(record('none'), how)).toBeUndefined();
  });

  it('refused where its CNAME leads to a zone of others', async () => {
    expect(await failureAt(record('elsewhere'), how)).toBe(
      `dns/delegationElsewhere A CNAME delegates "${record('elsewhere')}" to "x.${OTHERS}", which is not in the zone ${ZONE}, nor in the challenge zone ${CHALLENGES}: certman cannot put the TXT record there. Change it to \`${record('elsewhere')}. CNAME elsewhere.${ZONE}.${CHALLENGES}.\`, or remove it.`,
    );
  });
});

it('follows several CNAMEs, in zones of others and in the challenge zone', async () => {
  expect(await placeOf(record('hops'))).toMatchObject({ name: `four.${CHALLENGES}`, challengeZone: true });
});

it('follows a CNAME within the zone of the cluster, with or without a challenge zone', async () => {
  const place = { name: `proofs.${ZONE}`, zoneName: ZONE };
  expect(await placeOf(record('own'))).toEqual(place);
  expect(await placeOf(record('own'), { challengeZone: undefined })).toEqual(place);
});

it('finds a loop, and a chain without an end', async () => {
  expect(await failureAt(record('loop'))).toMatch(/^dns\/delegationBroken .*leads in a circle \("loop\.example\.org"/);
  expect(await failureAt(record('long'))).toMatch(/^dns\/delegationBroken .*more than 8 CNAMEs/);
});

it('puts nothing at the challenge zone itself', async () => {
  expect(await failureAt(record('apex'))).toContain(`leads to the zone ${CHALLENGES} itself`);
});

it('serves names of zones that the cluster does not have, once they are delegated', async () => {
  expect(await placeOf(`_acme-challenge.www.${OTHERS}`)).toMatchObject({ name: `www.${CHALLENGES}` });
  const missing = await failureAt(`_acme-challenge.shop.${OTHERS}`);
  expect(missing).toMatch(/^dns\/delegationMissing/);
  expect(missing).toContain(
    `Create the DNS record \`_acme-challenge.shop.${OTHERS}. CNAME shop.${OTHERS}.${CHALLENGES}.\``,
  );
});

it('says without a challenge zone what would let it write there', async () => {
  expect(await failureAt(record('direct'), { challengeZone: undefined })).toMatch(
    /^dns\/delegationElsewhere .*to "direct\.acme\.example\.net".*Remove the CNAME; or .* CERTMAN_CHALLENGE_ZONE/,
  );
});

it('never leads a standalone request into the challenge zone', async () => {
  const zone = zoneTarget({ zoneName: ZONE, kind: 'CertificateRequest' });
  expect(await failureAt(record('direct'), { zone })).toMatch(
    /^dns\/delegationElsewhere .*a standalone CertificateRequest uses no challenge zone/,
  );
  expect(await placeOf(record('own'), { zone })).toMatchObject({ name: `proofs.${ZONE}` });
});

it('fails where nothing answers, and only where a CNAME is expected', async () => {
  const nothing = { authoritative: { kind: 'off' }, resolvers: ['https://127.0.0.1:9/dns-query'] } as const;
  expect(await failureAt(record('direct'), nothing)).toMatch(/^dns\/unreachable .*ECONNREFUSED/);
  expect(await placeOf(record('direct'), { ...nothing, challengeZone: undefined })).toBeUndefined();
});

it('asks no resolver for a name at which a record is put: it would keep its absence', async () => {
  const asked: string[] = [];
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  ends.push(() => new Promise((resolve) => socket.close(() => resolve(undefined))));
  // The servers of the zones know nothing: they refer to others.
  socket.on('message', (message, from) => {
    const { id, questions = [] } = packet.decode(message);
    asked.push(questions[0]?.name ?? '');
    socket.send(packet.encode({ type: 'response', id: id ?? 0, questions }), from.port, from.address);
  });
  const server = { host: '127.0.0.1', port: socket.address().port };
  const authoritative = { kind: 'servers', servers: [server] } as const;
  const resolvers = ['https://127.0.0.1:9/dns-query'];
  expect(await placeOf(record('none'), { challengeZone: undefined, authoritative, resolvers })).toBeUndefined();
  expect(asked).toContain(record('none'));
  // Behind the first CNAME, which a resolver knows, the target in the challenge zone is asked for at its servers only.
  expect(await placeOf(record('direct'), { authoritative })).toMatchObject({ name: `direct.${CHALLENGES}` });
});
