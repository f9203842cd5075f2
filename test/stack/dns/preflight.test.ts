import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { queryDns } from '../../../local/stack/dns-query.ts';
import type { CaaApplicant } from '../../../src/dns/caa.ts';
import { Preflight, type PreflightOptions, type PreflightRequest } from '../../../src/dns/preflight.ts';
import { type ServedZone, serveZone } from '../../support/dns/dns-servers.ts';
import { startDohServer } from '../../support/dns/doh-server.ts';
import {
  encodeAnswer,
  type ResolverAnswer,
  type ResolverQuestion,
  readQuestion,
} from '../../support/dns/resolver-answers.ts';
import { eventually } from '../../support/vitest/eventually.ts';

const ZONE = 'example.com';
const DOWN = 'https://127.0.0.1:9/dns-query';
const applicant: CaaApplicant = {
  identities: ['ca.example.net'],
  accountUrl: 'https://ca.example.net/acct/1',
  method: 'dns-01',
};
const signal = new AbortController().signal;

let zone: ServedZone;
const ends: (() => Promise<unknown>)[] = [];

/** Waits until DNS has a record of that type at the name. */
async function put(name: string, type: 'CAA' | 'NS' | 'A' | 'SOA', ...values: string[]): Promise<void> {
  await zone.moto.putRecord(zone.zoneId, name, type, ...values);
  const [first = ''] = values;
  await eventually(
    `${type} of ${name} by DNS`,
    async () => JSON.stringify((await queryDns(zone.dns, name, type)).answers),
    (seen) => seen.includes(first.replace(/\.$/, '').replace(/.* /, '').replaceAll('"', '')),
  );
}

beforeAll(async () => {
  zone = await serveZone(ZONE);
  await put(`own.${ZONE}`, 'CAA', '0 issue "ca.example.net"');
  await put(`strict.${ZONE}`, 'CAA', '0 issue "ca.example.net"', '0 issuewild "other.example"');
  await put(`closed.${ZONE}`, 'CAA', '0 issue ";"');
  await put(`account.${ZONE}`, 'CAA', '0 issue "ca.example.net; accounturi=https://ca.example.net/acct/2"');
  await put(`future.${ZONE}`, 'CAA', '128 future "x"');
});
afterAll(() => zone?.stop());
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

function preflight(options: Partial<PreflightOptions> = {}): Preflight {
  const made = new Preflight({ resolvers: [zone.dohUrl], resolverCa: zone.caPem, ...options });
  ends.push(() => made.close());
  return made;
}

async function resolver(answer: (question: ResolverQuestion) => ResolverAnswer | undefined): Promise<string> {
  const server = await startDohServer(zone.tls, (query) => {
    const given = answer(readQuestion(query));
    return given && encodeAnswer(query, given);
  });
  ends.push(() => server.close());
  return server.url;
}

const names = (...dnsNames: string[]): PreflightRequest => ({ dnsNames, applicant });
const inZone = (name: string, ...nameServers: string[]): PreflightRequest => ({
  dnsNames: [`api.${name}`],
  zone: { name, nameServers },
});

async function outcome(check: Promise<readonly string[]>): Promise<string> {
  return await check.then(
    (notes) => (notes.length === 0 ? 'passed' : `undecided: ${notes.join(' ')}`),
    (error: unknown) => {
      const { code, message } = (error as { info: { code: string; message: string } }).info;
      return `${code} ${message}`;
    },
  );
}

describe('CAA records', () => {
  it.each<[expected: RegExp, dnsNames: string[]]>([
    [/^passed$/, [`own.${ZONE}`, `api.own.${ZONE}`, `*.apps.own.${ZONE}`]],
    [/^passed$/, [`api.strict.${ZONE}`]],
    [/^dns\/caaForbids .*strict\.example\.com forbid .*\*\.apps\.strict.*"other\.example"/, [`*.apps.strict.${ZONE}`]],
    [/^dns\/caaForbids .*0 issue ";"/, [`api.own.${ZONE}`, `deep.api.closed.${ZONE}`]],
    [/^dns\/caaForbids .*accounturi/, [`api.account.${ZONE}`]],
    [/^dns\/caaForbids .*critical tag "future"/, [`api.future.${ZONE}`]],
    [/^dns\/caaForbids .*found 1 more/, [`a.closed.${ZONE}`, `b.closed.${ZONE}`]],
    // Nothing in the zone, and CoreDNS knows nothing above it.
    [/^undecided: .* for CAA of com/, [`api.${ZONE}`]],
  ])('%s: %s', async (expected, dnsNames) => {
    expect(await outcome(preflight().check(names(...dnsNames), signal))).toMatch(expected);
  });

  it('are not looked up for a CA that does not say how they name it', async () => {
    expect(await outcome(preflight().check({ dnsNames: [`x.closed.${ZONE}`] }, signal))).toBe('passed');
  });
});

describe('the delegation of the zone', () => {
  const [own, other] = [`own-servers.${ZONE}`, `other-servers.${ZONE}`];

  it('passes with the servers that the zone has, and where certman does not know them', async () => {
    const { answers = [] } = await queryDns(zone.dns, ZONE, 'NS');
    const servers = answers.flatMap((answer) => (answer.type === 'NS' ? [answer.data] : []));
    expect(servers.length).toBeGreaterThan(1);
    expect(await outcome(preflight().check(inZone(ZONE, ...servers), signal))).toBe('passed');
    expect(await outcome(preflight().check(inZone(ZONE), signal))).toBe('passed');
  });

  it('is missing where the zone above says so', async () => {
    const seen = await outcome(preflight().check(inZone(`undelegated.${ZONE}`, own), signal));
    expect(seen).toMatch(/^dns\/notDelegated Nothing was ordered\. .* does not delegate undelegated\.example\.com/);
  });

  it('is not decided by a resolver that does not know the zone', async () => {
    expect(await outcome(preflight().check(inZone('example.org', own), signal))).toMatch(/^undecided/);
  });

  it('contradicts when it is to other servers, at other addresses', async () => {
    await put(own, 'A', '192.0.2.1');
    await put(other, 'A', '192.0.2.2');
    await put(ZONE, 'NS', `${other}.`);
    const seen = await outcome(preflight().check(inZone(ZONE, own), signal));
    expect(seen).toMatch(/^dns\/notDelegated .*delegates example\.com to other-servers.*is on own-servers/);
    await put(other, 'A', '192.0.2.1');
    await expect.poll(() => outcome(preflight().check(inZone(ZONE, own), signal))).toBe('passed');
  });
});

describe('several resolvers', () => {
  const bogus = ({ checkingDisabled }: ResolverQuestion): ResolverAnswer =>
    checkingDisabled ? {} : { rcode: 'SERVFAIL', extendedError: { code: 6, text: 'bogus' } };

  it('refuse a broken chain of DNSSEC', async () => {
    const resolvers = [await resolver(bogus), DOWN];
    const seen = await outcome(preflight({ resolvers }).check(inZone(ZONE), signal));
    expect(seen).toMatch(/^dns\/dnssecBroken Nothing was ordered\. DNSSEC of example\.com does not validate.*error 6/);
  });

  it('refuse nothing that one of them contradicts', async () => {
    const resolvers = [await resolver(bogus), zone.dohUrl];
    expect(await outcome(preflight({ resolvers }).check(inZone(ZONE), signal))).toBe('passed');
    const [closed, open] = [names(`closed.${ZONE}`), names(`own.${ZONE}`)];
    const empty = await resolver(({ name }) => ({ rcode: 'NXDOMAIN', soaOf: name }));
    expect(await outcome(preflight({ resolvers: [zone.dohUrl, empty] }).check(closed, signal))).toBe('passed');
    expect(await outcome(preflight({ resolvers: [DOWN, zone.dohUrl] }).check(open, signal))).toBe('passed');
  });

  it('leave an order to the CA when none answers', async () => {
    const resolvers = [DOWN, await resolver(() => undefined)];
    const seen = await outcome(
      preflight({ resolvers, maxDurationMs: 200 }).check({ ...inZone(ZONE), applicant }, signal),
    );
    expect(seen).toMatch(/^undecided: the resolvers took longer than 200 ms/);
    const down = await outcome(preflight({ resolvers: [DOWN] }).check(inZone(ZONE), signal));
    expect(down).toMatch(/^undecided: .*cannot be reached/);
  });

  it('are asked once for what many orders have in common', async () => {
    const asked: string[] = [];
    const url = await resolver(({ name, type }) => {
      asked.push(`${type} ${name}`);
      return { rcode: 'NXDOMAIN', soaOf: ZONE };
    });
    const checking = preflight({ resolvers: [url] });
    for (let round = 0; round < 3; round++) {
      await Promise.all(Array.from({ length: 50 }, (_, n) => checking.check(names(`api.c${n}.${ZONE}`), signal)));
    }
    expect(asked.filter((one) => one === `CAA ${ZONE}`)).toHaveLength(1);
    expect(asked).toHaveLength(102);
  });

  it('end with the attempt', async () => {
    const cancelled = new AbortController();
    const resolvers = [await resolver(() => undefined)];
    const running = preflight({ resolvers }).check(inZone(ZONE), cancelled.signal);
    cancelled.abort(new Error('cancelled'));
    await expect(running).rejects.toThrow('cancelled');
  });
});
