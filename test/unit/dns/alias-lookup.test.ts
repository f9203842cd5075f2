import { expect, test, vi } from 'vitest';
import { AliasLookup } from '../../../src/dns/alias-lookup.ts';
import type { DnsSources } from '../../../src/dns/dns-sources.ts';
import type { AliasSource, Resolver } from '../../../src/dns/txt-source.ts';
import { zoneTarget } from '../../support/dns/route53-proxy.ts';

const ZONE = zoneTarget({ zoneName: 'example.com' });
const NAME = '_acme-challenge.api.example.com';
const PLACE = { name: NAME, zoneName: ZONE.zoneName };
const NO_ANSWER = { kind: 'inconclusive', why: 'it cannot be reached' } as const;

test('in an outage of the resolvers, the servers that the DNS service names are asked, and the resolvers only once', async () => {
  const queryNameServers = vi.fn<Resolver['queryNameServers']>(() => Promise.resolve(NO_ANSWER));
  const resolver: Resolver = {
    name: 'resolver',
    queryTxt: () => Promise.resolve(NO_ANSWER),
    queryCname: () => Promise.resolve(NO_ANSWER),
    queryNameServers,
  };
  const server: AliasSource = {
    name: 'ns1.example.net',
    queryTxt: () => Promise.resolve(NO_ANSWER),
    queryCname: () => Promise.resolve({ kind: 'alias', target: 'api.acme.example.net' }),
  };
  const sources: Pick<DnsSources, 'resolvers' | 'needsNameServers' | 'serversOf'> = {
    resolvers: [resolver],
    needsNameServers: true,
    serversOf: (nameServers) => (nameServers.includes(server.name) ? [server] : []),
  };
  const dns = { delegation: () => Promise.resolve({ name: ZONE.zoneName, nameServers: [server.name] }) };
  const lookup = new AliasLookup(sources, dns, true);
  expect(await lookup.aliasOf(ZONE, NAME, PLACE, true)).toBe('api.acme.example.net');
  expect(await lookup.aliasOf(ZONE, NAME, PLACE, true)).toBe('api.acme.example.net');
  expect(queryNameServers).toHaveBeenCalledTimes(1);
});
