import { describe, expect, it } from 'vitest';
import { record, SINCE, signal, useRoute53 } from '../../../support/dns/route53-harness.ts';
import { zoneTarget } from '../../../support/dns/route53-proxy.ts';

const lab = useRoute53();

describe('finding the zone', () => {
  it('takes Hive’s DNSZone of that name without asking AWS for zones or name servers', async () => {
    lab.kubernetes.put('DNSZone', 'ns', 'other', {
      spec: { zone: 'other.example.com' },
      status: { aws: { zoneID: 'ZOTHER' } },
    });
    lab.kubernetes.put('DNSZone', 'ns', 'zone', {
      spec: { zone: lab.zoneName },
      status: { nameServers: ['ns-1.example.net.'], aws: { zoneID: lab.zoneId } },
    });
    const published = await lab
      .provider({ needsNameServers: true })
      .publish(lab.here(), [record(lab.zoneName)], signal, SINCE);
    expect(published).toMatchObject({ zoneId: lab.zoneId, nameServers: ['ns-1.example.net'] });
    expect(lab.proxy.counts()).toEqual({ ChangeResourceRecordSets: 1 });
  });

  it('says that Hive has not made it yet', async () => {
    lab.kubernetes.put('DNSZone', 'ns', 'zone', { spec: { zone: lab.zoneName }, status: {} });
    await expect(lab.provider().publish(lab.here(), [record(lab.zoneName)], signal, SINCE)).rejects.toMatchObject({
      code: 'dns/zoneNotFound',
      message: expect.stringContaining('DNSZone ns/zone has no status.aws.zoneID'),
    });
  });

  it('looks it up by name, with its name servers, and keeps both', async () => {
    const dns = lab.provider({ needsNameServers: true });
    const deep = zoneTarget({ zoneName: `deep.${lab.zoneName}` });
    const published = await dns.publish(deep, [record(`deep.${lab.zoneName}`)], signal, SINCE);
    expect(published.zoneId).toBe(lab.zoneId);
    expect(published.nameServers.length).toBeGreaterThan(1);
    await dns.publish(deep, [record(`x.deep.${lab.zoneName}`)], signal, SINCE);
    expect(lab.proxy.counts()).toMatchObject({ ListHostedZones: 1, GetHostedZone: 1 });
  });

  it('finds a zone beyond the first hundred', async () => {
    for (let n = 0; n < 110; n++) await lab.moto.createZone(`m${n}.many.example.net`);
    const last = await lab.moto.createZone('last.many.example.net');
    const beyond = zoneTarget({ zoneName: 'last.many.example.net' });
    const published = await lab.provider().publish(beyond, [record('last.many.example.net')], signal, SINCE);
    expect(published.zoneId).toBe(last);
    expect(lab.proxy.counts()['ListHostedZones']).toBeGreaterThan(1);
  });

  it('names both of two zones of one name, and goes on when one is gone', async () => {
    const double = await lab.moto.createZone(lab.zoneName);
    const dns = lab.provider();
    await expect(dns.publish(lab.here(), [record(lab.zoneName)], signal, SINCE)).rejects.toMatchObject({
      code: 'dns/zoneAmbiguous',
      message: expect.stringMatching(new RegExp(`${lab.zoneId}.*${double}|${double}.*${lab.zoneId}`)),
    });
  });

  it('leaves private zones out', async () => {
    const name = `private.${lab.zoneName}`;
    await lab.moto.createZone(name, { private: true });
    expect(await lab.provider().publish(zoneTarget({ zoneName: name }), [record(name)], signal, SINCE)).toMatchObject({
      zoneId: lab.zoneId,
    });
  });

  it('sees a zone that was created after the list was read', async () => {
    const dns = lab.provider();
    await dns.publish(lab.here(), [record(lab.zoneName)], signal, SINCE);
    const late = zoneTarget({ zoneName: `late.example.org` });
    await expect(dns.publish(late, [record(late.zoneName)], signal, SINCE)).rejects.toMatchObject({
      code: 'dns/zoneNotFound',
    });
    const lateId = await lab.moto.createZone(late.zoneName);
    expect(await dns.publish(late, [record(late.zoneName)], signal, SINCE)).toMatchObject({ zoneId: lateId });
  });
});

describe('the delegation of the zone', () => {
  const deep = () => zoneTarget({ zoneName: `deep.${lab.zoneName}` });

  it('is that of Hive’s DNSZone, without a request', async () => {
    const status = { nameServers: ['ns-1.example.net.'], aws: { zoneID: lab.zoneId } };
    lab.kubernetes.put('DNSZone', 'ns', 'zone', { spec: { zone: lab.zoneName }, status });
    const found = await lab.provider({ needsNameServers: true }).delegation(lab.here(), signal);
    expect(found).toEqual({ name: lab.zoneName, nameServers: ['ns-1.example.net'] });
    expect(lab.proxy.counts()).toEqual({});
  });

  it('is looked up by what a publication then need not look up', async () => {
    const dns = lab.provider({ needsNameServers: true });
    const found = await dns.delegation(deep(), signal);
    expect(found?.name).toBe(lab.zoneName);
    expect(found?.nameServers.length).toBeGreaterThan(1);
    await dns.delegation(deep(), signal);
    const lookups = lab.proxy.counts();
    const { nameServers } = await dns.publish(deep(), [record(`deep.${lab.zoneName}`)], signal, SINCE);
    expect(nameServers).toEqual(found?.nameServers);
    expect(lookups).toMatchObject({ GetHostedZone: 1 });
    expect(lab.proxy.counts()).toEqual({ ...lookups, ChangeResourceRecordSets: 1 });
  });

  it('has no servers where a publication does not need them', async () => {
    const found = await lab.provider().delegation(deep(), signal);
    expect(found).toEqual({ name: lab.zoneName, nameServers: [] });
    expect(Object.keys(lab.proxy.counts())).toEqual(['ListHostedZones']);
  });

  it('of the one zone of FedRAMP mode is known only where its servers are', async () => {
    const fedramp = { hostedZoneId: lab.zoneId, standaloneRequests: false };
    lab.kubernetes.putCredentials('certman-operator', 'certman-operator-aws-credentials', 'AKIAOPERATOR');
    expect(await lab.provider({}, { fedramp }).delegation(deep(), signal)).toBeUndefined();
    const found = await lab.provider({ needsNameServers: true }, { fedramp }).delegation(deep(), signal);
    expect(found?.name).toBe(lab.zoneName);
    expect(lab.proxy.counts()).toEqual({ GetHostedZone: 1 });
  });

  it('fails as a publication would', async () => {
    const elsewhere = zoneTarget({ zoneName: 'nowhere.example.org' });
    await expect(lab.provider().delegation(elsewhere, signal)).rejects.toMatchObject({ code: 'dns/zoneNotFound' });
  });
});
