/** The sweep of a zone at Google Cloud DNS; test/stack/dns/route53/sweep.test.ts has the rest. */
import { expect, test } from 'vitest';
import { sweepZones } from '../../../../src/dns/txt-sweep.ts';
import { googleTarget, record, signal, useGoogle, ZONE } from '../../../support/dns/google/harness.ts';
import { SEALS } from '../../../support/dns/sealed-records.ts';

const harness = useGoogle();

test('removes what crashed orders left on any page, in one change, and nothing else', async () => {
  harness.google.pageSize = 2;
  const zone = harness.google.addZone('c1', ZONE);
  zone.sets.push({ name: `${ZONE}.`, type: 'TXT', ttl: 300, rrdatas: ['"v=spf1 -all"'] });
  zone.sets.push({ name: `_acme-challenge.api.${ZONE}.`, type: 'TXT', ttl: 30, rrdatas: ['"theirs"'] });
  const tagged = (host: string, expiresAt: number) => {
    const one = record(`${host}.${ZONE}`, 'v'.repeat(43));
    return [one, { ...one, value: SEALS.ownerTag(one, new Date(expiresAt)) }];
  };
  const twoHours = 2 * 3_600_000;
  const left = ['api', 'apps', 'rh-api'].flatMap((host) => tagged(host, Date.now() - twoHours));
  const inUse = tagged('web', Date.now() + twoHours);
  const dns = harness.provider();
  await dns.publish(googleTarget(), [...left, ...inUse], signal, 0);
  const before = harness.google.counts()['dns.changes.create'] ?? 0;
  // Two clusters in one zone.
  const targets = [googleTarget(), googleTarget({ clusterName: 'c2' })];
  const results = [];
  for await (const swept of sweepZones(targets, { dns, tags: SEALS, signal, requestIntervalMs: 0 }))
    results.push(swept);
  expect(results).toMatchObject([{ outcome: 'swept', removed: { length: 6 }, inUse: 1 }]);
  expect(harness.google.txtOf('c1')).toEqual({
    [ZONE]: ['"v=spf1 -all"'],
    [`_acme-challenge.api.${ZONE}`]: ['"theirs"'],
    [`_acme-challenge.web.${ZONE}`]: inUse.map(({ value }) => `"${value}"`).sort(),
  });
  expect(harness.google.counts()['dns.changes.create']).toBeLessThanOrEqual(before + 2);
});
