/** What the check of propagation, and its activity, find at resolvers and at servers of a zone that are real, broken, or away. */
import { generateKeyPairSync } from 'node:crypto';
import packet from 'dns-packet';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { createPropagationActivities } from '../../../activities/dns.ts';
import { Seals } from '../../../src/acme/seals.ts';
import { ownershipValue, type TxtRecord } from '../../../src/certificates/dns-name.ts';
import type { ClusterIdentity } from '../../../src/clusters/cluster-identity.ts';
import type { VerifyPropagationInput } from '../../../src/contract/activities/dns.ts';
import { DnsSources, type DnsSourcesOptions } from '../../../src/dns/dns-sources.ts';
import { PropagationCheck, type PropagationCheckOptions } from '../../../src/dns/propagation-check.ts';
import { type ServedZone, serveZone } from '../../support/dns/dns-servers.ts';
import { type DohAnswer, startDohServer } from '../../support/dns/doh-server.ts';
import { answerTo, datagramServer, muteServer, truncatingServer } from '../../support/dns/faulty-servers.ts';
import { failureOf, runActivity } from '../../support/temporal/run-activity.ts';

const ZONE = 'example.com';
const SEALS = new Seals(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);
const ca = { seals: () => Promise.resolve(SEALS), sealsIfUsable: () => Promise.resolve(SEALS) };
const CLUSTER = { managementCluster: 'hive', namespace: 'ns', name: 'c1', uid: 'uid-of-c1' };
const CLOSED_PORT = { host: '127.0.0.1', port: 9 };
const signal = new AbortController().signal;

let zone: ServedZone;

beforeAll(async () => {
  zone = await serveZone(ZONE);
  const { moto, zoneId } = zone;
  // What is absent may be remembered for five seconds (RFC 2308 §5).
  await moto.putRecord(zoneId, ZONE, 'SOA', `ns-1.${ZONE}. hostmaster.${ZONE}. 1 7200 900 1209600 5`);
  await moto.putTxt(zoneId, `two.${ZONE}`, ['"one"', '"other"']);
  await moto.putTxt(zoneId, `long.${ZONE}`, [`"${'a'.repeat(255)}" "${'b'.repeat(45)}"`]);
  const many = Array.from({ length: 60 }, (_, n) => String(n).padStart(43, 'v'));
  await moto.putTxt(
    zoneId,
    `many.${ZONE}`,
    many.map((value) => `"${value}"`),
  );
  await moto.putRecord(zoneId, `alias.${ZONE}`, 'CNAME', `two.${ZONE}`);
  await zone.untilAnswered(`alias.${ZONE}`, ['one', 'other']);
});
afterAll(() => zone?.stop());

/** For a question that is never answered. */
const LONG_QUESTION_MS = 240_000;

function check(options: Partial<DnsSourcesOptions & PropagationCheckOptions> = {}): PropagationCheck {
  const { quorum, onWarning = () => undefined, ...more } = options;
  const sources = new DnsSources({
    resolvers: [zone.dohUrl],
    resolverCa: zone.caPem,
    authoritative: { kind: 'off' },
    timeoutMs: 60_000,
    ...more,
  });
  onTestFinished(() => sources.close());
  return new PropagationCheck(sources, { quorum, onWarning });
}

const ask = (host: string, ...values: string[]) => ({
  records: values.map((value) => ({ name: `${host}.${ZONE}`, value })),
  zoneName: ZONE,
  nameServers: [],
  attempt: 1,
});
interface Missed {
  readonly code: string;
  readonly message: string;
  /** From the failure to the next look: it is no shorter and no longer than this. */
  readonly delayMs: { readonly least: number; readonly most: number };
}

const failure = async (running: Promise<unknown>): Promise<Missed> => {
  const from = Date.now();
  try {
    await running;
  } catch (error) {
    const { info } = error as { info: { code: string; message: string; notBefore: string } };
    const notBefore = Date.parse(info.notBefore);
    return { ...info, delayMs: { least: notBefore - Date.now(), most: notBefore - from } };
  }
  throw new Error('it did not fail');
};

/** A resolver of a test's own. @returns its URL. */
async function resolver(answer: (query: Buffer) => DohAnswer): Promise<string> {
  const server = await startDohServer(zone.tls, answer);
  onTestFinished(() => server.close());
  return server.url;
}
const txt = (host: string, data: string, ttl = 60): packet.Answer => ({
  type: 'TXT',
  name: `${host}.${ZONE}`,
  ttl,
  data,
});

const own = (...servers: { host: string; port: number }[]) => ({
  authoritative: { kind: 'servers' as const, servers },
});
const cancelSoon = (cancel: () => void): void => {
  setTimeout(cancel, 100);
};
const verifying =
  (propagation: PropagationCheck) =>
  ({ records, ...input }: Pick<VerifyPropagationInput, 'records' | 'zoneName' | 'nameServers'>) => {
    const { zoneName, nameServers } = input;
    const seal = SEALS.seal(CLUSTER, { of: 'nameServers', zoneName, nameServers });
    const sealed = records.map((one) => ({ ...one, seal: SEALS.seal(CLUSTER, { of: 'record', ...one }) }));
    const activities = createPropagationActivities(propagation, { ca });
    return activities.verifyPropagation({ cluster: CLUSTER, ...input, seal, records: sealed });
  };

describe('the ownership of a standalone request', () => {
  const owner = { ...CLUSTER, kind: 'CertificateRequest' } as const;
  const dnsNames = [`shop.${ZONE}`, `*.shop.${ZONE}`];
  const orderId = '6b1d2bd1-63f2-4b3c-9b51-1b8d9c8d2f10';
  const name = `_acme-challenge.shop.${ZONE}`;
  const value = ownershipValue(owner.uid, orderId);

  const verify = (cluster: ClusterIdentity, records: readonly TxtRecord[], ownershipOf = dnsNames) => {
    const input = { zoneName: ZONE, nameServers: [] };
    const seal = SEALS.seal(cluster, { of: 'nameServers', ...input });
    const activities = createPropagationActivities(check(), { ca });
    return runActivity((given) => activities.verifyPropagation(given), {
      cluster,
      ...input,
      seal,
      records,
      ownershipOf,
    });
  };

  beforeAll(async () => {
    await zone.moto.putTxt(zone.zoneId, name, [`"${value}"`]);
    await zone.untilAnswered(name, [value]);
  });

  it('is proved by a record of its own at each name', async () => {
    const { ownershipProof } = await verify(owner, [{ name, value }]);
    const { verifiedAt = '', seal } = ownershipProof ?? {};
    expect(SEALS.verify(owner, { of: 'ownership', dnsNames, verifiedAt }, seal)).toBe(true);
    expect(Math.abs(Date.parse(verifiedAt) - Date.now())).toBeLessThan(600_000);
  });

  it.each<[string, () => Promise<unknown>]>([
    ['the record of another request', () => verify({ ...owner, uid: 'another' }, [{ name, value }])],
    ['the record of a request, for a ClusterDeployment', () => verify(CLUSTER, [{ name, value }])],
    ['records of some names only', () => verify(owner, [{ name, value }], [...dnsNames, `other.${ZONE}`])],
    ['no record', () => verify(owner, [])],
  ])('is not proved by %s', async (_what, verified) => {
    expect((await failureOf(verified())).code).toBe('kubernetes/notAskedFor');
  });
});

describe('resolvers over HTTPS', () => {
  it('reads all values of a name, not only the first', async () => {
    expect(await check().verify(ask('two', 'one', 'other'), signal)).toEqual([new URL(zone.dohUrl).host]);
  });

  it('joins a value of several strings', async () => {
    await check().verify(ask('long', `${'a'.repeat(255)}${'b'.repeat(45)}`), signal);
  });

  it('follows a CNAME that comes with its target', async () => {
    await check().verify(ask('alias', 'one'), signal);
  });

  it('queries the target of a CNAME that comes alone', async () => {
    const url = await resolver((question) => {
      const name = packet.decode(question).questions?.[0]?.name;
      const alias: packet.Answer = { type: 'CNAME', name: `alias.${ZONE}`, ttl: 60, data: `target.${ZONE}` };
      return { body: answerTo(question, [name === alias.name ? alias : txt('target', 'v')]) };
    });
    await check({ resolvers: [url] }).verify(ask('alias', 'v'), signal);
  });

  it('gives up on an endless chain of CNAMEs', async () => {
    let hop = 0;
    const url = await resolver((question) => {
      const name = packet.decode(question).questions?.[0]?.name ?? '';
      return { body: answerTo(question, [{ type: 'CNAME', name, ttl: 60, data: `hop${++hop}.${ZONE}` }]) };
    });
    expect((await failure(check({ resolvers: [url] }).verify(ask('alias', 'v'), signal))).code).toBe('dns/unreachable');
    expect(hop).toBeLessThan(12);
  });

  it('reports what it sees instead, and retries when the negative answer has expired', async () => {
    const seen = await failure(check().verify(ask('absent', 'one'), signal));
    expect(seen).toMatchObject({
      code: 'dns/notVisible',
      message: expect.stringContaining(`no TXT at absent.${ZONE}`),
    });
    expect(seen.delayMs.most).toBeGreaterThan(3_500);
    expect(seen.delayMs.least).toBeLessThanOrEqual(5_000);
    const other = await failure(check().verify(ask('two', 'one', 'mine'), signal));
    expect(other.message).toContain(`1 of 2 values missing at two.${ZONE}, 1 other there`);
  });

  it('never waits longer than a minute', async () => {
    const url = await resolver((question) => ({ body: answerTo(question, [txt('x', 'old', 86_400)]) }));
    const { delayMs } = await failure(check({ resolvers: [url] }).verify(ask('x', 'new'), signal));
    expect(delayMs.most).toBeGreaterThan(50_000);
    expect(delayMs.least).toBeLessThanOrEqual(60_000);
  });

  const broken: [string, (question: Buffer) => DohAnswer, RegExp][] = [
    ['an HTTP error', () => ({ status: 503, body: Buffer.from('') }), /HTTP 503/],
    ['a page', () => ({ type: 'text/html', body: Buffer.from('<p>') }), /text\/html instead of/],
    ['bytes that are no DNS', () => ({ body: Buffer.from('nonsense') }), /no DNS answer/],
    ['more than any DNS message has', () => ({ body: Buffer.alloc(100_000) }), /more than 65535 bytes/],
    ['SERVFAIL', (question) => ({ body: answerTo(question, [], 2) }), /SERVFAIL/],
  ];
  it.each(broken)('counts %s as inconclusive', async (_, answer, why) => {
    const url = await resolver(answer);
    const seen = await failure(check({ resolvers: [url] }).verify(ask('two', 'one'), signal));
    expect(seen).toMatchObject({ code: 'dns/unreachable', message: expect.stringMatching(why) });
  });
});

describe('a quorum of resolvers', () => {
  const down = 'https://127.0.0.1:9/dns-query';

  it('counts only those that answer', async () => {
    await check({ resolvers: [zone.dohUrl, down] }).verify(ask('two', 'one'), signal);
  });

  it('needs more than half of those that answer', async () => {
    const blind = await resolver((question) => ({ body: answerTo(question, []) }));
    const seen = await failure(check({ resolvers: [zone.dohUrl, blind] }).verify(ask('two', 'one'), signal));
    expect(seen).toMatchObject({ code: 'dns/notVisible', message: expect.stringContaining('sees all') });
    await check({ resolvers: [zone.dohUrl, blind], quorum: 1 }).verify(ask('two', 'one'), signal);
  });

  it('is not reached when fewer resolvers answer than are required', async () => {
    const seen = await failure(check({ resolvers: [zone.dohUrl, down], quorum: 2 }).verify(ask('two', 'one'), signal));
    expect(seen).toMatchObject({ code: 'dns/unreachable', message: expect.stringContaining('ECONNREFUSED') });
  });

  it('fails when no resolver can be reached', async () => {
    expect((await failure(check({ resolvers: [down] }).verify(ask('two', 'one'), signal))).code).toBe(
      'dns/unreachable',
    );
  });

  it('does not trust the certificate of an unknown CA', async () => {
    const made = check({ resolverCa: undefined });
    expect((await failure(made.verify(ask('two', 'one'), signal))).code).toBe('dns/unreachable');
  });
});

describe('the zone’s own servers', () => {
  it('are among those that see it', async () => {
    const seenBy = await check(own(zone.dns)).verify(ask('two', 'one'), signal);
    expect(seenBy).toEqual([`127.0.0.1:${zone.dns.port}`, new URL(zone.dohUrl).host]);
  });

  it('are queried over TCP for what does not fit a datagram', async () => {
    const seenBy = await check(own(zone.dns)).verify(ask('many', '59'.padStart(43, 'v')), signal);
    expect(seenBy[0]).toBe(`127.0.0.1:${zone.dns.port}`);
  });

  it('queries no resolver before they have it, and retries soon, then less often', async () => {
    let asked = 0;
    const url = await resolver((question) => {
      asked++;
      return { body: answerTo(question, []) };
    });
    const checking = check({ ...own(zone.dns), resolvers: [url] });
    const first = await failure(checking.verify(ask('absent', 'one'), signal));
    expect(first).toMatchObject({ code: 'dns/notVisible', message: expect.stringContaining('own servers') });
    expect(first.delayMs.least).toBeLessThanOrEqual(500);
    const tenth = await failure(checking.verify({ ...ask('absent', 'one'), attempt: 10 }, signal));
    expect(tenth.delayMs.most).toBeGreaterThan(3_000);
    expect(asked).toBe(0);
  });

  it('sees a value once they have it', async () => {
    const checking = check(own(zone.dns));
    await zone.moto.putTxt(zone.zoneId, `fresh.${ZONE}`, ['"new"']);
    await expect.poll(() => checking.verify(ask('fresh', 'new'), signal)).toHaveLength(2);
  });

  it('warns once when they cannot be reached, and lets the resolvers decide', async () => {
    const notices: string[] = [];
    const checking = check({ ...own(CLOSED_PORT), onWarning: (message) => notices.push(message) });
    for (let round = 0; round < 3; round++) await checking.verify(ask('two', 'one'), signal);
    expect(notices).toEqual([expect.stringContaining('DNS over HTTPS alone decides')]);
  });

  it('are not queried at an address that is not public, since a DNSZone can name any host', async () => {
    const notices: string[] = [];
    const checking = check({ authoritative: { kind: 'auto' }, onWarning: (message) => notices.push(message) });
    const nameServers = ['127.0.0.1', '169.254.169.254'];
    const seenBy = await checking.verify({ ...ask('two', 'one'), nameServers }, signal);
    expect(seenBy).toEqual([new URL(zone.dohUrl).host]);
    expect(notices).toHaveLength(1);
    expect(notices[0]?.match(/ERR_ADDRESS_REFUSED/g)).toHaveLength(2);
  });

  it('does not query servers again that do not answer', async () => {
    let asked = 0;
    const silent = (): undefined => {
      asked++;
    };
    const checking = check(own({ host: '127.0.0.1', port: await datagramServer(silent) }));
    const hosts = ['two', 'long', 'many', 'alias'];
    await Promise.all(hosts.map((host) => failure(checking.verify(ask(host, 'x'), signal))));
    const before = asked;
    await checking.verify(ask('two', 'one'), signal);
    expect(before).toBeGreaterThan(0);
    expect(asked).toBe(before);
  });

  it('bounds the wait for a server that accepts a connection and does not answer', async () => {
    const port = await truncatingServer();
    const seenBy = await check(own({ host: '127.0.0.1', port })).verify(ask('two', 'one'), signal);
    expect(seenBy).toHaveLength(1);
  });
});

describe('a resolver that keeps a negative answer', () => {
  it('is not asked again before it expires, while the zone’s own servers are', async () => {
    let asked = 0;
    const url = await resolver((question) => {
      asked += 1;
      const { id, questions } = packet.decode(question);
      const data = { mname: ZONE, rname: ZONE, serial: 1, refresh: 1, retry: 1, expire: 1, minimum: 900 };
      const authorities: packet.Answer[] = [{ type: 'SOA', name: ZONE, ttl: 900, data }];
      return { body: packet.encode({ type: 'response', id: id ?? 0, questions: questions ?? [], authorities }) };
    });
    const checking = check({ ...own(zone.dns), resolvers: [url] });
    const first = await failure(checking.verify(ask('two', 'one'), signal));
    expect(first.message).toContain(`no TXT at two.${ZONE} (it may keep that for 900 s)`);
    expect(first.message).toContain(`127.0.0.1:${zone.dns.port} sees all`);
    // The next look is at the zone's own servers.
    expect(first.delayMs.least).toBeLessThanOrEqual(60_000);
    await expect(checking.verify({ ...ask('two', 'one'), attempt: 2 }, signal)).rejects.toMatchObject({
      code: 'dns/notVisible',
      ownServers: 'seen',
    });
    expect(asked).toBe(1);
    await expect(checking.verify(ask('two', 'one', 'removed'), signal)).rejects.toMatchObject({
      ownServers: 'missing',
    });
  });

  it('is asked again once it has expired', async () => {
    const checking = check();
    await failure(checking.verify(ask('later', 'v'), signal));
    await zone.moto.putTxt(zone.zoneId, `later.${ZONE}`, ['"v"']);
    await expect.poll(() => checking.verify(ask('later', 'v'), signal).catch(() => [])).toHaveLength(1);
  });
});

describe('an outage of all resolvers', () => {
  const down = 'https://127.0.0.1:9/dns-query';

  it('leaves the decision to the zone’s own servers, from the third look on', async () => {
    const notices: string[] = [];
    const checking = check({ ...own(zone.dns), resolvers: [down], onWarning: (message) => notices.push(message) });
    const first = await failure(checking.verify(ask('two', 'one'), signal));
    expect(first).toMatchObject({ code: 'dns/unreachable', message: expect.stringContaining('sees all') });
    expect(await checking.verify({ ...ask('two', 'one'), attempt: 3 }, signal)).toEqual([`127.0.0.1:${zone.dns.port}`]);
    expect(notices).toEqual([expect.stringContaining('own servers alone decide')]);
  });

  it('fails where a number of resolvers is required, or no server of the zone answers', async () => {
    const strict = check({ ...own(zone.dns), resolvers: [down], quorum: 1 });
    const alone = check({ ...own(CLOSED_PORT), resolvers: [down] });
    for (const checking of [strict, alone]) {
      const seen = await failure(checking.verify({ ...ask('two', 'one'), attempt: 9 }, signal));
      expect(seen.code).toBe('dns/unreachable');
    }
  });

  it('proves no ownership: the servers may be of a zone that the domain is not delegated to', async () => {
    const checking = check({ ...own(zone.dns), resolvers: [down] });
    const request = { ...ask('two', 'one'), attempt: 9, mustBePublic: true };
    expect((await failure(checking.verify(request, signal))).code).toBe('dns/unreachable');
  });
});

describe('many orders at once', () => {
  it('share the queries for a name', async () => {
    let asked = 0;
    const url = await resolver((question) => {
      asked++;
      return { body: answerTo(question, [txt('two', 'one')]) };
    });
    const checking = check({ resolvers: [url] });
    await Promise.all(Array.from({ length: 50 }, () => checking.verify(ask('two', 'one'), signal)));
    expect(asked).toBe(1);
  });

  it('are verified concurrently', async () => {
    const checking = check({ authoritative: { kind: 'servers', servers: [zone.dns] } });
    for (let n = 0; n < 5; n++) await zone.moto.putTxt(zone.zoneId, `n${n}.${ZONE}`, ['"v"']);
    await expect
      .poll(() => Promise.all([0, 1, 2, 3, 4].map((n) => checking.verify(ask(`n${n}`, 'v'), signal))))
      .toHaveLength(5);
  });
});

describe('the activity', () => {
  it('returns who sees the records', async () => {
    const verifyPropagation = verifying(check());
    const { attempt: _, ...input } = ask('two', 'one');
    expect(await runActivity(verifyPropagation, input)).toEqual({ seenBy: [new URL(zone.dohUrl).host] });
  });

  it('fails a miss with the delay after which a retry makes sense', async () => {
    const propagation = check({ authoritative: { kind: 'servers', servers: [zone.dns] } });
    const verifyPropagation = verifying(propagation);
    const { attempt: _, ...input } = ask('absent', 'one');
    const missed = await failureOf(runActivity(verifyPropagation, input));
    expect(missed).toMatchObject({ code: 'dns/notVisible', retry: 'transient' });
    expect(missed.retryDelayMs).toBeLessThanOrEqual(500);
  });

  it('ends as soon as it is cancelled', async () => {
    const url = `https://127.0.0.1:${await muteServer()}/dns-query`;
    const verifyPropagation = verifying(check({ resolvers: [url], timeoutMs: LONG_QUESTION_MS }));
    const { attempt: _, ...input } = ask('two', 'one');
    const start = performance.now();
    await expect(runActivity(verifyPropagation, input, { onStart: cancelSoon })).rejects.toMatchObject({
      name: 'CancelledFailure',
    });
    // Without the cancellation it would have ended with the time limit of the question.
    expect(performance.now() - start).toBeLessThan(LONG_QUESTION_MS);
  });
});
