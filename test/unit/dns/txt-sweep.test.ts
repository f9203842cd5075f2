/** Which zones are swept; test/stack/dns/route53/sweep.test.ts has the rest. */
import { expect, test } from 'vitest';
import type { DnsTarget, ZoneRecords } from '../../../src/dns/provider.ts';
import { sweepZones } from '../../../src/dns/txt-sweep.ts';
import { CertmanError } from '../../../src/failures/failure.ts';
import { SEALS } from '../../support/dns/sealed-records.ts';

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
