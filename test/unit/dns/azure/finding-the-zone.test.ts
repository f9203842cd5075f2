import { expect, test } from 'vitest';
import { azureTarget, record, signal, useAzure, ZONE } from '../../../support/dns/azure/harness.ts';

const harness = useAzure();
const publish = (target = azureTarget()) => harness.provider().publish(target, [record('api', 'v')], signal, 0);

test("the zone is that of Hive's DNSZone, in the resource group of that", async () => {
  harness.azure.addZone(ZONE, 'hive-group');
  const spec = { zone: ZONE, azure: { resourceGroupName: 'hive-group' } };
  harness.kubernetes.put('DNSZone', 'ns', 'c1', { spec, status: { nameServers: ['ns1.example.net.'], azure: {} } });
  expect(await publish()).toEqual({ zoneId: `hive-group/${ZONE}`, nameServers: ['ns1.example.net'] });
  expect(harness.azure.counts()).toEqual({ 'PUT set': 1 });
});

test('a zone that Hive has not created yet is waited for', async () => {
  const spec = { zone: ZONE, azure: { resourceGroupName: 'dns' } };
  harness.kubernetes.put('DNSZone', 'ns', 'c1', { spec, status: {} });
  await expect(publish()).rejects.toMatchObject({
    code: 'dns/zoneNotFound',
    message: expect.stringContaining('DNSZone ns/c1 has no status.nameServers'),
  });
});

test('a DNSZone whose resource group would name another zone is not followed', async () => {
  harness.azure.addZone('example.org', 'others');
  const spec = { zone: ZONE, azure: { resourceGroupName: 'others/example.org' } };
  harness.kubernetes.put('DNSZone', 'ns', 'c1', { spec, status: { nameServers: ['ns1.example.net.'] } });
  await expect(publish()).rejects.toMatchObject({ code: 'dns/zoneNotFound' });
  expect(harness.azure.counts()).toEqual({});
});

test('without a DNSZone it is the longest public match in the resource group, of all pages', async () => {
  for (const n of [1, 2, 3]) harness.azure.addZone(`o${n}.example.net`);
  harness.azure.addZone(ZONE, 'another');
  harness.azure.addZone('example.com');
  expect(await publish()).toMatchObject({ zoneId: 'dns/example.com' });
  expect(harness.azure.txtOf('example.com')).toEqual({ '_acme-challenge.api.c1': ['v'] });
  expect(harness.azure.counts()).toMatchObject({ 'GET zone': 3 });
});

test('without a resource group it is looked for in the subscription', async () => {
  harness.azure.addZone(ZONE, 'somewhere');
  expect(await publish(azureTarget({ resourceGroupName: '' }))).toMatchObject({ zoneId: `somewhere/${ZONE}` });
});

test('without any it says where it was looked for', async () => {
  await expect(publish()).rejects.toMatchObject({
    code: 'dns/zoneNotFound',
    message: expect.stringMatching(/None of the 0 DNS zones of the subscription, or of the resource group/),
  });
});

test('a resource group that is none is refused without a request', async () => {
  await expect(publish(azureTarget({ resourceGroupName: 'a/../b' }))).rejects.toMatchObject({
    code: 'dns/zoneNotFound',
    message: expect.stringContaining('"a/../b"'),
  });
  expect(harness.azure.hosts.size).toBe(0);
});

test('a zone that moved to another resource group is found', async () => {
  harness.azure.addZone(ZONE, 'old');
  const dns = harness.provider();
  const target = azureTarget({ resourceGroupName: '' });
  await dns.publish(target, [record('api', 'a')], signal, 0);
  harness.azure.addZone(ZONE, 'new');
  expect(await dns.publish(target, [record('api', 'b')], signal, 0)).toMatchObject({ zoneId: `new/${ZONE}` });
});

test('a zone that is gone counts as withdrawn', async () => {
  await harness.provider().withdraw(azureTarget(), [record('api', 'v')], signal);
  expect(harness.azure.counts()['DELETE set']).toBeUndefined();
});

test.each([
  [undefined, 'login.microsoftonline.com', 'management.azure.com'],
  ['AzureUSGovernmentCloud', 'login.microsoftonline.us', 'management.usgovcloudapi.net'],
  ['AzureChinaCloud', 'login.chinacloudapi.cn', 'management.chinacloudapi.cn'],
])('the hosts of cloud %s are %s and %s, and no others', async (cloudName, ...hosts) => {
  harness.azure.addZone(ZONE);
  await publish(azureTarget({ cloudName }));
  expect([...harness.azure.hosts]).toEqual(hosts);
});

test('a cloud that certman does not know is named', async () => {
  await expect(publish(azureTarget({ cloudName: 'AzureGermanCloud' }))).rejects.toMatchObject({
    code: 'dns/platformUnsupported',
    message: expect.stringContaining('AzureGermanCloud'),
  });
});
