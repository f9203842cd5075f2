/** Which zones are swept; test/stack/dns/route53/sweep.test.ts has the rest. */
import { beforeEach, expect, test, vi } from 'vitest';
import type { DnsTarget, ZoneRecords } from '../../../src/dns/provider.ts';
import { sweepZones } from '../../../src/dns/txt-sweep.ts';
import { CertmanError } from '../../../src/failures/failure.ts';
import { SEALS } from '../../support/dns/sealed-records.ts';

const { pauses } = vi.hoisted(() => ({ pauses: [] as number[] }));
vi.mock('../../../src/kubernetes/api/backoff.ts', async (original) => ({
  ...(await original<object>()),
  pause: (ms: number) => {
    pauses.push(ms);
    return Promise.resolve();
  },
}));

const ZONE = 'example.com';
const record = { name: `_acme-challenge.api.${ZONE}`, value: 'v'.repeat(43) };
const tag = SEALS.ownerTag(record, new Date(Date.now() - 2 * 3_600_000));
const targetOf = (clusterName: string): DnsTarget => ({
  namespace: 'ns',
  clusterName,
  zoneName: ZONE,
  platform: { kind: 'aws', region: 'us-east-1', credentialsSecret: clusterName, sts: false },
});

/** All clusters lead to one zone. @param codes by cluster, of the failure with its credentials. */
async function sweep(codes: Readonly<Record<string, 'dns/accessDenied' | 'dns/zoneNotFound' | 'dns/changeRefused'>>) {
  const listRecords = ({ clusterName }: DnsTarget): Promise<ZoneRecords> =>
    Promise.resolve({
      zoneId: 'Z1',
      page: async () => {
        const code = codes[clusterName];
        if (code !== undefined) throw new CertmanError({ code, message: 'No.' });
        return { records: [record, { ...record, value: tag }] };
      },
      withdraw: () => Promise.resolve(),
    });
  const { signal } = new AbortController();
  const targets = ['c1', 'c2', 'c3'].map(targetOf);
  const outcomes: string[] = [];
  for await (const { outcome } of sweepZones(targets, {
    dns: { listRecords },
    tags: SEALS,
    signal,
    requestIntervalMs: 0,
  }))
    outcomes.push(outcome);
  return outcomes;
}

beforeEach(() => {
  pauses.length = 0;
});

/** Sweeps as a worker does, one request and one look-up a second. @returns the seconds at which each look-up and page was asked for. */
async function paced(zoneOf: (clusterName: string) => string) {
  const seconds = (): number => pauses.reduce((sum, ms) => sum + ms, 0) / 1000;
  const asked: string[] = [];
  const listRecords = ({ clusterName }: DnsTarget): Promise<ZoneRecords> => {
    asked.push(`${seconds()} look-up`);
    return Promise.resolve({
      zoneId: zoneOf(clusterName),
      page: (at) => {
        asked.push(`${seconds()} page`);
        return Promise.resolve({ records: [], ...(at === undefined && { next: 'more' }) });
      },
      withdraw: () => Promise.resolve(),
    });
  };
  const options = { dns: { listRecords }, tags: SEALS, signal: new AbortController().signal };
  const targets = ['c1', 'c2', 'c3'].map(targetOf);
  const sweeping = sweepZones(targets, { ...options, requestIntervalMs: 1_000, lookUpIntervalMs: 1_000 });
  while ((await sweeping.next()).done !== true);
  return asked;
}

test('clusters that share a zone are looked up at the pace of the requests', async () => {
  expect(await paced(() => 'Z1')).toEqual(['1 look-up', '1 page', '2 page', '3 look-up', '4 look-up']);
});

test('a zone of its own costs a cluster no second pause', async () => {
  expect(await paced((name) => name)).toEqual(
    [0, 2, 4].flatMap((from) => [`${from + 1} look-up`, `${from + 1} page`, `${from + 2} page`]),
  );
});

test('a zone that several clusters have is swept once', async () => {
  expect(await sweep({})).toEqual(['swept']);
});

test.each([
  ['dns/accessDenied', 'failed'],
  ['dns/zoneNotFound', 'gone'],
] as const)(
  'a zone that the credentials of one cluster do not reach (%s) is swept with those of the next',
  async (code, outcome) => {
    expect(await sweep({ c1: code })).toEqual([outcome, 'swept']);
  },
);

test('a zone that fails for another reason is left for the next sweep', async () => {
  expect(await sweep({ c1: 'dns/changeRefused' })).toEqual(['failed']);
});
