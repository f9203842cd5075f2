import { expect, test } from 'vitest';
import { azureTarget, record, signal, useAzure, ZONE } from '../../../support/dns/azure/harness.ts';

const harness = useAzure();

test('a record set for each name has all of its values, and nothing is left to wait for', async () => {
  harness.azure.addZone(ZONE);
  const records = [record('api', 'a'), record('apps', 'b'), record('apps', 'c')];
  const published = await harness.provider().publish(azureTarget(), records, signal, 0);
  expect(published).toEqual({ zoneId: `dns/${ZONE}`, nameServers: ['ns1-01.azure-dns.com', 'ns2-01.azure-dns.net'] });
  expect(harness.azure.txtOf(ZONE)).toEqual({ '_acme-challenge.api': ['a'], '_acme-challenge.apps': ['b', 'c'] });
  expect(harness.azure.counts()).toMatchObject({ 'PUT set': 2 });
  expect(harness.azure.requests.at(-1)?.headers['user-agent']).toContain('certman/test');
});

test('what was published is withdrawn without reading it', async () => {
  harness.azure.addZone(ZONE);
  const dns = harness.provider();
  await dns.publish(azureTarget(), [record('api', 'a')], signal, 0);
  await dns.withdraw(azureTarget(), [record('api', 'a')], signal);
  expect(harness.azure.txtOf(ZONE)).toEqual({});
  expect(harness.azure.counts()).toMatchObject({ 'PUT set': 1, 'DELETE set': 1 });
  expect(harness.azure.counts()['GET set']).toBeUndefined();
});

test('values of others stay, with their metadata, and only own values are withdrawn', async () => {
  const zone = harness.azure.addZone(ZONE);
  harness.azure.putTxt(zone, '_acme-challenge.api', ['theirs'], { metadata: { owner: 'them' } });
  const dns = harness.provider();
  await dns.publish(azureTarget(), [record('api', 'ours')], signal, 0);
  expect(harness.azure.txtOf(ZONE)).toEqual({ '_acme-challenge.api': ['theirs', 'ours'] });
  expect(zone.sets.get('_acme-challenge.api')?.properties).toMatchObject({ TTL: 60, metadata: { owner: 'them' } });
  await dns.withdraw(azureTarget(), [record('api', 'ours')], signal);
  expect(harness.azure.txtOf(ZONE)).toEqual({ '_acme-challenge.api': ['theirs'] });
});

test('records of others keep their character-strings', async () => {
  const zone = harness.azure.addZone(ZONE);
  const theirs = { value: ['some', 'strings'] };
  harness.azure.putTxt(zone, '_acme-challenge.api', [], { TXTRecords: [theirs] });
  await harness.provider().publish(azureTarget(), [record('api', 'v'.repeat(300))], signal, 0);
  expect(zone.sets.get('_acme-challenge.api')?.properties.TXTRecords).toEqual([
    theirs,
    { value: ['v'.repeat(255), 'v'.repeat(45)] },
  ]);
});

test('a value that another program adds before the write is kept', async () => {
  const zone = harness.azure.addZone(ZONE);
  const dns = harness.provider();
  await dns.publish(azureTarget(), [record('api', 'first')], signal, 0);
  let writes = 0;
  harness.azure.beforeWrite = () => {
    if (++writes === 1) harness.azure.putTxt(zone, '_acme-challenge.api', ['first', 'theirs']);
  };
  await dns.publish(azureTarget(), [record('api', 'second')], signal, 0);
  expect(harness.azure.txtOf(ZONE)).toEqual({ '_acme-challenge.api': ['first', 'theirs', 'second'] });
});

test('a value that counts as published is looked for', async () => {
  const zone = harness.azure.addZone(ZONE);
  const dns = harness.provider();
  await dns.publish(azureTarget(), [record('api', 'a')], signal, 0);
  zone.sets.clear();
  await dns.publish(azureTarget(), [record('api', 'a')], signal, 0);
  expect(harness.azure.txtOf(ZONE)).toEqual({ '_acme-challenge.api': ['a'] });
});

test('orders of one name at the same time keep the values of each other', async () => {
  harness.azure.addZone(ZONE);
  const dns = harness.provider();
  const values = ['a', 'b', 'c', 'd'];
  await Promise.all(values.map((value) => dns.publish(azureTarget(), [record('api', value)], signal, 0)));
  expect(harness.azure.txtOf(ZONE)['_acme-challenge.api']?.toSorted()).toEqual(values);
});

test('a record set that another program never leaves alone is given up until later', async () => {
  const zone = harness.azure.addZone(ZONE);
  let writes = 0;
  harness.azure.beforeWrite = () => harness.azure.putTxt(zone, '_acme-challenge.api', [`theirs ${++writes}`]);
  await expect(harness.provider().publish(azureTarget(), [record('api', 'v')], signal, 0)).rejects.toMatchObject({
    code: 'dns/throttled',
    message: expect.stringContaining('Another program keeps changing'),
    info: { notBefore: expect.any(String) },
  });
  expect(writes).toBe(7);
});

test('a value that is gone already counts as withdrawn', async () => {
  harness.azure.addZone(ZONE);
  await harness.provider().withdraw(azureTarget(), [record('api', 'gone')], signal);
  expect(harness.azure.counts()).toMatchObject({ 'GET set': 1 });
});

test('a zone that is the name itself has its values at @', async () => {
  const zoneName = `_acme-challenge.api.${ZONE}`;
  harness.azure.addZone(zoneName);
  await harness.provider().publish(azureTarget({}, { zoneName }), [record('api', 'v')], signal, 0);
  expect(harness.azure.txtOf(zoneName)).toEqual({ '@': ['v'] });
});

test('when one of the names fails it is left open whether the others have values', async () => {
  harness.azure.addZone(ZONE);
  harness.azure.refuse = ({ method, name }) =>
    method === 'PUT' && name === '_acme-challenge.bad'
      ? { status: 400, body: { error: { code: 'BadRequest', message: 'A CNAME record is there.' } } }
      : undefined;
  const records = [record('good', 'v'), record('bad', 'v')];
  await expect(harness.provider().publish(azureTarget(), records, signal, 0)).rejects.toMatchObject({
    code: 'dns/changeRefused',
    message: expect.stringContaining('HTTP 400 BadRequest: A CNAME record is there.'),
    info: { outcomeUnknown: true },
  });
  const alone = harness.provider().publish(azureTarget(), [record('bad', 'v')], signal, 0);
  const failure = (await alone.catch((error: unknown) => error)) as { info: object };
  expect(failure.info).not.toHaveProperty('outcomeUnknown');
});

test('a publication that is cancelled before it is sent leaves nothing behind', async () => {
  harness.azure.addZone(ZONE);
  const cancelled = new AbortController();
  const published = harness.provider().publish(azureTarget(), [record('api', 'v')], cancelled.signal, 0);
  cancelled.abort(new Error('cancelled'));
  await expect(published).rejects.toThrow('cancelled');
  expect(harness.azure.counts()['PUT set']).toBeUndefined();
});
