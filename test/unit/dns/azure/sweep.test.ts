/** The sweep of a zone at Azure DNS; test/stack/dns/route53/sweep.test.ts has the rest. */
import { expect, test } from 'vitest';
import { sweepZones } from '../../../../src/dns/txt-sweep.ts';
import { azureTarget, record, signal, useAzure, ZONE } from '../../../support/dns/azure/harness.ts';
import { SEALS } from '../../../support/dns/sealed-records.ts';

const harness = useAzure();

const HOUR_MS = 3_600_000;

/** A value and its owner tag. */
function tagged(host: string, expiresAt: number) {
  const one = record(host, 'v'.repeat(43));
  return [one, { ...one, value: SEALS.ownerTag(one, new Date(expiresAt)) }];
}

async function sweep(targets: readonly ReturnType<typeof azureTarget>[]) {
  const swept = [];
  const options = { dns: harness.provider(), tags: SEALS, signal, requestIntervalMs: 0 };
  for await (const one of sweepZones(targets, options)) swept.push(one);
  return swept;
}

test('removes what crashed orders left on any page, and nothing else', async () => {
  const zone = harness.azure.addZone(ZONE);
  harness.azure.putTxt(zone, '@', ['v=spf1 -all']);
  harness.azure.putTxt(zone, '_acme-challenge.api', ['theirs']);
  const left = ['api', 'apps', 'rh-api'].flatMap((host) => tagged(host, Date.now() - 2 * HOUR_MS));
  const inUse = tagged('web', Date.now() + 2 * HOUR_MS);
  await harness.provider().publish(azureTarget(), [...left, ...inUse], signal, 0);
  // Two clusters in one zone.
  const results = await sweep([azureTarget(), azureTarget({}, { clusterName: 'c2' })]);
  expect(results).toMatchObject([{ outcome: 'swept', removed: { length: 6 }, inUse: 1 }]);
  expect(harness.azure.txtOf(ZONE)).toEqual({
    '@': ['v=spf1 -all'],
    '_acme-challenge.api': ['theirs'],
    '_acme-challenge.web': inUse.map(({ value }) => value),
  });
  // Five sets in pages of two.
  expect(harness.azure.counts()['GET sets']).toBe(3);
});

test('a zone that does not exist any more is gone', async () => {
  expect(await sweep([azureTarget()])).toEqual([{ zoneName: ZONE, outcome: 'gone' }]);
});

test('credentials that may not list the zone are reported', async () => {
  harness.azure.addZone(ZONE);
  harness.azure.refuse = ({ lists }) =>
    lists ? { status: 403, body: { error: { code: 'AuthorizationFailed', message: 'No.' } } } : undefined;
  expect(await sweep([azureTarget()])).toMatchObject([{ outcome: 'failed', failure: { code: 'dns/accessDenied' } }]);
});
