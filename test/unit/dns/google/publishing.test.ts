import { expect, test } from 'vitest';
import { googleTarget, record, signal, useGoogle, ZONE } from '../../../support/dns/google/harness.ts';

const harness = useGoogle();

test('all values of an order go into one change, and the answer names the servers', async () => {
  harness.google.addZone('c1', ZONE);
  const records = [record(`api.${ZONE}`, 'a'), record(`apps.${ZONE}`, 'b'), record(`apps.${ZONE}`, 'c')];
  const published = await harness.provider().publish(googleTarget(), records, signal, 0);
  expect(published).toMatchObject({
    zoneId: 'c1',
    nameServers: ['ns-cloud-a1.googledomains.com', 'ns-cloud-a2.googledomains.com'],
    change: expect.stringMatching(/^1 c1 \d+$/),
  });
  expect(harness.google.txtOf('c1')).toEqual({
    [`_acme-challenge.api.${ZONE}`]: ['"a"'],
    [`_acme-challenge.apps.${ZONE}`]: ['"b"', '"c"'],
  });
  expect(harness.google.counts()).toMatchObject({ 'dns.changes.create': 1 });
  expect(harness.google.requests.map(({ userAgent }) => userAgent)).toContain('certman/test');
});

test('orders of one zone at the same time share a change', async () => {
  harness.google.addZone('c1', ZONE);
  const dns = harness.provider({ batchWindowMs: 50 });
  await Promise.all(
    ['a', 'b', 'c', 'd'].map((name) => dns.publish(googleTarget(), [record(`${name}.${ZONE}`, 'v')], signal, 0)),
  );
  expect(Object.keys(harness.google.txtOf('c1'))).toHaveLength(4);
  expect(harness.google.counts()).toMatchObject({ 'dns.changes.create': 1 });
});

test('values of others stay, with their TTL or a shorter one, and only own values are withdrawn', async () => {
  const zone = harness.google.addZone('c1', ZONE);
  const name = `_acme-challenge.api.${ZONE}.`;
  zone.sets.push({ name, type: 'TXT', ttl: 30, rrdatas: ['"theirs"'] });
  zone.sets.push({ name: `api.${ZONE}.`, type: 'A', ttl: 300, rrdatas: ['192.0.2.1'] });
  const dns = harness.provider();
  await dns.publish(googleTarget(), [record(`api.${ZONE}`, 'ours')], signal, 0);
  expect(zone.sets.find((set) => set.name === name)).toMatchObject({ ttl: 30, rrdatas: ['"ours"', '"theirs"'] });
  await dns.withdraw(googleTarget(), [record(`api.${ZONE}`, 'ours')], signal);
  expect(harness.google.txtOf('c1')).toEqual({ [name.slice(0, -1)]: ['"theirs"'] });
  expect(zone.sets).toContainEqual({ name: `api.${ZONE}.`, type: 'A', ttl: 300, rrdatas: ['192.0.2.1'] });
});

test('a value that another program adds between the read and the change is kept', async () => {
  const zone = harness.google.addZone('c1', ZONE);
  const dns = harness.provider();
  const name = `_acme-challenge.api.${ZONE}.`;
  await dns.publish(googleTarget(), [record(`api.${ZONE}`, 'first')], signal, 0);
  let changes = 0;
  harness.google.beforeChange = () => {
    if (++changes > 1) return;
    zone.sets.splice(0, 1, { name, type: 'TXT', ttl: 60, rrdatas: ['"first"', '"theirs"'] });
  };
  await dns.publish(googleTarget(), [record(`api.${ZONE}`, 'second')], signal, 0);
  expect(harness.google.txtOf('c1')).toEqual({ [name.slice(0, -1)]: ['"first"', '"second"', '"theirs"'] });
  expect(changes).toBe(2);
});

test('a value that is gone already counts as withdrawn', async () => {
  harness.google.addZone('c1', ZONE);
  await harness.provider().withdraw(googleTarget(), [record(`api.${ZONE}`, 'gone')], signal);
  expect(harness.google.txtOf('c1')).toEqual({});
});

test('a CNAME in the way refuses its own order, and no other of the same change', async () => {
  const zone = harness.google.addZone('c1', ZONE);
  zone.sets.push({ name: `_acme-challenge.bad.${ZONE}.`, type: 'CNAME', ttl: 60, rrdatas: ['x.example.net.'] });
  const dns = harness.provider({ batchWindowMs: 50 });
  const [bad, good] = await Promise.allSettled([
    dns.publish(googleTarget(), [record(`bad.${ZONE}`, 'v')], signal, 0),
    dns.publish(googleTarget(), [record(`good.${ZONE}`, 'v')], signal, 0),
  ]);
  expect(bad).toMatchObject({
    reason: { code: 'dns/changeRefused', message: expect.stringContaining('cnameResourceRecordSetConflict') },
  });
  expect(good.status).toBe('fulfilled');
});

test('it waits for a pending change, at the instant that the failure names', async () => {
  const zone = harness.google.addZone('c1', ZONE);
  harness.google.changeStatus = 'pending';
  const dns = harness.provider({ expectedLiveMs: 60_000 });
  const { change = '' } = await dns.publish(googleTarget(), [record(`api.${ZONE}`, 'v')], signal, 0);
  await expect(dns.awaitLive(googleTarget(), change, signal)).rejects.toMatchObject({
    code: 'dns/pending',
    info: { notBefore: expect.any(String) },
  });
  const soon = harness.provider({ expectedLiveMs: 10 });
  for (const one of zone.changes) one.status = 'done';
  await soon.awaitLive(googleTarget(), change, signal);
  expect(harness.google.counts()).toMatchObject({ 'dns.changes.get': 1 });
});

test('changes of two zones with the same id are not taken for one another', async () => {
  const [one, two] = [harness.google.addZone('c1', ZONE), harness.google.addZone('c2', 'c2.example.com')];
  harness.google.changeStatus = 'pending';
  const dns = harness.provider();
  const second = googleTarget({ clusterName: 'c2', zoneName: 'c2.example.com' });
  const first = await dns.publish(googleTarget(), [record(`api.${ZONE}`, 'v')], signal, 0);
  const other = await dns.publish(second, [record('api.c2.example.com', 'v')], signal, 0);
  expect([one.changes[0]?.id, two.changes[0]?.id]).toEqual(['1', '1']);
  for (const change of one.changes) change.status = 'done';
  await dns.awaitLive(googleTarget(), first.change ?? '', signal);
  await expect(dns.awaitLive(second, other.change ?? '', signal)).rejects.toMatchObject({ code: 'dns/pending' });
});

test('a publication that is cancelled before its change is sent leaves nothing behind', async () => {
  harness.google.addZone('c1', ZONE);
  const cancelled = new AbortController();
  const published = harness
    .provider({ batchWindowMs: 200 })
    .publish(googleTarget(), [record(`api.${ZONE}`, 'v')], cancelled.signal, 0);
  cancelled.abort(new Error('cancelled'));
  await expect(published).rejects.toThrow('cancelled');
  expect(harness.google.counts()['dns.changes.create']).toBeUndefined();
});

test('many names that have to be read are read by listing the zone', async () => {
  const zone = harness.google.addZone('c1', ZONE);
  harness.google.pageSize = 4;
  const records = Array.from({ length: 9 }, (_, n) => record(`n${n}.${ZONE}`, 'v'));
  for (const { name } of records) zone.sets.push({ name: `${name}.`, type: 'TXT', ttl: 60, rrdatas: ['"theirs"'] });
  await harness.provider().publish(googleTarget(), records, signal, 0);
  expect(new Set(Object.values(harness.google.txtOf('c1')).map(String))).toEqual(new Set(['"theirs","v"']));
  expect(harness.google.counts()).toMatchObject({ 'dns.resourceRecordSets.list': 3, 'dns.changes.create': 2 });
});

test('the pages of a large zone count as requests, so that what another batch has waits for the next round', async () => {
  const zone = harness.google.addZone('c1', ZONE);
  harness.google.pageSize = 1;
  const names = Array.from({ length: 120 }, (_, n) => `n${n}.${ZONE}`);
  for (const name of names)
    zone.sets.push({ name: `_acme-challenge.${name}.`, type: 'TXT', ttl: 60, rrdatas: ['"theirs"'] });
  const dns = harness.provider({ batchWindowMs: 50 });
  const ours = names.slice(0, 6).map((name) => record(name, 'v'));
  // Two of this length fill a batch.
  const long = ['a', 'b', 'c'].map((name) => [record(`${name}.${ZONE}`, 'v'.repeat(15_000))]);
  const published = [ours, ...long].map((records) => dns.publish(googleTarget(), records, signal, 0));
  const outcomes = await Promise.allSettled(published);
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled', 'rejected']);
  expect(outcomes[3]).toMatchObject({ reason: { code: 'dns/queued' } });
  expect(harness.google.counts()).toMatchObject({ 'dns.resourceRecordSets.list': 120, 'dns.changes.create': 2 });
});
