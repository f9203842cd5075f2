import type packet from 'dns-packet';
import { describe, expect, it } from 'vitest';
import { checkDelegation } from '../../../src/dns/delegation-check.ts';
import type { PublicView } from '../../../src/dns/public-dns.ts';
import type { Lookup } from '../../../src/dns/record-lookup.ts';
import { soaRecord } from '../../support/dns/resolver-answers.ts';

const ZONE = 'c1.example.com';
const OWN = ['ns-1.awsdns.example', 'ns-2.awsdns.example'];
const OTHER = ['ns1.elsewhere.example', 'ns2.elsewhere.example'];

const ns = (...hosts: string[]): Lookup => ({
  kind: 'records',
  ttlSeconds: 60,
  records: hosts.map((data) => ({ type: 'NS', name: ZONE, data })),
});
const soa = (primary: string): Lookup => ({ kind: 'records', ttlSeconds: 60, records: [soaRecord(ZONE, primary)] });
const address = (data: string): Lookup => ({
  kind: 'records',
  ttlSeconds: 60,
  records: [{ type: 'A', name: 'x', data } satisfies packet.Answer],
});
const ABSENT: Lookup = { kind: 'absent' };
const DOWN: Lookup = { kind: 'inconclusive', why: 'it cannot be reached (ECONNREFUSED)' };

/** @param known by `type name`, or by type alone. */
async function checked(known: Readonly<Record<string, Lookup>>, nameServers = OWN): Promise<string> {
  const lookUp: PublicView['lookUp'] = (name, type) =>
    Promise.resolve(known[`${type} ${name}`] ?? known[type] ?? ABSENT);
  const finding = await checkDelegation({ name: 'resolver', lookUp }, { name: `${ZONE}.`, nameServers });
  return finding.kind === 'refused' ? `${finding.refusal.code} ${finding.refusal.message}` : finding.kind;
}

describe('a delegation', () => {
  it.each<[what: string, known: Record<string, Lookup>, nameServers?: string[]]>([
    ['to the servers of the zone', { NS: ns(...OWN) }],
    ['to them in other letters, in another order', { NS: ns('NS-2.AWSDNS.example.', 'ns-1.awsdns.example') }],
    ['to some of them', { NS: ns(OTHER[0] ?? '', OWN[1] ?? '') }],
    ['to servers in front of them, by the SOA', { NS: ns(...OTHER), SOA: soa('ns-1.awsdns.example') }],
    ['to them by names of its own', { NS: ns(...OTHER), SOA: soa(OTHER[0] ?? ''), A: address('192.0.2.1') }],
    ['when the servers of the zone are not known', { NS: ns(...OTHER) }, []],
  ])('passes %s', async (_what, known, nameServers) => {
    expect(await checked(known, nameServers)).toBe('passed');
  });

  it('is refused to other servers, by name, SOA and address', async () => {
    const known = {
      NS: ns(...OTHER),
      SOA: soa(OTHER[0] ?? ''),
      [`A ${OWN[0]}`]: address('192.0.2.1'),
      [`A ${OTHER[0]}`]: address('192.0.2.66'),
    };
    expect(await checked(known)).toMatch(
      /^dns\/notDelegated .*delegates c1\.example\.com to ns1\.elsewhere.*ns-1\.aws/,
    );
    const lame = { ...known, [`A ${OTHER[0]}`]: ABSENT };
    expect(await checked(lame)).toMatch(/^dns\/notDelegated/);
  });

  it('is refused where a zone above says that there is none', async () => {
    expect(await checked({ NS: { kind: 'absent', zone: 'example.com' } })).toMatch(
      /^dns\/notDelegated Public DNS does not delegate c1\.example\.com: .* by the zone example\.com above it/,
    );
  });

  it('is refused where DNSSEC is broken', async () => {
    expect(await checked({ NS: { kind: 'bogus', why: 'SERVFAIL' } })).toMatch(/^dns\/dnssecBroken/);
  });

  it.each<[what: string, known: Record<string, Lookup>]>([
    ['the resolver does not answer', { NS: DOWN }],
    ['nothing says which zone lacks it', { NS: ABSENT }],
    ['the zone itself lacks it', { NS: { kind: 'absent', zone: ZONE } }],
    ['an unrelated zone lacks it', { NS: { kind: 'absent', zone: 'example.org' } }],
    ['the SOA is not known', { NS: ns(...OTHER), SOA: DOWN }],
    ['addresses are not known', { NS: ns(...OTHER), SOA: soa(OTHER[0] ?? ''), A: DOWN }],
    ['the servers of the zone have no addresses', { NS: ns(...OTHER), SOA: soa(OTHER[0] ?? '') }],
  ])('is left to the CA where %s', async (_what, known) => {
    expect(await checked(known)).toBe('undecided');
  });
});
