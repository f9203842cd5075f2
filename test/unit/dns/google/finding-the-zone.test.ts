import { expect, test } from 'vitest';
import { googleTarget, record, signal, useGoogle, ZONE } from '../../../support/dns/google/harness.ts';

const harness = useGoogle();
const RECORDS = [record(`api.${ZONE}`, 'v')];

test("the zone is the one that Hive's DNSZone names, which is not looked for", async () => {
  harness.google.addZone('hive-zone', ZONE);
  harness.google.addZone('another', ZONE);
  const status = { gcp: { zoneName: 'hive-zone' }, nameServers: ['ns1.example.net.'] };
  harness.kubernetes.put('DNSZone', 'ns', 'c1', { spec: { zone: ZONE }, status });
  const published = await harness.provider().publish(googleTarget(), RECORDS, signal, 0);
  expect(published).toMatchObject({ zoneId: 'hive-zone', nameServers: ['ns1.example.net'] });
  expect(harness.google.counts()).toEqual({ 'dns.changes.create': 1 });
});

test('a zone that Hive has not created yet is waited for', async () => {
  harness.kubernetes.put('DNSZone', 'ns', 'c1', { spec: { zone: ZONE }, status: { gcp: {} } });
  await expect(harness.provider().publish(googleTarget(), RECORDS, signal, 0)).rejects.toMatchObject({
    code: 'dns/zoneNotFound',
    message: expect.stringContaining('DNSZone ns/c1 has no status.gcp.zoneName'),
  });
});

test('without a DNSZone it is the public zone with the longest matching name, of all pages', async () => {
  for (const n of [1, 2, 3]) harness.google.addZone(`other-${n}`, `o${n}.example.net`);
  harness.google.addZone('parent', 'example.com');
  harness.google.addZone('private', ZONE, 'private');
  harness.google.addZone('mine', ZONE);
  expect(await harness.provider().publish(googleTarget(), RECORDS, signal, 0)).toMatchObject({ zoneId: 'mine' });
  expect(harness.google.counts()).toMatchObject({ 'dns.managedZones.list': 3 });
});

test('without any it says which names were compared', async () => {
  harness.google.addZone('private', ZONE, 'private');
  await expect(harness.provider().publish(googleTarget(), RECORDS, signal, 0)).rejects.toMatchObject({
    code: 'dns/zoneNotFound',
    message: expect.stringMatching(/None of the 1 managed zones of .*project is c1.example.com .*private/),
  });
});

test('a zone that was created again under another name is found', async () => {
  harness.google.addZone('old', ZONE);
  const dns = harness.provider();
  await dns.publish(googleTarget(), RECORDS, signal, 0);
  harness.google.zones.delete('old');
  harness.google.addZone('new', ZONE);
  expect(await dns.publish(googleTarget(), RECORDS, signal, 0)).toMatchObject({ zoneId: 'new' });
});

test('a zone that is gone counts as withdrawn', async () => {
  await harness.provider().withdraw(googleTarget(), RECORDS, signal);
  expect(harness.google.counts()['dns.changes.create']).toBeUndefined();
});

test('the delegation is that of the zone', async () => {
  harness.google.addZone('mine', ZONE);
  expect(await harness.provider().delegation(googleTarget(), signal)).toEqual({
    name: ZONE,
    nameServers: ['ns-cloud-a1.googledomains.com', 'ns-cloud-a2.googledomains.com'],
  });
});
